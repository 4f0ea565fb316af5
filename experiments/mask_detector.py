"""Makes the mask detector that is in the package: does this face wear a mask?

    python -m experiments.mask_detector --faces=../shared/faces/train \\
        --cutouts=runs/masked_r29/masks.json --workdir=runs/mask_detector \\
        --real=../shared/faces/mfr2_dev

A small network sees each photo bare and with a random mask, side by side. Writes
mask_detector.safetensors; with --real, a folder in MFR2's layout, it also says how many
real masks it sees.
"""

import hashlib
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tqdm
from absl import flags

from experiments import launch
from experiments.configs import masked_r29
from maskarc import images, landmarks, mask_detection, masked_views, models
from maskarc.convert import own_file
from maskarc.data import crops, pipeline, protocols, sources, transforms
from maskarc.masks import mixture

_FACES = flags.DEFINE_string("faces", None, "Photos to train on.", required=True)
_LANDMARKS = flags.DEFINE_string("landmarks", "", "Their landmark table, if any.")
_CUTOUTS = flags.DEFINE_string("cutouts", None, "A masks.json.", required=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for it.", required=True)
_REAL = flags.DEFINE_string("real", "", "Folder of photos with real masks.")
_SEED = flags.DEFINE_integer("seed", 0, "Root of all randomness.")
_STEPS = flags.DEFINE_integer("steps", 1_500, "Of training.")
_BATCH_SIZE = 64
_LEARNING_RATE = 2e-3
# More than the recogniser learns from: what is to be told is whether, not who.
_MORE_MASKS = "gas_black:0.3, gas_grey:0.3, cloth_floral:0.5, kn95_grey:0.3"


def main(argv: list[str]) -> None:
    """Parses the flags, trains, writes and tries."""
    del argv
    workdir = pathlib.Path(_WORKDIR.value)
    workdir.mkdir(parents=True, exist_ok=True)
    backbone = models.create("small_cnn")
    params = _train(backbone, _batches(backbone.image_size, workdir))
    weights = own_file.Weights(
        backbone=backbone, params=params, stats={}, crop=mask_detection.CROP
    )
    file = workdir / "mask_detector.safetensors"
    own_file.save(file, weights, half=True)
    print(f"{file}: SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}")
    if _REAL.value:
        _try(mask_detection.MaskDetector.load(file), _REAL.value, workdir)


def _batches(size: int, workdir: pathlib.Path) -> Any:
    """Batches of crops [B, 2, S, S, 3], bare and masked."""
    if _LANDMARKS.value:
        table = landmarks.LandmarkTable.load(_LANDMARKS.value)
    else:
        table = landmarks.detect_folder(
            landmarks.create_detector("mesh"),
            _FACES.value,
            images.list_images(_FACES.value),
            save_to=workdir / "landmarks.npz",
        )
    source = sources.ImageFolder.from_folder(_FACES.value, table)
    drawn = f"{masked_r29.DRAWN}, {_MORE_MASKS}"
    masks = mixture.parse(
        masked_r29.with_cutouts(drawn, _CUTOUTS.value, weight=5),
        size_jitter=0.05,
        shift_jitter=0.03,
    )
    rest = (
        transforms.AlignedCrop(
            size=size, shift=0.03, scale=0.06, rotation=0.06, crop=mask_detection.CROP
        ),
        transforms.RandomFlip(),
        transforms.ColorJitter(0.4),
        transforms.QualityJitter(0.3),
    )
    both = transforms.BareAndMasked(transforms.RandomMask(masks, 1.0), rest)
    return pipeline.batches(source, [both], batch_size=_BATCH_SIZE, seed=_SEED.value)


def _train(backbone: models.Backbone, batches: Any) -> Any:
    """The trained parameters."""
    params, stats = backbone.init(jax.random.key(_SEED.value))
    schedule = optax.cosine_decay_schedule(_LEARNING_RATE, _STEPS.value)
    optimizer = optax.adamw(schedule, weight_decay=1e-3)

    def loss(params, crops):
        logits, _ = backbone.apply(params, stats, crops.reshape(-1, *crops.shape[2:]))
        wears = jnp.tile(jnp.array([0.0, 1.0]), len(crops))
        return optax.sigmoid_binary_cross_entropy(logits[:, 0], wears).mean()

    @jax.jit
    def step(params, state, crops):
        value, gradients = jax.value_and_grad(loss)(params, crops)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, value

    state = optimizer.init(params)
    stream = pipeline.iterate(batches)
    with tqdm.trange(_STEPS.value, desc="training", unit="step") as bar:
        for number in bar:
            params, state, value = step(params, state, next(stream)["image"])
            if number % 100 == 0:
                bar.set_postfix(loss=f"{float(value):.4f}")
    return params


def _try(
    detector: mask_detection.MaskDetector, folder: str, workdir: pathlib.Path
) -> None:
    """Prints how many bare and masked photos it takes for such."""
    worn = protocols.read_mask_labels(f"{folder}/mfr2_labels.txt", folder)
    names = sorted(worn)
    seen = crops.Photos(root=folder).crops(
        [(name, False) for name in names],
        size=detector.image_size,
        crop=mask_detection.CROP,
        keep_in=workdir / "real",
    )
    read = [seen.read(index) for index in range(len(seen))]
    for title, wanted in (("bare", False), ("masked", True)):
        mine = [
            crop
            for name, crop in zip(names, read, strict=True)
            if bool(worn[name]) == wanted and crop is not None
        ]
        said = detector(np.stack(mine)) >= masked_views.LEAST
        print(f"{title}: {(said == wanted).sum()} of {len(mine)} photos taken for such")


if __name__ == "__main__":
    launch.run(main)
