"""Makes the recogniser that is in the package, from its start weights to the file.

    python -m experiments.recogniser --faces=../shared/faces/train \\
        --masked_photos=../shared/faces/masked_photos --workdir=runs/masked_r29 \\
        --lfw=../shared/faces/lfw

Cuts masks out of the photos of masked people, trains twice, and takes the mean of the
start weights and of both results. In the workdir are then: masks.json, and
held_back.json, which the trainings did not see; still_N and moving_N, the runs of seed
N; masked_r29_N.safetensors. With --lfw it also prints the thresholds. Repeating the
command goes on.
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
_STEPS = flags.DEFINE_integer(
    "steps", masked_r29.get_config().steps, "Of each training."
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
    runs = {name: _train(name, cutouts, workdir) for name in masked_r29.TRAININGS}
    sources = [runs.get(name, name) for name in masked_r29.SHARES]
    blended = blending.blend(
        [inference.load_weights(source) for source in sources],
        list(masked_r29.SHARES.values()),
    )
    file = workdir / f"masked_r29_{_SEED.value}.safetensors"
    own_file.save(file, blended, half=True)
    print(f"{file}: SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}")
    if _LFW.value:
        print(json.dumps(_thresholds(file, held_back)))


def _train(name: str, cutouts: pathlib.Path, workdir: pathlib.Path) -> pathlib.Path:
    """The folder of a training, begun or gone on with."""
    config = masked_r29.get_config(name)
    config.masks = masked_r29.with_cutouts(config.masks, cutouts)
    config.data_dir = _FACES.value
    config.landmarks, config.detector = _LANDMARKS.value, _DETECTOR
    config.seed, config.steps = _SEED.value, _STEPS.value
    run = workdir / f"{name}_{config.seed}"
    loop.train(config, run)
    return run


def _thresholds(file: pathlib.Path, held_back: pathlib.Path) -> Mapping[str, object]:
    """Those of View 1's training list."""
    listed = pair_lists.read_pairs(
        f"{_LFW.value}/pairsDevTrain.txt", f"{_LFW.value}/images"
    )
    return scoring.impostor_thresholds(
        scoring.ModelChoice(source=str(file), flip=True, masked_views=True),
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
