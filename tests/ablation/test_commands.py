"""Printed commands, parsed by what will parse them, give the cell's settings."""

import dataclasses
import shlex
import sys
from unittest import mock

import pytest
from absl import flags as absl_flags
from ml_collections import config_flags

from maskarc import ablation
from maskarc.ablation import commands
from maskarc.train import config as config_lib

# What ml_collections reads configuration files with.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")

FILE = "experiments/configs/masked_r29.py"


def parse(words):
    values = absl_flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values)
    absl_flags.DEFINE_string("workdir", None, "", flag_values=values)
    with mock.patch.object(sys, "argv", words[2:]):  # where overrides are looked for
        values(words[2:])
    return values.config, values.workdir


def default():
    return parse(["python", "-m", "experiments.train", f"--config={FILE}"])[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "resnet50", "margin": 0.1 + 0.2, "steps": 7},
        {"learning_rate": 1e-05, "init_head": False, "remat": True},
        {"masks": "surgical[own|random]:4@nose_out=0.05, kn95:1", "init_from": ""},
        {"decay_at": (0.5, 0.75), "learning_rates": (("^a b'/", 0.1), ("c$", 2.0))},
        {"decay_at": (), "learning_rates": ()},
        {"data_dir": "a folder/$HOME's & more"},
    ],
)
def test_flags_parse_back(changes):
    wanted = dataclasses.replace(default(), **changes)
    words = commands.flags(wanted, default())
    line = shlex.join(["python", "-m", "x", f"--config={FILE}", *words])
    assert "\n" not in line
    assert parse(shlex.split(line))[0] == wanted


def test_flags_name_nothing_that_is_the_files_own():
    config = dataclasses.replace(default(), seed=3)
    assert commands.flags(config, default()) == ["--config.seed=3"]


def test_train_commands_are_the_runs(tmp_path):
    (tmp_path / "photos").mkdir()
    base = config_lib.TrainConfig(
        source="folder", data_dir=str(tmp_path / "photos"), width=4
    )
    grid = ablation.Grid(
        base=base,
        axes={"margin": {"soft one": 0.2, "hard one": 0.5}},
        held_out={"new people": ablation.Generated(identities=20, pairs=40)},
        seeds=(0, 4),
    )
    ((*detect, table),) = commands.landmark_commands(grid, "runs/grid")
    assert detect == [
        *("python", "-m", "experiments.detect_landmarks"),
        f"--input={tmp_path / 'photos'}",
    ]
    table = table.removeprefix("--output=")
    for run in grid.runs():
        words = commands.train_command(run, FILE, default(), "runs/grid")
        config, workdir = parse(words)
        assert config == dataclasses.replace(run.config, landmarks=table)
        assert workdir == f"runs/grid/runs/{run.name}"
