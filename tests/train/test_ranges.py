"""Values that make no sense are refused before any work; those that do are not."""

import dataclasses
import math

import pytest

from maskarc.train import config, inputs, optim, ranges
from tests.train import tiny

WRONG = {
    "learning_rate": [-1.0, 0.0, math.nan, math.inf, "0.1", True, None],
    "momentum": [-1.0, 1.5, math.nan],
    "weight_decay": [-1.0, math.nan],
    "margin": [-1.0, 10.0, math.nan],
    "scale": [-1.0, 0.0, math.nan],
    "dropout": [1.0, -0.1],
    "mask_probability": [2.0, math.nan],
    "flip_probability": [-0.5, 1.5],
    "color_jitter": [-1.0, math.nan],
    "shift_jitter": [-1.0, math.nan],
    "ema_decay": [1.0, -1, math.nan],
    "warmup_steps": [-1, 10**9],
    "clip_norm": [-1.0, math.inf],
    "decay_at": [(2.0,), (0.0,), (0.5, 0.4), (0.5, 0.5), 0.5, ("0.5",)],
    "decay_power": [-1.0, math.nan],
    "image_size": [1, 0, -5, 1_000_000, 32.0],
    "embed_dim": [0, -1, 1],
    "batch_size": [0, 3.5, True, "16"],
    "log_every": [0],
    "checkpoint_every": [0],
    "keep": [0],
    "seed": [-1, 2**40],
    "class_sample": [0.0, -1.0, 2.0],
    "sub_centers": [0],
    "devices": [-1, 99, 3],
    "class_shards": [0, 3],
    "batch_norm_groups": [3, -1, 16],
    "accumulate": [3, 0, 16],
    "batch_photos_per_identity": [3, -1],
    "read_threads": [0],
    "worker_count": [-1],
    "classification": [0.0, math.nan],
    "similarity_distillation": [1.0],
    "pairs": [1, "yes"],
    "freeze": ["(", 3],
    "learning_rates": [(("(", 1.0),), (("a", -1.0),), ("a", 1.0), (("a",),)],
    "weight_decays": [(("a", math.nan),)],
    "masks": ["", "nosuch", "surgical:-1"],
    "verify_pairs": ["pairs.csv"],
}
# Of these the message has the valid ones.
UNKNOWN = {
    "source": "synthetic",
    "model": "resnet18",
    "crop": "arcface",
    "stem": "small",
    "loss": "adaface",
    "optimizer": "lamb",
    "schedule": "cosine",
    "precision": "bfloat16",
    "head_form": "blockwise",
    "parallel": "pmap",
    "verify_masked": "second",
}
SETTINGS = dataclasses.replace(tiny.SETTINGS, devices=1)


@pytest.fixture(scope="module", autouse=True)
def registered():
    tiny.register()


@pytest.mark.parametrize(
    ("field", "value"), [(f, value) for f, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_named(field, value):
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(SETTINGS, **{field: value}).validate()


@pytest.mark.parametrize(("field", "valid"), UNKNOWN.items())
def test_an_unknown_name_is_answered_with_the_valid_ones(field, valid):
    with pytest.raises(ValueError, match=rf"{field}: expected .*\b{valid}\b.*'x'"):
        dataclasses.replace(SETTINGS, **{field: "x"}).validate()


def test_a_fault_says_field_range_and_value():
    wrong = dataclasses.replace(SETTINGS, dropout=1.5, keep=0)
    with pytest.raises(ValueError) as caught:
        wrong.validate()
    assert str(caught.value) == (
        "dropout: expected a number in [0, 1), got 1.5; "
        "keep: expected a whole number in [1, 2147483647], got 0"
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "adaface", "accumulate": 16, "model": "dlib_resnet29"},
        {"loss": "adaface", "devices": 4, "batch_size": 4, "parallel": "pmap"},
        {"devices": 8, "batch_size": 8, "batch_norm_groups": 0},
        {"devices": 8, "batch_size": 8, "parallel": "pmap", "batch_norm_groups": 0},
        {"similarity_distillation": 1.0, "teacher": "a", "accumulate": 16},
    ],
)
def test_a_statistic_of_one_is_refused(settings):
    changed = dataclasses.replace(tiny.SETTINGS, image_size=112, **settings)
    with pytest.raises(ValueError, match="2 or more"):
        changed.validate()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"learning_rate": 1, "momentum": 0, "weight_decay": 0, "clip_norm": 5},
        {"steps": 0, "warmup_steps": 100},
        {"steps": 4, "warmup_steps": 100},
        {"accumulate": 8, "loss": "adaface"},
        {"accumulate": 16, "pairs": True, "loss": "adaface"},
        {"devices": 8, "parallel": "pmap", "batch_size": 8, "batch_norm_groups": 1},
        {"accumulate": 16, "model": "dlib_resnet29", "image_size": 150},
        {"loss": "sphereface", "margin": 4.0},
        {"decay_at": [0.5, 0.9], "learning_rates": [["a", 0.0]]},
        {"masks": "surgical:3, cloth[floral]@nose_out=0.1"},
        {"seed": 2**31 - 1},
    ],
)
def test_what_makes_sense_is_accepted(settings):
    dataclasses.replace(SETTINGS, **settings).validate()


def test_another_machine_may_have_other_devices():
    there = dataclasses.replace(SETTINGS, devices=16, batch_size=64, class_shards=16)
    there.validate(here=False)
    with pytest.raises(ValueError, match="class_shards"):
        dataclasses.replace(there, class_shards=3).validate(here=False)
    with pytest.raises(ValueError, match="devices: expected at most the 8"):
        there.validate()


def test_the_tables_know_every_field_and_every_name():
    fields = {
        field.name: field.type for field in dataclasses.fields(config.TrainConfig)
    }
    numbers = {n for n, kind in fields.items() if kind not in (bool, str)}
    assert ranges.RANGES.keys() | ranges.ELSEWHERE == numbers
    assert ranges.NAMES.keys() | ranges.PATTERNS <= fields.keys() - numbers
    assert ranges.NAMES.keys() == UNKNOWN.keys()
    for field, registry in (
        ("source", inputs.SOURCES),
        ("optimizer", optim.OPTIMIZERS),
        ("schedule", optim.SCHEDULES),
    ):
        assert set(ranges.NAMES[field]) == set(registry)


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ("[0, 1)", [0, 0.5], [1, -0.1, math.nan]),
        ("(0, inf)", [1e-9, 1e30], [0, math.inf, math.nan]),
    ],
)
def test_intervals(interval, inside, outside):
    assert all(ranges.contains(interval, value) for value in inside)
    assert not any(ranges.contains(interval, value) for value in outside)
