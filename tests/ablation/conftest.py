"""A grid whose runs were not trained: their records are planted."""

import pytest

from maskarc import ablation, files
from maskarc.ablation import records
from maskarc.train import config as config_lib

BASE = config_lib.TrainConfig(source="synthetic", image_size=64, width=4)
# By margin and seed: bare accuracy, masked accuracy, training loss.
SCORES = {
    (0.2, 0): (0.60, 0.50, 4.0),
    (0.2, 1): (0.70, 0.55, 5.0),
    (0.2, 2): (0.80, 0.54, 9.0),
    (0.5, 0): (0.75, 0.65, 6.0),
}
FAILED = {(0.5, 2): "DivergedError: the loss is nan"}
BARE, MASKED = "new people, bare", "new people, one masked"


@pytest.fixture
def planted(tmp_path):
    """(grid, its folder, its tasks): 0.2 is complete, 0.5 in part, 0.9 not begun."""
    grid = ablation.Grid(
        base=BASE,
        axes={"margin": (0.2, 0.5, 0.9)},
        held_out={
            "new people": ablation.Generated(
                identities=20, pairs=40, photos=2, nearest=()
            )
        },
        seeds=(0, 1, 2),
    )
    tasks = ablation.prepare(grid, tmp_path, progress=False)
    for run in grid.runs():
        folder, key = tmp_path / "runs" / run.name, (run.config.margin, run.seed)
        if key in SCORES:
            tasks[run.name].write(folder)
            bare, masked, loss = SCORES[key]
            plain = {
                "task": tasks[run.name].to_json(),
                "scores": {
                    BARE: {"value": bare, "chance": 0.5},
                    MASKED: {"value": masked, "chance": 0.5},
                },
                "parameters": 1234567,
                "train_loss": loss,
                "curve": [[50, bare - 0.1], [100, bare]],
            }
            files.write_json(folder / records.SCORES, plain)
        if key in FAILED:
            tasks[run.name].write(folder)
            records.write_failure(folder, FAILED[key])
    return grid, tmp_path, tasks
