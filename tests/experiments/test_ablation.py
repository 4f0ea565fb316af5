"""The grid as its user meets it: a file and flags in, a table or commands out."""

import importlib
import json
import pathlib
import shlex
import subprocess
import sys

import pytest

from maskarc import images

ROOT = pathlib.Path(__file__).parents[2]
GRIDS = sorted(
    path.stem
    for path in (ROOT / "experiments/configs/grids").glob("*.py")
    if path.stem != "__init__"
)
GRID = """
from maskarc import ablation
from maskarc.train import config

def get_config():
    return config.TrainConfig(
        source="synthetic", num_identities=4, photos_per_identity=4, image_size=32,
        stem="small", width=4, embed_dim=8, batch_size=4, steps=0,
    )

def get_grid(base):
    people = ablation.Generated(
        identities=20, pairs=40, photos=2, masked=("none",), nearest=(True,)
    )
    return ablation.Grid(
        base=base,
        axes={"margin": {"soft one": 0.25, "hard": 0.4}},
        held_out={"new people": people},
        seeds=(0, 1),
    )
"""


@pytest.fixture(scope="module")
def grid_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("grids") / "margins.py"
    path.write_text(GRID)
    return path


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "experiments.ablation", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_part_is_trained_and_the_table_names_the_rest(grid_file, tmp_path):
    flags = [f"--config={grid_file}", f"--workdir={tmp_path}", "--config.dropout=0.0"]
    done = run(*flags, "--only=margin=soft one", "--seeds=1")
    assert done.returncode == 0, done.stderr
    assert "margin=soft-one,seed=1: done" in done.stderr
    table = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    first, second = table["rows"]
    scores = first["scores"]["new people, bare"]["by_seed"]
    assert scores.keys() == {"1"} and 0 <= scores["1"] <= 1
    assert first["scores"]["new people, 1-NN, masked"]["chance"] == pytest.approx(
        1 / 39
    )
    assert (first["missing"], second["missing"]) == ([0], [0, 1])
    assert done.stdout == (tmp_path / "table.md").read_text(encoding="utf-8")
    settings = json.loads(
        (tmp_path / "runs/margin=soft-one,seed=1/config.json").read_text("utf-8")
    )
    assert (settings["margin"], settings["seed"], settings["dropout"]) == (0.25, 1, 0)
    for picture in ("table.png", "curves.png"):
        assert min(images.read_image(tmp_path / picture).shape[:2]) > 100


def test_print_gives_plain_commands_and_starts_nothing(grid_file, tmp_path):
    workdir = tmp_path / "grid"
    done = run(
        *(f"--config={grid_file}", f"--workdir={workdir}", "--print"),
        "--config.scale=9",
    )
    assert done.returncode == 0, done.stderr
    assert [shlex.split(line) for line in done.stdout.splitlines()] == [
        [
            *("python", "-m", "experiments.train", f"--config={grid_file}"),
            f"--workdir={workdir}/runs/margin={name},seed={seed}",
            *([f"--config.seed={seed}"] if seed else []),
            f"--config.margin={margin}",
            "--config.scale=9.0",
        ]
        for name, margin in (("soft-one", 0.25), ("hard", 0.4))
        for seed in (0, 1)
    ]
    assert not workdir.exists()


def test_a_mistake_is_one_clear_line(grid_file, tmp_path):
    workdir = tmp_path / "grid"
    done = run(f"--config={grid_file}", f"--workdir={workdir}", "--config.margin=0.1")
    assert done.returncode == 1
    assert "--only=margin=LABEL" in done.stderr and "Traceback" not in done.stderr
    assert not workdir.exists()


@pytest.mark.parametrize("name", GRIDS)
def test_grids_say_what_was_run(name):
    module = importlib.import_module(f"experiments.configs.grids.{name}")
    for told in ("Command:", "Hardware:", "Time:", "Score:"):
        assert told in module.__doc__


def test_the_tables_of_the_original_compare_its_networks(faces):
    del faces  # the folder of photos is checked when the grid is made
    for name in ("resnets_generated", "resnets_faces"):
        module = importlib.import_module(f"experiments.configs.grids.{name}")
        grid = module.get_grid(module.get_config())
        models = [cell.config.model for cell in grid.cells()]
        assert models == ["resnet18", "resnet50", "resnet101"]
        assert len(grid.seeds) == 3


def test_each_recipe_against_masks_gets_as_many_images(faces):
    del faces
    module = importlib.import_module("experiments.configs.grids.mask_recipes")
    configs = [cell.config for cell in module.get_grid(module.get_config()).cells()]
    assert len(configs) == 8
    for config in configs:
        assert config.steps * config.batch_size * (1 + config.pairs) == 300 * 64
        assert config.pairs == bool(config.consistency)
