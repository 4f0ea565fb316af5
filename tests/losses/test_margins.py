"""Margin logits against formulas written with arccos, in float64 NumPy."""

import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from maskarc import losses, numerics
from tests.losses import family

SOME = {"max_examples": 25, "deadline": None}


@pytest.mark.parametrize("name", family.MARGINS)
@hypothesis.given(seed=st.integers(0, 2**32), size=st.integers(1, 9))
@hypothesis.settings(**SOME)
def test_target_and_other_logits(name, seed, size):
    function, target = family.MARGINS[name]
    rng = np.random.default_rng(seed)
    cosines = rng.uniform(-1, 1, (4, size)).astype(np.float32)
    labels = rng.integers(0, size, 4)
    expected = family.S * cosines.astype(np.float64)
    rows = np.arange(4)
    theta = np.arccos(cosines[rows, labels].astype(np.float64))
    expected[rows, labels] = family.S * target(theta)
    got = np.asarray(function(jnp.array(cosines), jnp.array(labels)))
    # At the jump of ArcFace's formula, θ + m = π, rounding may take either side.
    margins = np.array([[0.3], [0.5], [1.2]])
    at_jump = (np.abs(theta + margins - math.pi) < 1e-3).any(axis=0)
    np.testing.assert_allclose(
        np.delete(got, np.flatnonzero(at_jump), 0),
        np.delete(expected, np.flatnonzero(at_jump), 0),
        rtol=0,
        atol=3e-5 * family.S,
    )


@pytest.mark.parametrize("name", family.MARGINS)
def test_gradient_by_the_cosine_is_that_of_the_formula(name):
    function, target = family.MARGINS[name]
    theta = np.array([0.2, 0.6, 1.0, 1.4, 1.8, 2.2, 2.5, 2.9])
    step = 1e-6
    slope = (target(theta + step) - target(theta - step)) / (2 * step)
    expected = family.S * slope / -np.sin(theta)
    labels = jnp.zeros(len(theta), int)
    gradient = jax.grad(lambda c: function(c, labels).sum())(
        jnp.array(np.cos(theta), jnp.float32)[:, None]
    )
    np.testing.assert_allclose(gradient[:, 0], expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", family.MARGINS)
def test_target_logit_falls_in_theta(name):
    theta = np.linspace(0.0, math.pi, 1000)
    cosines = jnp.array(np.cos(theta), jnp.float32)[:, None]
    logits = family.MARGINS[name][0](cosines, jnp.zeros(1000, int))[:, 0]
    # The first steps of a cosine are below float32's resolution.
    assert (np.diff(logits) <= 0).all()
    assert (np.diff(logits[::20]) < 0).all()


@pytest.mark.parametrize("name", family.ALL)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("cosine", [-1.0, -0.9, 0.0, 1.0, 1.0000001])
def test_value_and_gradient_are_finite(name, dtype, cosine):
    def loss(c):
        logits = family.ALL[name](c, jnp.array([0]))
        assert logits.dtype == jnp.float32
        return losses.softmax_cross_entropy(logits, jnp.array([0]))[0]

    value, gradient = jax.value_and_grad(loss)(jnp.array([[cosine, 0.1, 1]], dtype))
    assert jnp.isfinite(value) and jnp.isfinite(gradient.astype(jnp.float32)).all()


@pytest.mark.parametrize("name", family.ALL)
def test_leading_axes_and_transformations_agree(name):
    function = family.ALL[name]
    rng = np.random.default_rng(1)
    cosines = jnp.array(rng.uniform(-1, 1, (2, 3, 5)), jnp.float32)
    labels = jnp.array([[0, 1, 2], [3, 4, 0]])

    def total(c):
        return (function(c, labels) ** 2).sum()

    whole = function(cosines, labels)
    assert whole.shape == cosines.shape
    close = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(jax.jit(function)(cosines, labels), whole, **close)
    if name not in ("adaface", "magface"):  # their norms depend on the shape
        np.testing.assert_allclose(jax.vmap(function)(cosines, labels), whole, **close)
        _, scanned = jax.lax.scan(
            lambda _, cy: (None, function(*cy)), None, (cosines, labels)
        )
        np.testing.assert_allclose(scanned, whole, **close)
        mapped = jax.pmap(function, devices=jax.devices()[:2])(cosines, labels)
        np.testing.assert_allclose(mapped, whole, **close)
    np.testing.assert_allclose(
        jax.grad(jax.checkpoint(total))(cosines), jax.grad(total)(cosines), rtol=1e-4
    )


@pytest.mark.parametrize("name", sorted(set(family.ALL) - {"curricularface"}))
def test_a_label_out_of_range_gets_no_margin(name):
    cosines, base = jnp.array([[0.5, 0.2]]), jnp.array([0])
    unchanged = family.ALL[name](cosines, base)[0, 1]
    for label in (-1, 2):
        got = family.ALL[name](cosines, jnp.array([label]))
        np.testing.assert_allclose(got[0, 1], unchanged, rtol=1e-6)
        assert got[0, 0] > got[0, 1]


def test_published_defaults():
    cosines, labels = jnp.array([[0.5, 0.25]]), jnp.array([0])
    third = math.pi / 3
    expected = {
        losses.norm_softmax_logits: 64 * 0.5,
        losses.sphereface_logits: 64 * (-math.cos(4 * third) - 2),
        losses.cosface_logits: 64 * (0.5 - 0.35),
        losses.arcface_logits: 64 * math.cos(third + 0.5),
        losses.combined_logits: 64 * (math.cos(third + 0.3) - 0.2),
        losses.li_arcface_logits: 64 * (math.pi - 2 * (third + 0.45)) / math.pi,
    }
    for function, target in expected.items():
        np.testing.assert_allclose(function(cosines, labels)[0, 0], target, rtol=1e-5)


def test_combined_holds_the_others():
    rng = np.random.default_rng(3)
    cosines = jnp.array(rng.uniform(-1, 1, (64, 5)), jnp.float32)
    labels = jnp.array(rng.integers(0, 5, 64))
    for constants, single in (
        ({"m1": 4.0, "m2": 0.0, "m3": 0.0}, losses.sphereface_logits(cosines, labels)),
        ({"m1": 1.0, "m2": 0.5, "m3": 0.0}, losses.arcface_logits(cosines, labels)),
        ({"m1": 1.0, "m2": 0.0, "m3": 0.35}, losses.cosface_logits(cosines, labels)),
    ):
        combined = losses.combined_logits(cosines, labels, **constants)
        np.testing.assert_allclose(combined, single, atol=1e-4)


def test_margins_of_each_example():
    cosines = jnp.array([[0.5, 0.1], [0.5, 0.1]])
    labels, each = jnp.array([0, 0]), jnp.array([0.1, 0.7])
    for function in (losses.arcface_logits, losses.cosface_logits):
        got = function(cosines, labels, margin=each)
        for row, margin in enumerate([0.1, 0.7]):
            alone = function(cosines[:1], labels[:1], margin=margin)
            np.testing.assert_allclose(got[row], alone[0], rtol=1e-5)


def test_sphereface_scaled_by_length():
    cosines = jnp.array([[0.5, 0.1], [0.5, 0.1]])
    got = losses.sphereface_logits(
        cosines, jnp.array([1, 1]), scale=jnp.array([2.0, 3.0])
    )
    np.testing.assert_allclose(got[:, 0], [1.0, 1.5], rtol=1e-6)


@pytest.mark.parametrize("function", [losses.arcface_logits, losses.combined_logits])
def test_straight_through_keeps_the_value_and_passes_the_scale(function):
    cosines, labels = jnp.array([[0.2, -0.3]]), jnp.array([0])
    through = function(cosines, labels, straight_through=True)
    np.testing.assert_allclose(function(cosines, labels), through, rtol=1e-6)
    gradient = jax.grad(lambda c: function(c, labels, straight_through=True).sum())(
        cosines
    )
    np.testing.assert_allclose(gradient, [[64.0, 64.0]])


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (losses.arcface_logits, {"margin": -0.1}),
        (losses.arcface_logits, {"margin": 3.2}),
        (losses.arcface_logits, {"margin": math.nan}),
        (losses.arcface_logits, {"scale": 0.0}),
        (losses.cosface_logits, {"margin": -0.1}),
        (losses.sphereface_logits, {"margin": 0.5}),
        (losses.combined_logits, {"m1": 0.0}),
        (losses.li_arcface_logits, {"scale": -1.0}),
    ],
)
def test_hyper_parameters_out_of_range(function, arguments):
    with pytest.raises(ValueError, match="expected"):
        function(jnp.zeros((1, 2)), jnp.array([0]), **arguments)


