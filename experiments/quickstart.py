"""The main job on generated people: train, evaluate bare and masked, draw, report.

    python -m experiments.quickstart --workdir=runs/quickstart

Needs no photo, no download and no GPU. The last line printed is one JSON object.
"""

import json
import pathlib
from typing import Any

import numpy as np
from absl import flags
from ml_collections import config_flags

from experiments import launch
from maskarc import scoring
from maskarc.data import crops, pairs, synthetic
from maskarc.evaluation import grids
from maskarc.train import config as config_lib
from maskarc.train import inputs, lock, loop

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    str(pathlib.Path(__file__).parent / "configs" / "quickstart.py"),
    "Configuration file.",
)
_WORKDIR = flags.DEFINE_string("workdir", "runs/quickstart", "Run folder.")
_TEST_IDENTITIES = flags.DEFINE_integer(
    "test_identities", 100, "People of the evaluation, none of them trained on."
)
_TEST_PAIRS = flags.DEFINE_integer("test_pairs", 2000, "Pairs of the evaluation.")

_PHOTOS_PER_TEST_IDENTITY = 6


def quickstart(
    config: config_lib.TrainConfig,
    workdir: pathlib.Path,
    *,
    test_identities: int,
    test_pairs: int,
) -> dict[str, Any]:
    """Trains on synthetic people and scores new ones; returns the scores."""
    loop.train(config, workdir)
    draw_crops(config, workdir / "masked_crops.png")
    people = synthetic.SyntheticFaces(
        test_identities,
        _PHOTOS_PER_TEST_IDENTITY,
        seed=config.seed,
        first_identity=config.num_identities,
    )
    folder = workdir / "test_people"
    synthetic.write_folder(people, folder)
    pairs.write_pairs(
        folder / "pairs.csv", synthetic.make_pairs(people, test_pairs, seed=config.seed)
    )
    photos = crops.Photos(root=str(folder), landmarks=str(folder / "landmarks.npz"))
    scores = {
        name: scoring.evaluate_pairs(
            workdir,
            photos,
            pairs=folder / "pairs.csv",
            output=workdir / name,
            masked=masked,
        )
        for name, masked in (("bare_bare", "none"), ("bare_masked", "second"))
    }
    return {
        name: {
            key: result[key]
            for key in ("accuracy", "accuracy_std", "auc", "tar_at_far", "pairs")
        }
        for name, result in scores.items()
    } | {"workdir": str(workdir)}


def draw_crops(config: config_lib.TrainConfig, path: pathlib.Path) -> None:
    """Draws 32 crops as the network sees them, about half of them masked."""
    source = inputs.create_source(config, path.parent)
    rng = np.random.default_rng(config.seed)
    drawn = []
    for index in rng.choice(len(source), 32, replace=False):
        element = source[int(index)]
        for transform in inputs.augmentations(config):
            element = transform.random_map(element, rng)
        drawn.append(element["image"])
    grids.image_grid(path, drawn, columns=8)


def main(argv: list[str]) -> None:
    """Parses the flags and runs the job."""
    del argv
    workdir = pathlib.Path(_WORKDIR.value)
    with lock.held(workdir / "quickstart.lock"):
        result = quickstart(
            _CONFIG.value,
            workdir,
            test_identities=_TEST_IDENTITIES.value,
            test_pairs=_TEST_PAIRS.value,
        )
    print(json.dumps(result))


if __name__ == "__main__":
    launch.run(main, kept="checkpoints are kept; repeat the command to go on")
