"""Margin logits against formulas written with arccos, in float64 NumPy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maskarc import losses


def reference(cosines, labels, margin, scale):
    """cos(θ + m) by arccos, with the linear continuation beyond θ + m = π."""
    out = np.array(cosines, np.float64)
    for row, label in enumerate(labels):
        theta = math.acos(out[row, label])
        if theta + margin <= math.pi:
            out[row, label] = math.cos(theta + margin)
        else:
            out[row, label] -= margin * math.sin(margin)
    return scale * out


@pytest.mark.parametrize("margin", [0.0, 0.3, 0.5, 1.2])
def test_arcface_is_cos_theta_plus_m(margin):
    cosines = np.random.default_rng(0).uniform(-0.999, 0.999, (64, 7))
    labels = np.arange(64) % 7
    got = losses.arcface_logits(jnp.array(cosines), labels, margin=margin, scale=30.0)
    np.testing.assert_allclose(
        got, reference(cosines, labels, margin, 30.0), rtol=0, atol=2e-4
    )


def test_published_defaults():
    got = losses.arcface_logits(jnp.array([[0.5, 0.25]]), jnp.array([0]))
    expected = [64 * math.cos(math.pi / 3 + 0.5), 16.0]
    np.testing.assert_allclose(got[0], expected, rtol=1e-5)


def test_target_logit_falls_in_theta():
    theta = np.linspace(0.01, math.pi - 0.01, 500)
    cosines = jnp.array(np.cos(theta))[:, None]
    logits = losses.arcface_logits(cosines, jnp.zeros(500, int), margin=0.5)[:, 0]
    assert (np.diff(logits) < 0).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("cosine", [-1.0, -0.9, 0.0, 1.0, 1.0000001])
def test_value_and_gradient_are_finite(dtype, cosine):
    def loss(c):
        logits = losses.arcface_logits(c, jnp.array([0]))
        return losses.softmax_cross_entropy(logits, jnp.array([0]))[0]

    value, gradient = jax.value_and_grad(loss)(jnp.array([[cosine, 0.1]], dtype))
    assert jnp.isfinite(value) and jnp.isfinite(gradient).all()


def test_gradient_is_the_analytic_one():
    # d cos(θ + m) / d cos θ = sin(θ + m) / sin θ.
    theta, margin = 1.1, 0.5
    gradient = jax.grad(
        lambda c: losses.arcface_logits(c, jnp.array([0]), scale=1.0)[0, 0]
    )(jnp.array([[math.cos(theta), 0.0]]))
    expected = math.sin(theta + margin) / math.sin(theta)
    np.testing.assert_allclose(gradient[0], [expected, 0.0], rtol=1e-4)


def test_straight_through_keeps_the_value_and_passes_the_scale():
    cosines, labels = jnp.array([[0.2, -0.3]]), jnp.array([0])
    plain = losses.arcface_logits(cosines, labels)
    through = losses.arcface_logits(cosines, labels, straight_through=True)
    np.testing.assert_allclose(plain, through, rtol=1e-6)
    gradient = jax.grad(
        lambda c: losses.arcface_logits(c, labels, straight_through=True).sum()
    )(cosines)
    np.testing.assert_allclose(gradient, [[64.0, 64.0]])


def test_leading_axes_jit_and_vmap_agree():
    cosines = jnp.array(np.random.default_rng(1).uniform(-1, 1, (2, 3, 5)), jnp.float32)
    labels = jnp.array([[0, 1, 2], [3, 4, 0]])
    whole = losses.arcface_logits(cosines, labels)
    np.testing.assert_array_equal(
        whole[1], losses.arcface_logits(cosines[1], labels[1])
    )
    np.testing.assert_allclose(
        whole, jax.jit(losses.arcface_logits)(cosines, labels), rtol=1e-6
    )
    np.testing.assert_allclose(
        whole, jax.vmap(losses.arcface_logits)(cosines, labels), rtol=1e-6
    )


def test_a_label_out_of_range_gets_no_margin():
    cosines = jnp.array([[0.5, 0.2]])
    for label in (-1, 2):
        got = losses.arcface_logits(cosines, jnp.array([label]), scale=10.0)
        np.testing.assert_allclose(got, [[5.0, 2.0]], rtol=1e-6)


@pytest.mark.parametrize(
    "arguments", [{"margin": -0.1}, {"margin": 3.2}, {"scale": 0.0}]
)
def test_hyper_parameters_out_of_range(arguments):
    with pytest.raises(ValueError, match="margin|scale"):
        losses.arcface_logits(jnp.zeros((1, 2)), jnp.array([0]), **arguments)


def test_shapes_that_do_not_match():
    with pytest.raises(ValueError, match="labels"):
        losses.arcface_logits(jnp.zeros((2, 3)), jnp.array([0]))
    with pytest.raises(ValueError, match="prototypes"):
        losses.cosine_logits(jnp.zeros((2, 3)), jnp.zeros((5, 4)))


def test_cosines_ignore_length_and_survive_zero():
    embeddings = jnp.array([[3.0, 4.0], [0.0, 0.0]])
    prototypes = jnp.array([[30.0, 40.0], [-4.0, 3.0]])
    np.testing.assert_allclose(
        losses.cosine_logits(embeddings, prototypes),
        [[1.0, 0.0], [0.0, 0.0]],
        atol=1e-6,
    )
    gradient = jax.grad(lambda e: losses.cosine_logits(e, prototypes).sum())(embeddings)
    assert jnp.isfinite(gradient).all()


def test_cosines_of_bfloat16_are_computed_in_float32():
    rng = np.random.default_rng(2)
    embeddings = jnp.array(rng.standard_normal((8, 512)), jnp.bfloat16)
    prototypes = jnp.array(rng.standard_normal((4, 512)), jnp.bfloat16)
    x, w = np.asarray(embeddings, np.float64), np.asarray(prototypes, np.float64)
    expected = (x / np.linalg.norm(x, axis=1, keepdims=True)) @ (
        w / np.linalg.norm(w, axis=1, keepdims=True)
    ).T
    got = losses.cosine_logits(embeddings, prototypes)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, expected, atol=1e-6)
