import dataclasses
import re

import pytest

from maskarc import ablation
from maskarc.train import config as config_lib

PEOPLE = {"new people": ablation.Generated(identities=20, pairs=40)}
BASE = config_lib.TrainConfig(source="synthetic", image_size=64, width=4)


def make(axes, **options):
    return ablation.Grid(**{"base": BASE, "axes": axes, "held_out": PEOPLE} | options)


def test_every_combination_with_every_seed():
    grid = make({"margin": (0.2, 0.5), "model": ("resnet18", "resnet34")}, seeds=(3, 5))
    found = [(r.config.margin, r.config.model, r.config.seed) for r in grid.runs()]
    assert found == [
        (margin, model, seed)
        for margin in (0.2, 0.5)
        for model in ("resnet18", "resnet34")
        for seed in (3, 5)
    ]
    assert len({run.name for run in grid.runs()}) == 8


def test_what_no_axis_sets_is_the_base():
    (cell,) = make({"embed_dim": (32,)}).cells()
    assert cell.config == dataclasses.replace(BASE, embed_dim=32)


def test_labels_are_for_people():
    grid = make(
        {
            "data": {
                "few": {"num_identities": 10, "photos_per_identity": 7},
                "many": {"num_identities": 90},
            },
            "margin": (0.5,),
        }
    )
    few, many = grid.cells()
    assert (few.title, many.title) == ("few, margin 0.5", "many, margin 0.5")
    assert (few.config.num_identities, few.config.photos_per_identity) == (10, 7)
    assert many.config.photos_per_identity == BASE.photos_per_identity


def test_names_are_safe_and_readable():
    masks = "surgical[own|random]:4@nose_out=0.05, cloth[floral]:2, kn95:1"
    grid = make({"masks": (masks, "builtin"), "init_head": (True, False)}, seeds=(0,))
    names = [run.name for run in grid.runs()]
    assert all(re.fullmatch(r"[A-Za-z0-9=,.+_-]{1,120}", name) for name in names)
    assert names[2:] == [
        "masks=builtin,init_head=True,seed=0",
        "masks=builtin,init_head=False,seed=0",
    ]
    assert names[0].startswith("masks=surgical-own-random")


def test_a_hostile_label_stays_in_the_folder():
    grid = make({"margin": {"../../etc/x": 0.2, "..": 0.3}}, seeds=(0,))
    names = [run.name for run in grid.runs()]
    assert names == ["margin=etc-x,seed=0", "margin=empty,seed=0"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"axes": {}}, "at least one value"),
        ({"axes": {"margin": ()}}, "at least one value"),
        ({"axes": {"margin": (0.2, 0.2)}}, "twice"),
        ({"axes": {"margin": (0.2,)}, "seeds": ()}, "seeds"),
        ({"axes": {"margin": (0.2,)}, "seeds": (1, 1)}, "seeds"),
        ({"axes": {"margin": (0.2,)}, "held_out": {}}, "held-out"),
        ({"axes": {"margin": (0.2,)}, "curve": "old people"}, "new people"),
        ({"axes": {"margin": {"a b": 0.2, "a-b": 0.3}}}, "same folder name"),
        ({"axes": {"margin": {"soft": 0.2, "hard": 0.2}}}, "same settings"),
        (
            {"axes": {"margin": (0.2,), "loss": {"arc": {"margin": 0.5}}}},
            "two axes set margin",
        ),
    ],
)
def test_refuses(options, said):
    with pytest.raises(ValueError, match=said):
        make(**options)


def test_an_axis_is_no_string():
    with pytest.raises(TypeError, match="several values"):
        make({"model": "resnet18"})


def test_select_keeps_what_agrees_with_every_axis():
    grid = make({"margin": (0.2, 0.5), "model": ("resnet18", "resnet34")}, seeds=(0, 1))
    runs = ablation.select(
        grid, ["model=resnet18", "margin=0.2", "margin=0.5"], seeds=[1]
    )
    assert [run.name for run in runs] == [
        "margin=0.2,model=resnet18,seed=1",
        "margin=0.5,model=resnet18,seed=1",
    ]
    assert ablation.select(grid) == grid.runs()


@pytest.mark.parametrize(
    ("only", "seeds", "said"),
    [
        (["model=vgg"], [], "margin=0.2"),
        (["depth=18"], [], "unknown part 'depth=18'"),
        (["margin"], [], "unknown part"),
        ([], [7], r"\[0, 1\]"),
    ],
)
def test_select_refuses_what_the_grid_has_not(only, seeds, said):
    grid = make({"margin": (0.2,)}, seeds=(0, 1))
    with pytest.raises(ValueError, match=said):
        ablation.select(grid, only, seeds)
