"""Makes the recogniser that is in the package, from its start weights to the file.

    python -m experiments.recogniser --faces=../shared/faces/train \\
        --masked_photos=../shared/faces/masked_photos --workdir=runs/masked_r29 \\
        --lfw=../shared/faces/lfw

Cuts masks out of the photos of masked people, trains, and blends the result with its
start. In the workdir are then: masks.json, and held_back.json, which the training did
not see; seed_N, the run; masked_r29_seed_N.safetensors. With --lfw it also prints the
thresholds. Repeating the command goes on.
"""

import hashlib
import json
import pathlib
from collections.abc import Mapping

from absl import flags

from experiments import launch
from experiments.configs import masked_r29
from maskarc import inference, scoring
from maskarc.convert import own_file
from maskarc.data import crops
from maskarc.data import pairs as pair_lists
from maskarc.masks import collecting
from maskarc.train import blending, loop

_FACES = flags.DEFINE_string("faces", None, "Photos to train on.", required=True)
_LANDMARKS = flags.DEFINE_string("landmarks", "", "Their landmark table, if any.")
_MASKED_PHOTOS = flags.DEFINE_string(
    "masked_photos",
    None,
    "Photos of masked people, to cut masks out of.",
    required=True,
)
_LFW = flags.DEFINE_string("lfw", "", "Folder of LFW, for thresholds on its View 1.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of it all.", required=True)
_SEED = flags.DEFINE_integer("seed", 0, "Root of all randomness.")
_STEPS = flags.DEFINE_integer("steps", masked_r29.get_config().steps, "Of training.")
_SHARE = flags.DEFINE_float(
    "share", masked_r29.SHARE, "How far from the start weights to the trained ones."
)
# Of landmarks everywhere: with another one the file would be another.
_DETECTOR = "mesh"


def main(argv: list[str]) -> None:
    """Parses the flags and makes it."""
    del argv
    workdir = pathlib.Path(_WORKDIR.value)
    workdir.mkdir(parents=True, exist_ok=True)
    cutouts, held_back = workdir / "masks.json", workdir / "held_back.json"
    if not cutouts.exists():
        collecting.build_database(
            _MASKED_PHOTOS.value, cutouts, detector=_DETECTOR, holdout=str(held_back)
        )
    config = masked_r29.get_config()
    config.masks = masked_r29.with_cutouts(config.masks, cutouts)
    config.data_dir = _FACES.value
    config.landmarks, config.detector = _LANDMARKS.value, _DETECTOR
    config.seed, config.steps = _SEED.value, _STEPS.value
    run = workdir / f"seed_{config.seed}"
    loop.train(config, run)
    file = workdir / f"masked_r29_seed_{config.seed}.safetensors"
    start = inference.load_weights(config.init_from)
    tuned = inference.load_weights(run)
    own_file.save(file, blending.blend(start, tuned, _SHARE.value), half=True)
    print(f"{file}: SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}")
    if _LFW.value:
        print(json.dumps(_thresholds(file, held_back)))


def _thresholds(file: pathlib.Path, held_back: pathlib.Path) -> Mapping[str, object]:
    """Those of View 1's training list."""
    listed = pair_lists.read_pairs(
        f"{_LFW.value}/pairsDevTrain.txt", f"{_LFW.value}/images"
    )
    return scoring.impostor_thresholds(
        scoring.ModelChoice(source=str(file), flip=True),
        crops.Photos(
            root=f"{_LFW.value}/images",
            masks=masked_r29.with_cutouts(masked_r29.HELD_BACK, held_back),
            detector=_DETECTOR,
        ),
        sorted({*listed.first, *listed.second}),
        keep_in=pathlib.Path(_WORKDIR.value, "view_1"),
    )


if __name__ == "__main__":
    launch.run(main)
