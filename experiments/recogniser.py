"""Makes the recogniser that is in the package, from its start weights to the file.

    python -m experiments.recogniser --faces=../shared/faces/train \\
        --masked_photos=../shared/faces/masked_photos --workdir=runs/masked_r29 \\
        --lfw=../shared/faces/lfw

Cuts masks out of the photos of masked people, trains twice with each seed, takes the
mean of the start weights and of all results, and adds what it makes of the masked
people, as strangers to compare with (`maskarc.cohorts`). In the workdir are then:
masks.json, and held_back.json, which the trainings did not see; still_N and moving_N,
the runs of seed N; masked_r29_0_1.safetensors, named after the seeds, and
mean_0_1.safetensors, the same without strangers. With --lfw it also prints the
thresholds. Repeating the command goes on.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping

from absl import flags

from experiments import launch
from experiments.configs import masked_r29
from maskarc import images, inference, scoring
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
_SEEDS = flags.DEFINE_list("seeds", ["0", "1"], "Roots of all randomness.")
flags.register_validator(
    "seeds",
    lambda seeds: bool(seeds) and all(seed.isdecimal() for seed in seeds),
    "not numbers",
)
_STEPS = flags.DEFINE_integer(
    "steps", None, "Of each training, in place of its own number.", lower_bound=1
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
    runs = [
        _train(name, int(seed), cutouts, workdir)
        for seed in _SEEDS.value
        for name in masked_r29.TRAININGS
    ]
    start = inference.load_weights(masked_r29.get_config().init_from)
    sets = [start, *map(inference.load_weights, runs)]
    seeds = "_".join(_SEEDS.value)
    alone = workdir / f"mean_{seeds}.safetensors"
    own_file.save(alone, blending.mean(sets), half=True)
    file = workdir / f"masked_r29_{seeds}.safetensors"
    own_file.save(file, _with_strangers(alone, held_back), half=True)
    print(f"{file}: SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}")
    if _LFW.value:
        print(json.dumps(_thresholds(file, held_back)))


def _train(
    name: str, seed: int, cutouts: pathlib.Path, workdir: pathlib.Path
) -> pathlib.Path:
    """The folder of a training, begun or gone on with."""
    config = masked_r29.get_config(name)
    config.masks = masked_r29.with_cutouts(config.masks, cutouts, masked_r29.CUTOUTS)
    config.data_dir = _FACES.value
    config.landmarks, config.detector = _LANDMARKS.value, _DETECTOR
    config.seed, config.steps = seed, _STEPS.value or config.steps
    run = workdir / f"{name}_{config.seed}"
    loop.train(config, run)
    return run


def _with_strangers(file: pathlib.Path, held_back: pathlib.Path) -> own_file.Weights:
    """The weights with a cohort: those masked people whose masks are not held back."""
    left_out = {mask["source"] for mask in json.loads(held_back.read_bytes())["masks"]}
    names = [
        name
        for name in images.list_images(_MASKED_PHOTOS.value)
        if name not in left_out
    ]
    strangers = scoring.embed(
        scoring.ModelChoice(source=str(file), flip=True),
        crops.Photos(root=_MASKED_PHOTOS.value, detector=_DETECTOR),
        tuple((name, False) for name in names),
        keep_in=pathlib.Path(_WORKDIR.value, "strangers"),
    )
    return dataclasses.replace(
        own_file.load(file), cohort=strangers.embeddings[~strangers.failed]
    )


def _thresholds(file: pathlib.Path, held_back: pathlib.Path) -> Mapping[str, object]:
    """Those of View 1's training list."""
    listed = pair_lists.read_pairs(
        f"{_LFW.value}/pairsDevTrain.txt", f"{_LFW.value}/images"
    )
    return scoring.impostor_thresholds(
        scoring.ModelChoice(source=str(file), flip=True, masked_views=True),
        crops.Photos(
            root=f"{_LFW.value}/images",
            masks=masked_r29.unseen(held_back),
            detector=_DETECTOR,
        ),
        sorted({*listed.first, *listed.second}),
        keep_in=pathlib.Path(_WORKDIR.value, "view_1"),
    )


if __name__ == "__main__":
    launch.run(main, kept="checkpoints are kept; repeat the command to go on")
