"""Batches of none and of one: every loss, eager and under jit, and its gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maskarc import losses
from tests.losses import family

C, D = 5, 4
W = jax.random.normal(jax.random.key(1), (C, D))
SUB = jax.random.normal(jax.random.key(2), (C, 2, D))
KEY = jax.random.key(3)


def of_margin(logits, x, w, y):
    return losses.softmax_cross_entropy(logits(losses.cosine_logits(x, w), y), y)


# (embeddings [B, D], prototypes [C, D], labels [B]) → one value an example, or several.
PER_EXAMPLE = {
    **{f"margin {n}": functools.partial(of_margin, f) for n, f in family.ALL.items()},
    "cosine_logits": lambda x, w, y: losses.cosine_logits(x, w),
    "cosine_logits of sub-centres": lambda x, w, y: losses.cosine_logits(x, SUB),
    "softmax_logits": lambda x, w, y: losses.softmax_logits(x, w, jnp.ones(C)),
    "blockwise_cross_entropy": lambda x, w, y: losses.blockwise_cross_entropy(
        x, w, y, block_size=2, with_cosines=True
    ),
    "sampled_cross_entropy": lambda x, w, y: losses.sampled_cross_entropy(
        KEY, x, w, y, num_samples=3
    ),
    "label_cosines": losses.label_cosines,
    "intra_loss": lambda x, w, y: losses.intra_loss(losses.cosine_logits(x, w), y),
    "inter_loss": lambda x, w, y: losses.inter_loss(w, y),
    "angular_triplet_loss": lambda x, w, y: losses.angular_triplet_loss(
        x, w[y], x[:, ::-1]
    ),
    "batch_hard_triplet_loss": lambda x, w, y: losses.batch_hard_triplet_loss(x, y),
    "batch_hard_triplet_loss, soft": lambda x, w, y: losses.batch_hard_triplet_loss(
        x, y, margin=None
    ),
    "center_loss": losses.center_loss,
    "mask_consistency_loss": lambda x, w, y: losses.mask_consistency_loss(x, w[y]),
    "condition_cosines": lambda x, w, y: losses.condition_cosines(x, SUB, y),
    "distillation_loss": lambda x, w, y: losses.distillation_loss(x, w[y]),
    "similarity_distillation_loss": lambda x, w, y: losses.similarity_distillation_loss(
        x, w[y], where=y >= 0
    ),
    "magface_regularizer": lambda x, w, y: losses.magface_regularizer(x[:, 0]),
    "elastic_margins": lambda x, w, y: losses.elastic_margins(
        KEY, y.shape, target_cosines=x[:, 0]
    ),
}


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("name", PER_EXAMPLE)
def test_values_and_gradients(name, size):
    def total(x, w):
        values = PER_EXAMPLE[name](x, w, jnp.arange(size))
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(values)), values

    x = jax.random.normal(KEY, (size, D))
    _, eager = total(x, W)
    gradient = jax.jit(jax.grad(total, argnums=(0, 1), has_aux=True))
    (to_embeddings, to_prototypes), jitted = gradient(x, W)
    for a, b in zip(jax.tree.leaves(eager), jax.tree.leaves(jitted), strict=True):
        assert len(a) == size
        assert np.isfinite(a).all()
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert to_embeddings.shape == x.shape
    assert np.isfinite(to_embeddings).all()
    assert np.isfinite(to_prototypes).all()
    assert size or not to_prototypes.any()


def adaface(x):
    return losses.adaface_update(losses.adaface_init(), jnp.linalg.norm(x, axis=-1))


@pytest.mark.parametrize("compiled", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize(
    ("update", "none", "one"),
    [
        # 20 and 100 at the start; a hundredth of the way to a length of 5.
        (lambda x: adaface(x).mean, 20, 0.99 * 20 + 0.01 * 5),
        (lambda x: adaface(x).deviation, 100, 100),
        (
            lambda x: losses.curricularface_update(0.5, x[:, 0]),
            0.5,
            0.99 * 0.5 + 0.01 * 3,
        ),
        # Half of a half of the way from 0 to 3.
        (
            lambda x: losses.update_centers(
                x, jnp.zeros((2, 2)), jnp.zeros(len(x), int)
            )[0, 0],
            0,
            0.75,
        ),
    ],
    ids=["adaface mean", "adaface deviation", "curricularface", "centres"],
)
def test_running_statistics(compiled, update, none, one):
    assert float(compiled(update)(jnp.zeros((0, 2)))) == pytest.approx(none)
    got = compiled(update)(jnp.array([[3.0, 4.0]]))
    assert float(got) == pytest.approx(one, rel=1e-6)
    gradient = jax.grad(lambda x: compiled(update)(x).sum())(jnp.array([[3.0, 4.0]]))
    assert not gradient.any()


def test_an_update_without_examples_decays_the_prototypes_alone():
    update = losses.blockwise_sgd(
        jnp.zeros((0, D)),
        W,
        jnp.zeros_like(W),
        jnp.zeros(0, int),
        learning_rate=0.1,
        weight_decay=0.5,
    )
    assert update.loss.shape == (0,) and update.embeddings.shape == (0, D)
    np.testing.assert_allclose(update.prototypes, 0.95 * np.asarray(W), rtol=1e-6)


def test_no_label_asks_for_no_class():
    classes, positions = losses.sample_classes(
        KEY, jnp.zeros(0, int), num_classes=C, num_samples=2
    )
    assert len(classes) == 2 and positions.shape == (0,)