def test_shapes_and_dtypes_that_do_not_match():
    with pytest.raises(ValueError, match="labels"):
        losses.arcface_logits(jnp.zeros((2, 3)), jnp.array([0]))
    with pytest.raises(ValueError, match="prototypes"):
        losses.cosine_logits(jnp.zeros((2, 3)), jnp.zeros((5, 4)))
    with pytest.raises(TypeError, match="integer"):
        losses.arcface_logits(jnp.zeros((2, 3)), jnp.zeros(2))


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


def test_the_nearest_sub_centre_counts():
    prototypes = jnp.array([[[1.0, 0.0], [0.0, 2.0]], [[-1.0, 0.0], [0.0, -1.0]]])
    got = losses.cosine_logits(jnp.array([[0.0, 3.0], [-1.0, -1.0]]), prototypes)
    np.testing.assert_allclose(got, [[1, 0], [-(0.5**0.5), 0.5**0.5]], atol=1e-6)


def test_plain_softmax():
    rng = np.random.default_rng(4)
    x, w, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(5, 4)), rng.normal(size=5)
    got = losses.softmax_logits(jnp.array(x), jnp.array(w), jnp.array(b))
    np.testing.assert_allclose(got, x @ w.T + b, rtol=1e-5, atol=1e-5)


def test_arccos_is_exact_up_to_the_ends():
    cosines = np.float32([-1, -0.999999, -0.5, 0, 0.3, 0.9999999, 1])
    got = numerics.arccos(jnp.array(cosines))
    np.testing.assert_allclose(got, np.arccos(cosines.astype(np.float64)), atol=3e-7)
    slopes = jax.vmap(jax.grad(numerics.arccos))(jnp.array(cosines))
    np.testing.assert_allclose(slopes[2:5], -1 / np.sqrt(1 - cosines[2:5] ** 2), 1e-5)
    np.testing.assert_allclose([slopes[0], slopes[-1]], [-1000, -1000], rtol=1e-4)
