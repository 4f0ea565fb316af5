import dataclasses

import pytest

from maskarc import ablation
from maskarc.ablation import checking
from maskarc.train import config as config_lib

PEOPLE = {"new people": ablation.Generated(identities=20, pairs=40)}
BASE = config_lib.TrainConfig(source="synthetic", image_size=64, width=4)


@pytest.mark.parametrize(
    ("field", "value", "error", "said"),
    [
        ("margim", 0.5, ValueError, "'margin'"),
        ("seed", 1, ValueError, "`seeds`"),
        ("steps", 1.5, TypeError, "steps: expected int"),
        ("steps", True, TypeError, "steps: expected int"),
        ("margin", "0.5", TypeError, "margin: expected float"),
        ("init_head", 1, TypeError, "init_head: expected bool"),
        ("model", 18, TypeError, "model: expected str"),
    ],
)
def test_fields_and_types(field, value, error, said):
    with pytest.raises(error, match=said):
        checking.checked({field: value})


def test_values_become_the_fields_types():
    fields = checking.checked({"margin": 1, "decay_at": [0.5, 0.8], "steps": 3})
    assert fields == {"margin": 1.0, "decay_at": (0.5, 0.8), "steps": 3}
    assert type(fields["margin"]) is float and type(fields["decay_at"]) is tuple


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("model", "vgg16", "resnet18"),
        ("stem", "huge", "huge"),
        ("image_size", 32, "32"),
        ("optimizer", "adagrad", "adamw"),
        ("schedule", "linear", "cosine"),
        ("masks", "nowhere.json", "nowhere.json"),
        ("crop", "oval", "arcface"),
        ("source", "tape", "synthetic"),
        ("source", "folder", "no folder of photos at ''"),
        ("landmarks", "nowhere.npz", "nowhere.npz"),
        ("mask_probability", 1.5, "mask_probability"),
        ("batch_size", 0, "batch_size"),
    ],
)
def test_a_cell_that_cannot_be_trained_is_named(field, value, said):
    axes = {field: {"good": getattr(BASE, field), "odd one": value}}
    with pytest.raises(ValueError, match=said) as caught:
        ablation.Grid(base=BASE, axes=axes, held_out=PEOPLE)
    assert "1 of 2 cells cannot be trained: odd one:" in str(caught.value)


def test_a_base_that_an_axis_overrules():
    base = dataclasses.replace(BASE, margin=0.1, scale=9.0)
    axes = {"loss": {"soft": {"margin": 0.3}, "hard": {"margin": 0.6}}}
    grid = ablation.Grid(base=base, axes=axes, held_out=PEOPLE)
    with pytest.raises(ValueError, match=r"--config\.margin .* --only=loss=LABEL"):
        checking.check_overrides(grid, BASE)
    checking.check_overrides(grid, dataclasses.replace(BASE, margin=0.1))
