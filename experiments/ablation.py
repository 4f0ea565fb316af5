"""Trains and scores every cell of a grid and writes the table, mean ± deviation.

    python -m experiments.ablation --workdir=runs/resnets_faces \\
        --config=experiments/configs/grids/resnets_faces.py --config.data_dir=DIR

Repeating the command goes on. With --print it does nothing but print the trainings as
commands, one a line, for a cluster's job array; the command without --print, repeated
afterwards, scores what they have trained.
"""

import importlib.util
import pathlib
import shlex
import sys

from absl import flags
from ml_collections import config_flags

from experiments import launch
from maskarc import ablation
from maskarc.ablation import checking, commands

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Grid file: get_config() is the base, get_grid(base) the grid."
)
flags.mark_flag_as_required("config")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the grid.", required=True)
_ONLY = flags.DEFINE_multi_string(
    "only", [], "A part of the grid, AXIS=LABEL; may be repeated."
)
_SEEDS = flags.DEFINE_list("seeds", [], "Some of the grid's seeds: 0,1.")
flags.register_validator(
    "seeds", lambda seeds: all(seed.isdecimal() for seed in seeds), "not numbers"
)
_JOBS = flags.DEFINE_integer("jobs", 1, "Runs at once.", lower_bound=1)
_RETRY = flags.DEFINE_bool("retry_failed", False, "Try failed runs again.")
_PRINT = flags.DEFINE_bool("print", False, "Print the commands instead.")


def main(argv: list[str]) -> None:
    """Parses the flags and runs the grid, or prints its commands."""
    del argv
    path = config_flags.get_config_filename(flags.FLAGS["config"])
    grid_file = _load(path)
    grid = grid_file.get_grid(_CONFIG.value)
    default = grid_file.get_config()
    checking.check_overrides(grid, default)
    runs = ablation.select(grid, _ONLY.value, [int(seed) for seed in _SEEDS.value])
    if _PRINT.value:
        for command in commands.landmark_commands(grid, _WORKDIR.value):
            print("first, once:", shlex.join(command), file=sys.stderr)
        for run in runs:
            command = commands.train_command(run, path, default, _WORKDIR.value)
            print(shlex.join(command))
        return
    ablation.perform(
        grid,
        _WORKDIR.value,
        runs=runs,
        jobs=_JOBS.value,
        retry_failed=_RETRY.value,
    )
    print(pathlib.Path(_WORKDIR.value, "table.md").read_text(encoding="utf-8"), end="")


def _load(path: str):
    spec = importlib.util.spec_from_file_location("grid_file", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"expected a Python file with a grid, got {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "get_grid"):
        raise ValueError(
            f"{path} has no get_grid(base); a grid file returns a maskarc.ablation.Grid"
        )
    return module


if __name__ == "__main__":
    launch.run(
        main, kept="finished runs and checkpoints are kept; repeat the command to go on"
    )
