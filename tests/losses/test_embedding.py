"""Losses on embeddings against loops in float64 NumPy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maskarc import losses

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 4))
W = RNG.normal(size=(5, 4))
Y = np.array([0, 1, 2, 3, 4, 0, 0, 1, 2, 2])
JAX_X, JAX_W, JAX_Y = jnp.array(X, jnp.float32), jnp.array(W, jnp.float32), jnp.array(Y)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def angle(a, b):
    return math.acos(float(unit(a) @ unit(b)))


def test_intra_and_inter_loss():
    cosines = losses.cosine_logits(JAX_X, JAX_W)
    intra = [angle(x, W[y]) / math.pi for x, y in zip(X, Y, strict=True)]
    np.testing.assert_allclose(losses.intra_loss(cosines, JAX_Y), intra, rtol=1e-5)
    inter = [
        -sum(angle(W[y], W[c]) for c in range(5) if c != y) / (math.pi * 4) for y in Y
    ]
    np.testing.assert_allclose(losses.inter_loss(JAX_W, JAX_Y), inter, rtol=1e-5)


def test_angular_triplet_loss():
    expected = [
        max(0, angle(a, p) + 1.0 - angle(a, n))
        for a, p, n in zip(X[:4], X[4:8], X[6:], strict=True)
    ]
    got = losses.angular_triplet_loss(JAX_X[:4], JAX_X[4:8], JAX_X[6:], margin=1.0)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.count_nonzero(expected)


@pytest.mark.parametrize("margin", [0.2, 1.5, None])
@pytest.mark.parametrize("normalize", [True, False])
def test_batch_hard_triplet_loss(margin, normalize):
    x = unit(X) if normalize else X
    expected = []
    for i in range(len(x)):
        distance = np.linalg.norm(x - x[i], axis=1)
        same = [distance[j] for j in range(len(x)) if j != i and Y[j] == Y[i]]
        other = [distance[j] for j in range(len(x)) if Y[j] != Y[i]]
        gap = max(same) - min(other) if same else None
        if gap is None:
            expected.append(0.0)
        elif margin is None:
            expected.append(math.log1p(math.exp(gap)))
        else:
            expected.append(max(0.0, margin + gap))
    got = losses.batch_hard_triplet_loss(
        JAX_X, JAX_Y, margin=margin, normalize=normalize
    )
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_batch_hard_triplet_loss_of_equal_embeddings_has_a_finite_gradient():
    x, y = jnp.ones((4, 3)), jnp.array([0, 0, 1, 1])
    gradient = jax.grad(lambda x: losses.batch_hard_triplet_loss(x, y).sum())(x)
    assert jnp.isfinite(gradient).all()


def test_center_loss_and_update():
    expected = [0.5 * ((x - W[y]) ** 2).sum() for x, y in zip(X, Y, strict=True)]
    np.testing.assert_allclose(
        losses.center_loss(JAX_X, JAX_W, JAX_Y), expected, rtol=1e-5
    )
    moved = W.copy()
    for c in range(5):
        own = X[c == Y]
        moved[c] += 0.5 * (own - W[c]).sum(axis=0) / (1 + len(own))
    got = losses.update_centers(JAX_X, JAX_W, JAX_Y)
    np.testing.assert_allclose(got, moved, rtol=1e-5)


def test_centers_ignore_unknown_labels_inside_jit():
    labels = jnp.array([-1, 5])
    with pytest.raises(ValueError, match="labels"):
        losses.center_loss(JAX_X[:2], JAX_W, labels)
    loss = jax.jit(losses.center_loss)(JAX_X[:2], JAX_W, labels)
    np.testing.assert_array_equal(loss, [0, 0])
    moved = jax.jit(losses.update_centers)(JAX_X[:2], JAX_W, labels)
    np.testing.assert_array_equal(moved, JAX_W)


def test_consistency_and_distillation():
    expected = [1 - math.cos(angle(a, b)) for a, b in zip(X[:5], X[5:], strict=True)]
    first, second = JAX_X[:5], JAX_X[5:]
    for loss in (losses.mask_consistency_loss, losses.distillation_loss):
        np.testing.assert_allclose(loss(first, second), expected, atol=1e-6)
    to_both = jax.grad(
        lambda s, t: losses.distillation_loss(s, t).sum(), argnums=(0, 1)
    )(first, second)
    assert (to_both[0] != 0).any() and (to_both[1] == 0).all()
    paired = losses.prototype_consistency_loss(jnp.stack([first, second], axis=1))
    np.testing.assert_allclose(paired, expected, atol=1e-6)


def test_condition_cosines_take_the_own_condition():
    prototypes = RNG.normal(size=(3, 2, 4))
    conditions = Y % 2
    expected = np.einsum(
        "bd,bcd->bc", unit(X), unit(prototypes)[:, conditions].swapaxes(0, 1)
    )
    got = losses.condition_cosines(
        JAX_X, jnp.array(prototypes, jnp.float32), jnp.array(conditions)
    )
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_similarity_distillation():
    teacher = RNG.normal(size=(10, 7))
    gap = unit(X) @ unit(X).T - unit(teacher) @ unit(teacher).T
    np.fill_diagonal(gap, 0)
    got = losses.similarity_distillation_loss(JAX_X, jnp.array(teacher, jnp.float32))
    np.testing.assert_allclose(got, (gap**2).sum(axis=1) / 9, rtol=1e-4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: losses.pair_cosines(jnp.ones((2, 3)), jnp.ones((2, 4))),
        lambda: losses.inter_loss(jnp.ones((1, 3)), jnp.array([0])),
        lambda: losses.batch_hard_triplet_loss(jnp.ones((1, 2, 3)), jnp.zeros((1, 2))),
        lambda: losses.center_loss(jnp.ones((2, 3)), jnp.ones((2, 4)), jnp.zeros(2)),
        lambda: losses.condition_cosines(jnp.ones((2, 3)), jnp.ones((2, 3)), JAX_Y),
        lambda: losses.prototype_consistency_loss(jnp.ones((2, 3, 4))),
        lambda: losses.similarity_distillation_loss(jnp.ones((2, 3)), jnp.ones((3, 3))),
    ],
)
def test_shapes_that_do_not_match(call):
    with pytest.raises(ValueError, match="expected"):
        call()
