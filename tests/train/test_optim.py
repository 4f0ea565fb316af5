"""Schedules against their formulas, optimizers against optax's own."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from maskarc.train import config, optim

BASE = config.TrainConfig(
    steps=100, learning_rate=0.4, warmup_steps=20, weight_decay=0.01
)
PARAMS = {
    "backbone": {"conv": jnp.arange(12.0).reshape(3, 4) / 7, "bias": jnp.ones(4)},
    "prototypes": jnp.linspace(-1, 1, 10).reshape(5, 2),
}


def updated(optimizer, steps=3):
    """Parameters after steps along gradients that change."""
    params, state = PARAMS, optimizer.init(PARAMS)
    for step in range(steps):
        gradients = jax.tree.map(lambda p, s=step: jnp.sin(3 * p + s), params)
        updates, state = optimizer.update(gradients, state, params)
        params = optax.apply_updates(params, updates)
    return params


def assert_same(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("schedule", "at_60", "at_99"),
    [
        ("constant", 0.4, 0.4),
        ("steps", 0.04, 0.004),
        ("cosine", 0.2, 0.4 * 0.5 * (1 + np.cos(np.pi * 79 / 80))),
        ("polynomial", 0.4 * 0.25, 0.4 * (1 / 80) ** 2),
    ],
)
def test_schedules(schedule, at_60, at_99):
    rate = optim.learning_rate(dataclasses.replace(BASE, schedule=schedule))
    assert float(rate(0)) == 0
    assert float(rate(10)) == pytest.approx(0.2)
    assert float(rate(60)) == pytest.approx(at_60, rel=1e-4)
    assert float(rate(99)) == pytest.approx(at_99, rel=1e-2)


def is_matrix(params):
    return jax.tree.map(lambda p: p.ndim > 1, params)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        (
            "adamw",
            lambda rate: optax.adamw(rate, weight_decay=0.01, mask=is_matrix),
        ),
        (
            "lamb",
            lambda rate: optax.chain(
                optax.scale_by_adam(eps=1e-6),
                optax.add_decayed_weights(0.01, mask=is_matrix),
                optax.masked(optax.scale_by_trust_ratio(), is_matrix),
                optax.scale_by_learning_rate(rate),
            ),
        ),
        (
            "lars",
            lambda rate: optax.lars(
                rate,
                weight_decay=0.01,
                weight_decay_mask=is_matrix,
                trust_ratio_mask=is_matrix,
                momentum=0.9,
            ),
        ),
        (
            "sgd",
            lambda rate: optax.chain(
                optax.add_decayed_weights(0.01, mask=is_matrix),
                optax.sgd(rate, momentum=0.9),
            ),
        ),
    ],
)
def test_optimizers_are_optax_own(name, reference):
    settings = dataclasses.replace(BASE, optimizer=name, schedule="cosine")
    expected = reference(optim.learning_rate(settings))
    assert_same(updated(optim.create(settings)), updated(expected))


def test_decay_by_path():
    settings = dataclasses.replace(
        BASE,
        schedule="constant",
        warmup_steps=0,
        momentum=0.0,
        weight_decays=(("prototypes", 10.0), ("backbone", 0.0)),
    )
    plain = dataclasses.replace(settings, weight_decay=0.0)
    found, without = (updated(optim.create(s), steps=1) for s in (settings, plain))
    assert_same(found["backbone"], without["backbone"])
    np.testing.assert_allclose(
        without["prototypes"] - found["prototypes"],
        0.4 * 0.01 * 10 * PARAMS["prototypes"],
        atol=1e-6,
    )


def test_unknown_names_and_paths():
    with pytest.raises(ValueError, match="one of sgd, adamw, lars, lamb"):
        optim.create(dataclasses.replace(BASE, optimizer="lion"))
    with pytest.raises(ValueError, match="one of steps, cosine"):
        optim.create(dataclasses.replace(BASE, schedule="linear"))
    misspelt = dataclasses.replace(BASE, weight_decays=(("prototipes", 1.0),))
    with pytest.raises(ValueError, match="found in no parameter's path: prototipes"):
        updated(optim.create(misspelt))


def test_frozen_parameters_have_no_gradient():
    params = {
        "backbone": {"a": jnp.ones(3), "b": jnp.ones(2)},
        "prototypes": jnp.ones(1),
    }

    def loss(p):
        p = optim.without_gradient(p, "^backbone/a$")
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(p))

    found = jax.grad(loss)(params)
    np.testing.assert_array_equal(found["backbone"]["a"], np.zeros(3))
    np.testing.assert_array_equal(found["backbone"]["b"], 2 * np.ones(2))
    np.testing.assert_array_equal(found["prototypes"], [2.0])
    with pytest.raises(ValueError, match="found in no parameter"):
        optim.without_gradient(params, "typo")
