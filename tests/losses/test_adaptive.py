"""Adaptive margins against their papers' formulas in float64 NumPy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maskarc import losses

RNG = np.random.default_rng(0)
COSINES = RNG.uniform(-0.99, 0.99, (12, 5))
LABELS = np.arange(12) % 5
ROWS = np.arange(12)
NORMS = RNG.uniform(5, 130, 12)
JAX_COSINES, JAX_LABELS = jnp.array(COSINES, jnp.float32), jnp.array(LABELS)
JAX_NORMS = jnp.array(NORMS, jnp.float32)


def guarded(theta, margin):
    """cos(θ + m), ArcFace's line beyond π."""
    beyond = np.cos(theta) - margin * np.sin(margin)
    return np.where(theta + margin <= math.pi, np.cos(theta + margin), beyond)


def test_curricularface():
    progress = 0.01 * COSINES[ROWS, LABELS].mean() + 0.99 * 0.2
    state = losses.curricularface_update(
        0.2, losses.target_cosines(JAX_COSINES, JAX_LABELS)
    )
    np.testing.assert_allclose(state, progress, rtol=1e-5)
    theta = np.arccos(COSINES[ROWS, LABELS])
    hard = np.cos(theta + 0.5)[:, None] < COSINES
    expected = np.where(hard, COSINES * (progress + COSINES), COSINES)
    expected[ROWS, LABELS] = guarded(theta, 0.5)
    got = losses.curricularface_logits(JAX_COSINES, JAX_LABELS, state)
    np.testing.assert_allclose(got, 64 * expected, atol=2e-3)
    assert hard.any() and not hard.all()


def test_curricularface_of_a_part_of_the_classes():
    own = losses.target_cosines(JAX_COSINES, JAX_LABELS)
    whole = losses.curricularface_logits(JAX_COSINES, JAX_LABELS, 0.3)
    right = losses.curricularface_logits(JAX_COSINES[:, 3:], JAX_LABELS - 3, 0.3, own)
    np.testing.assert_allclose(right, whole[:, 3:], rtol=1e-6)


def test_adaface():
    clipped = np.clip(NORMS, 0.001, 100)
    mean = 0.01 * clipped.mean() + 0.99 * 20
    deviation = 0.01 * clipped.std(ddof=1) + 0.99 * 100
    state = losses.adaface_update(losses.adaface_init(), JAX_NORMS)
    np.testing.assert_allclose(state, (mean, deviation), rtol=1e-5)
    # Statistics of a trained network, so that all of the range is met.
    state = losses.NormStatistics(mean=jnp.float32(60), deviation=jnp.float32(10))
    quality = np.clip((clipped - 60) / (10 + 1e-3) * 0.333, -1, 1)
    theta = np.arccos(COSINES[ROWS, LABELS])
    turned = np.cos(np.clip(theta - 0.4 * quality, 0, math.pi))
    expected = COSINES.copy()
    expected[ROWS, LABELS] = turned - (0.4 + 0.4 * quality)
    got = losses.adaface_logits(JAX_COSINES, JAX_LABELS, JAX_NORMS, state)
    np.testing.assert_allclose(got, 64 * expected, atol=2e-3)
    assert quality.min() == -1 and quality.max() == 1


def test_adaface_holds_the_angle_in_its_range():
    state = losses.NormStatistics(mean=jnp.float32(50), deviation=jnp.float32(1))
    cosines = jnp.array([[math.cos(0.1)], [math.cos(3.0)]])
    norms = jnp.array([100.0, 1.0])
    got = losses.adaface_logits(cosines, jnp.array([0, 0]), norms, state, scale=1.0)
    np.testing.assert_allclose(got[:, 0], [1 - 0.8, -1 - 0.0], atol=1e-6)


def test_magface():
    length = np.clip(NORMS, 10, 110)
    margin = 0.45 + (0.8 - 0.45) / (110 - 10) * (length - 10)
    np.testing.assert_allclose(losses.magface_margins(JAX_NORMS), margin, rtol=1e-5)
    expected = COSINES.copy()
    expected[ROWS, LABELS] = guarded(np.arccos(COSINES[ROWS, LABELS]), margin)
    got = losses.magface_logits(JAX_COSINES, JAX_LABELS, JAX_NORMS)
    np.testing.assert_allclose(got, 64 * expected, atol=2e-3)
    np.testing.assert_allclose(
        losses.magface_regularizer(JAX_NORMS), length / 110**2 + 1 / length, rtol=1e-5
    )


def test_magface_gradient_reaches_the_lengths():
    def loss(norms):
        logits = losses.magface_logits(JAX_COSINES, JAX_LABELS, norms)
        return losses.softmax_cross_entropy(logits, JAX_LABELS)

    step = 0.05
    slope = (loss(JAX_NORMS + step) - loss(JAX_NORMS - step)) / (2 * step)
    gradient = jax.grad(lambda n: loss(n).sum())(JAX_NORMS)
    inside = (NORMS > 11) & (NORMS < 109)
    np.testing.assert_allclose(gradient[inside], slope[inside], rtol=0.02, atol=2e-3)
    assert (gradient[NORMS > 110] == 0).all()


def test_statistics_carry_no_gradient():
    def through_norms(norms):
        state = losses.adaface_update(losses.adaface_init(), norms)
        return losses.adaface_logits(JAX_COSINES, JAX_LABELS, norms, state).sum()

    assert (jax.grad(through_norms)(JAX_NORMS) == 0).all()
    assert jax.grad(lambda c: losses.curricularface_update(0.1, c))(0.5) == 0


def test_elastic_margins_are_normal():
    key = jax.random.key(0)
    draws = losses.elastic_margins(key, (4, 2500), margin=0.35, deviation=0.025)
    assert draws.shape == (4, 2500)
    np.testing.assert_allclose(draws.mean(), 0.35, atol=1e-3)
    np.testing.assert_allclose(draws.std(), 0.025, rtol=0.03)
    again = losses.elastic_margins(key, (4, 2500), margin=0.35, deviation=0.025)
    np.testing.assert_array_equal(draws, again)


def test_elastic_plus_gives_the_farthest_the_largest():
    own = jnp.array([0.9, -0.2, 0.4, 0.1])
    key = jax.random.key(1)
    margins = losses.elastic_margins(key, (4,), target_cosines=own)
    assert np.argsort(margins).tolist() == [0, 2, 3, 1]
    plain = losses.elastic_margins(key, (4,))
    np.testing.assert_array_equal(np.sort(margins), np.sort(plain))
    with pytest.raises(ValueError, match="target cosines"):
        losses.elastic_margins(key, (4,), target_cosines=own[:2])
