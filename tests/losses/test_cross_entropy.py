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


def test_classes_that_do_not_exist_do_not_count():
    rng = np.random.default_rng(1)
    logits = jnp.array(rng.normal(size=(5, 6)), jnp.float32)
    labels, exists = jnp.array([0, 1, 2, 3, 1]), jnp.arange(6) < 4

    def padded(z):
        return losses.softmax_cross_entropy(z, labels, where=exists)

    def plain(z):
        return losses.softmax_cross_entropy(z[:, :4], labels)

    np.testing.assert_allclose(padded(logits), plain(logits), rtol=1e-6)
    gradient = jax.grad(lambda z: padded(z).sum())(logits)
    np.testing.assert_allclose(
        gradient, jax.grad(lambda z: plain(z).sum())(logits), atol=1e-6
    )
    # The same for each example.
    for_each = losses.softmax_cross_entropy(
        logits, labels, where=jnp.broadcast_to(exists, (5, 6))
    )
    np.testing.assert_allclose(for_each, padded(logits))


@pytest.mark.parametrize("label", [-1, 3, 2**31 - 1, -(2**31)])
def test_a_label_out_of_range(label):
    logits, labels = jnp.array([[1.0, 2.0, 3.0]] * 2), jnp.array([0, label])
    with pytest.raises(ValueError, match=rf"0..2, got {label} at index \(1,\)"):
        losses.softmax_cross_entropy(logits, labels)

    def loss(z, y):
        return losses.softmax_cross_entropy(z, y)

    inside = jax.jit(loss)(logits, labels)
    assert inside[0] > 0 and inside[1] == 0
    gradient = jax.jit(jax.grad(lambda z, y: loss(z, y).sum()))(logits, labels)
    assert (gradient[0] != 0).all() and (gradient[1] == 0).all()


def test_the_label_of_a_class_that_does_not_exist_counts_as_out_of_range():
    loss = jax.jit(losses.softmax_cross_entropy)(
        jnp.zeros((1, 3)), jnp.array([2]), where=jnp.array([True, True, False])
    )
    np.testing.assert_array_equal(loss, [0.0])


def test_shapes_and_dtypes_that_do_not_match():
    with pytest.raises(ValueError, match="labels"):
        losses.softmax_cross_entropy(jnp.zeros((2, 3)), jnp.zeros((3,), int))
    with pytest.raises(TypeError, match="integer"):
        losses.softmax_cross_entropy(jnp.zeros((2, 3)), jnp.zeros((2,)))


@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.int8, jnp.int16, jnp.uint32])
def test_labels_of_any_integer_type(dtype):
    """A short type cannot count 300 classes, nor an unsigned one to before a block."""
    rng = np.random.default_rng(2)
    x, w = (jnp.array(rng.normal(size=(n, 4)), jnp.float32) for n in (3, 300))
    labels = jnp.array([3, 44, 100])
    cosines = losses.cosine_logits(x, w)
    expected = losses.softmax_cross_entropy(
        losses.arcface_logits(cosines, labels), labels
    )
    short = labels.astype(dtype)
    dense = losses.softmax_cross_entropy(losses.arcface_logits(cosines, short), short)
    np.testing.assert_allclose(dense, expected, rtol=1e-6)
    for by in (losses.blockwise_cross_entropy, losses.sampled_cross_entropy):
        sampled = by is losses.sampled_cross_entropy
        more = {"num_samples": 300} if sampled else {}
        first = (jax.random.key(0),) if sampled else ()
        got = by(*first, x, w, short, block_size=70, **more)
        np.testing.assert_allclose(got, expected, rtol=1e-5)
