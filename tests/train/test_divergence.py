"""A run that learns nothing for NaN never ends as if it had; the advice fits."""

import csv
import dataclasses
import math

import jax
import jax.numpy as jnp
import pytest

from maskarc.train import divergence, engine, head, initial, loop
from tests.train import tiny

SETTINGS = dataclasses.replace(tiny.SETTINGS, devices=1, steps=4, log_every=2)


@pytest.fixture(scope="module", autouse=True)
def registered():
    tiny.register()


@pytest.fixture(scope="module")
def state():
    return engine.create(SETTINGS, 5).init(0)


def last_row(workdir):
    with (workdir / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))[-1]


def test_a_short_run_that_diverges_is_an_error(tmp_path):
    hot = dataclasses.replace(SETTINGS, learning_rate=1e30)
    with pytest.raises(divergence.DivergedError, match="lower learning_rate"):
        loop.train(hot, tmp_path, progress=False)
    assert float(last_row(tmp_path)["accuracy"]) == 0
    assert not (tmp_path / "checkpoints" / "4").exists()


def test_logits_that_are_nan_classify_nothing(tmp_path, monkeypatch):
    """As of a statistic that is NaN: the cosines before the margin are fine."""
    monkeypatch.setitem(
        head.LOSSES,
        "arcface",
        head.Loss(logits=lambda c, y, *, margin, scale: jnp.nan * c),
    )
    with pytest.raises(divergence.DivergedError, match="lower scale") as caught:
        loop.train(SETTINGS, tmp_path, progress=False)
    assert "learning_rate" not in str(caught.value)
    assert float(last_row(tmp_path)["accuracy"]) == 0


def test_weights_that_are_not_finite_are_not_begun_with(tmp_path, monkeypatch):
    def transferred(state, *_):
        params = jax.tree.map(lambda leaf: leaf * jnp.nan, state.params)
        return dataclasses.replace(state, params=params)

    monkeypatch.setattr(initial, "transfer", transferred)
    settings = dataclasses.replace(SETTINGS, init_from="runs/old", steps=0)
    with pytest.raises(divergence.DivergedError, match="not finite in runs/old"):
        loop.train(settings, tmp_path, progress=False)
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("field", "said"),
    [("params", "parameters"), ("stats", "statistics"), ("opt_state", "optimizer")],
)
def test_a_state_is_looked_through(state, field, said):
    divergence.check_state(SETTINGS, state)
    broken = jax.tree.map(
        lambda x: x * jnp.inf if jnp.issubdtype(x.dtype, jnp.inexact) else x,
        getattr(state, field),
    )
    with pytest.raises(divergence.DivergedError, match=said):
        divergence.check_state(SETTINGS, dataclasses.replace(state, **{field: broken}))


@pytest.mark.parametrize(
    ("precision", "loss", "skipped", "is_last", "raises"),
    [
        ("float32", math.nan, 1, False, False),  # it may go by
        ("float32", math.nan, 20, False, True),
        ("float32", math.nan, 1, True, True),
        ("float32", 2.0, 1, True, True),  # the gradient alone
        ("float32", 2.0, 0, True, False),
        ("float16", 2.0, 1, True, False),  # the loss's scale looks for its place
        ("float16", 2.0, 50, True, True),
        ("float16", math.nan, 1, True, True),
    ],
)
def test_when_a_step_is_an_error(precision, loss, skipped, is_last, raises):
    config = dataclasses.replace(SETTINGS, precision=precision)
    row = {"loss": loss, "gradient_norm": math.inf, "skipped": skipped}
    try:
        divergence.check_step(config, 50, row, is_last=is_last)
    except divergence.DivergedError as error:
        assert raises
        assert ("bfloat16" in str(error)) == (precision == "float16")
    else:
        assert not raises
