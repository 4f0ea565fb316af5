"""Softmax cross-entropy against NumPy and optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from maskarc import losses


def test_agrees_with_optax_in_value_and_gradient():
    logits = jnp.array(np.random.default_rng(0).normal(0, 20, (16, 9)), jnp.float32)
    labels = jnp.arange(16) % 9
    optax_loss = optax.losses.softmax_cross_entropy_with_integer_labels
    np.testing.assert_allclose(
        losses.softmax_cross_entropy(logits, labels),
        optax_loss(logits, labels),
        rtol=1e-5,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        jax.grad(lambda z: losses.softmax_cross_entropy(z, labels).sum())(logits),
        jax.grad(lambda z: optax_loss(z, labels).sum())(logits),
        atol=1e-6,
    )


def test_large_logits_do_not_overflow():
    loss = losses.softmax_cross_entropy(jnp.array([[1e4, -1e4]]), jnp.array([1]))
    np.testing.assert_allclose(loss, [2e4])


def test_one_value_an_example_over_leading_axes():
    loss = losses.softmax_cross_entropy(jnp.zeros((2, 3, 4)), jnp.zeros((2, 3), int))
    np.testing.assert_allclose(loss, np.full((2, 3), np.log(4)), rtol=1e-6)


def test_shapes_that_do_not_match():
    with pytest.raises(ValueError, match="labels"):
        losses.softmax_cross_entropy(jnp.zeros((2, 3)), jnp.zeros((3,), int))
