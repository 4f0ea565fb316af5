"""Blockwise, sampled and fused losses against the dense one."""

import functools
import re

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import strategies as st

from maskarc import losses
from tests.losses import family

SIZE = 6


def problem(seed, batch, classes, sub_centres=0):
    rng = np.random.default_rng(seed)
    shape = (classes, sub_centres, SIZE) if sub_centres else (classes, SIZE)
    x = jnp.array(rng.normal(size=(batch, SIZE)), jnp.float32)
    w = jnp.array(rng.normal(size=shape), jnp.float32)
    return x, w, jnp.array(rng.integers(0, classes, batch))


def dense(x, w, y, *, logits_fn, where=None):
    logits = logits_fn(losses.cosine_logits(x, w), y)
    return losses.softmax_cross_entropy(logits, y, where=where)


def assert_same(first, second, *arguments, rtol=2e-5):
    """Value and all gradients of two losses, for uneven weights of the examples."""
    weights = jnp.linspace(0.5, 1.5, len(arguments[0]))
    for got, expected in zip(
        *(
            jax.tree.leaves(
                jax.value_and_grad(
                    lambda *a, loss=loss: (weights * loss(*a)).sum(),
                    argnums=tuple(range(len(arguments))),
                )(*arguments)
            )
            for loss in (first, second)
        ),
        strict=True,
    ):
        scale = float(jnp.abs(expected).max())
        np.testing.assert_allclose(got, expected, rtol=0, atol=rtol * max(scale, 1e-3))


@hypothesis.given(
    seed=st.integers(0, 2**32),
    batch=st.integers(1, 5),
    classes=st.integers(1, 20),
    block_size=st.integers(1, 25),
    sub_centres=st.sampled_from([0, 2]),
    padding=st.booleans(),
)
@hypothesis.settings(max_examples=12, deadline=None)
def test_blockwise_equals_dense(seed, batch, classes, block_size, sub_centres, padding):
    x, w, y = problem(seed, batch, classes, sub_centres)
    where = (jnp.arange(classes) < classes // 2) | (jnp.arange(classes) == y[0])
    where = where if padding else None
    # Labels of classes that are padding have loss 0, which jit makes a result.
    margin = functools.partial(losses.arcface_logits, scale=8.0)
    blockwise = jax.jit(
        lambda x, w: losses.blockwise_cross_entropy(
            x, w, y, logits_fn=margin, block_size=block_size, where=where
        )
    )
    assert_same(
        blockwise,
        jax.jit(lambda x, w: dense(x, w, y, logits_fn=margin, where=where)),
        x,
        w,
    )


@pytest.mark.parametrize("name", sorted(set(family.ALL) - {"curricularface"}))
def test_every_margin_works_by_blocks(name):
    x, w, y = problem(1, 4, 11)
    margin = family.ALL[name]
    assert_same(
        lambda x, w: losses.blockwise_cross_entropy(
            x, w, y, logits_fn=margin, block_size=4
        ),
        lambda x, w: dense(x, w, y, logits_fn=margin),
        x,
        w,
    )


def test_curricularface_by_blocks():
    x, w, y = problem(2, 4, 11)

    def blockwise(x, w):
        own = losses.label_cosines(x, w, y)
        return losses.blockwise_cross_entropy(
            x, w, y, 0.3, own, logits_fn=losses.curricularface_logits, block_size=4
        )

    def whole(x, w):
        logits = losses.curricularface_logits(losses.cosine_logits(x, w), y, 0.3)
        return losses.softmax_cross_entropy(logits, y)

    assert_same(blockwise, whole, x, w)


def test_margin_arguments_receive_gradients():
    x, w, y = problem(3, 4, 9)
    norms = jnp.array([20.0, 40.0, 60.0, 80.0])

    def blockwise(x, w, norms):
        return losses.blockwise_cross_entropy(
            x, w, y, norms, logits_fn=losses.magface_logits, block_size=4
        )

    def whole(x, w, norms):
        return dense(x, w, y, logits_fn=lambda c, y: losses.magface_logits(c, y, norms))

    assert_same(blockwise, whole, x, w, norms)


def test_label_cosines_are_those_of_the_whole():
    for sub_centres in (0, 3):
        x, w, y = problem(4, 5, 7, sub_centres)
        expected = losses.target_cosines(losses.cosine_logits(x, w), y)
        np.testing.assert_allclose(losses.label_cosines(x, w, y), expected, atol=1e-6)


def test_leading_axes_vmap_scan_and_remat():
    x, w, y = problem(5, 6, 9)
    loss = functools.partial(losses.blockwise_cross_entropy, block_size=4)
    flat = loss(x, w, y)
    folded = loss(x.reshape(2, 3, SIZE), w, y.reshape(2, 3))
    np.testing.assert_allclose(folded.reshape(-1), flat, rtol=1e-6)
    mapped = jax.vmap(lambda x, y: loss(x, w, y))(x[:, None], y[:, None])
    np.testing.assert_allclose(mapped[:, 0], flat, rtol=1e-6)
    _, scanned = jax.lax.scan(
        lambda _, xy: (None, loss(xy[0][None], w, xy[1][None])[0]), None, (x, y)
    )
    np.testing.assert_allclose(scanned, flat, rtol=1e-6)
    plain = jax.grad(lambda x: loss(x, w, y).sum())
    again = jax.grad(jax.checkpoint(lambda x: loss(x, w, y).sum()))
    np.testing.assert_allclose(again(x), plain(x), rtol=1e-5, atol=1e-6)


def test_bfloat16_prototypes():
    x, w, y = problem(6, 4, 9)
    low = w.astype(jnp.bfloat16)
    loss, gradient = jax.value_and_grad(
        lambda w: losses.blockwise_cross_entropy(x, w, y, block_size=4).mean()
    )(low)
    expected, exact = jax.value_and_grad(
        lambda w: losses.blockwise_cross_entropy(x, w, y, block_size=4).mean()
    )(low.astype(jnp.float32))
    assert gradient.dtype == jnp.bfloat16
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient.astype(jnp.float32), exact, rtol=0.01)


@pytest.mark.parametrize("label", [-1, 9])
def test_a_label_out_of_range(label):
    x, w, y = problem(7, 3, 9)
    y = y.at[1].set(label)
    with pytest.raises(ValueError, match=f"0..8, got {label}"):
        losses.blockwise_cross_entropy(x, w, y)
    loss, gradient = jax.jit(
        jax.value_and_grad(
            lambda x, y: losses.blockwise_cross_entropy(x, w, y, block_size=4).sum()
        )
    )(x, y)
    rest = losses.blockwise_cross_entropy(x[::2], w, y[::2]).sum()
    np.testing.assert_allclose(loss, rest, rtol=1e-6)
    assert (gradient[1] == 0).all() and (gradient[0] != 0).any()


def test_wrong_arguments():
    x, w, y = problem(8, 3, 9)
    for wrong in ({"block_size": 0}, {"where": jnp.ones(3, bool)}):
        with pytest.raises(ValueError, match="expected"):
            losses.blockwise_cross_entropy(x, w, y, **wrong)
    with pytest.raises(TypeError, match="integer"):
        losses.blockwise_cross_entropy(x, w, y.astype(jnp.float32))
    with pytest.raises(ValueError, match="velocity"):
        losses.blockwise_sgd(x, w, jnp.zeros(3), y, learning_rate=0.1)
    with pytest.raises(ValueError, match=r"3\.\.9 samples"):
        losses.sample_classes(jax.random.key(0), y, num_classes=9, num_samples=2)


def buffer_sizes(compiled):
    """Numbers of elements of every array in a compiled program."""
    shapes = re.findall(r"\b[a-z]+\d+\[([\d,]+)\]", compiled.as_text())
    return {int(np.prod([int(n) for n in s.split(",")])) for s in shapes}


def test_no_array_holds_both_the_batch_and_all_classes():
    batch, classes, size, block = 24, 5000, 16, 128
    x, w = jnp.ones((batch, size)), jnp.ones((classes, size))
    y = jnp.zeros(batch, int)
    step = jax.jit(
        jax.grad(
            lambda x, w: losses.blockwise_cross_entropy(
                x, w, y, block_size=block
            ).sum(),
            argnums=(0, 1),
        )
    )
    compiled = step.lower(x, w).compile()
    assert batch * classes not in buffer_sizes(compiled)
    scratch = compiled.memory_analysis().temp_size_in_bytes
    assert scratch < 4 * (4 * block * (batch + size) + 8 * batch * size)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_fused_sgd_holds_no_gradient_and_updates_in_place(dtype):
    batch, classes, size, block = 8, 5000, 16, 128
    x, w = jnp.ones((batch, size)), jnp.ones((classes, size), dtype)
    step = jax.jit(
        lambda x, w, v, y: losses.blockwise_sgd(
            x, w, v, y, learning_rate=0.1, block_size=block
        ),
        donate_argnums=(1, 2),
    )
    compiled = step.lower(x, w, jnp.zeros_like(w), jnp.zeros(batch, int)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 4 * classes * size / 2


def test_fused_sgd_equals_optax():
    x, w, y = problem(9, 5, 11)
    optimizer = optax.chain(
        optax.add_decayed_weights(5e-4), optax.sgd(0.1, momentum=0.9)
    )
    state, fused, velocity = optimizer.init(w), w, jnp.zeros_like(w)
    plain = w
    margin = functools.partial(losses.arcface_logits, scale=8.0)
    for step in range(2):
        batch = x + 0.1 * step
        loss, (to_x, to_w) = jax.value_and_grad(
            lambda x, w: dense(x, w, y, logits_fn=margin).mean(), argnums=(0, 1)
        )(batch, plain)
        updates, state = optimizer.update(to_w, state, plain)
        plain = optax.apply_updates(plain, updates)
        update = losses.blockwise_sgd(
            batch, fused, velocity, y, learning_rate=0.1, logits_fn=margin, block_size=4
        )
        fused, velocity = update.prototypes, update.velocity
        np.testing.assert_allclose(update.loss.mean(), loss, rtol=1e-5)
        np.testing.assert_allclose(update.embeddings, to_x, atol=1e-6)
        np.testing.assert_allclose(fused, plain, atol=1e-6)


def test_fused_sgd_weights_and_margin_gradients():
    x, w, y = problem(10, 4, 9)
    norms, weights = (
        jnp.array([20.0, 40.0, 60.0, 80.0]),
        jnp.array([1.0, 0.0, 2.0, 0.5]),
    )
    update = losses.blockwise_sgd(
        x, w, jnp.zeros_like(w), y, norms,
        learning_rate=1.0, weight_decay=0.0, weights=weights,
        logits_fn=losses.magface_logits, block_size=4,
    )  # fmt: skip

    def loss(x, w, norms):
        logits = losses.magface_logits(losses.cosine_logits(x, w), y, norms)
        return (weights * losses.softmax_cross_entropy(logits, y)).sum()

    to_x, to_w, to_norms = jax.grad(loss, argnums=(0, 1, 2))(x, w, norms)
    np.testing.assert_allclose(update.embeddings, to_x, atol=2e-4)
    np.testing.assert_allclose(update.margin_args[0], to_norms, atol=2e-4)
    np.testing.assert_allclose(update.prototypes, w - to_w, atol=2e-4)


@hypothesis.given(
    seed=st.integers(0, 2**31 - 1), classes=st.integers(1, 30), data=st.data()
)
@hypothesis.settings(max_examples=25, deadline=None)
def test_samples_are_distinct_and_hold_every_label(seed, classes, data):
    labels = data.draw(st.lists(st.integers(-1, classes), min_size=1, max_size=6))
    least = min(len(labels), classes)
    num_samples = data.draw(st.integers(least, classes))
    chosen, positions = losses.sample_classes(
        jax.random.key(seed),
        jnp.array(labels),
        num_classes=classes,
        num_samples=num_samples,
    )
    chosen = chosen.tolist()
    assert len(set(chosen)) == num_samples and chosen == sorted(chosen)
    for label, position in zip(labels, positions.tolist(), strict=True):
        if 0 <= label < classes:
            assert chosen[position] == label
        else:
            assert position == -1


def test_negatives_are_drawn_evenly_and_only_from_those_that_exist():
    where = jnp.arange(20) < 16
    counts = np.zeros(20)
    draw = jax.jit(
        lambda key: losses.sample_classes(
            key, jnp.array([3]), num_classes=20, num_samples=6, where=where
        )[0]
    )
    for seed in range(400):
        counts[draw(jax.random.key(seed))] += 1
    assert counts[3] == 400 and (counts[16:] == 0).all()
    others = np.delete(counts[:16], 3)
    # 5 of 15 each time: 133 ± 9.4.
    assert np.abs(others - 400 * 5 / 15).max() < 4 * 9.5


def test_sampled_equals_dense_over_the_sample():
    x, w, y = problem(11, 4, 30)
    key = jax.random.key(3)
    classes, positions = losses.sample_classes(key, y, num_classes=30, num_samples=9)
    margin = functools.partial(losses.arcface_logits, scale=8.0)
    assert_same(
        lambda x, w: losses.sampled_cross_entropy(
            key, x, w, y, num_samples=9, logits_fn=margin, block_size=4
        ),
        lambda x, w: dense(x, w[classes], positions, logits_fn=margin),
        x,
        w,
    )
    assert_same(
        lambda x, w: losses.sampled_cross_entropy(
            key, x, w, y, num_samples=30, logits_fn=margin
        ),
        lambda x, w: dense(x, w, y, logits_fn=margin),
        x,
        w,
    )


@pytest.mark.parametrize("sub_centres", [0, 2])
def test_cosines_come_with_the_loss(sub_centres):
    x, w, y = problem(3, 5, 11, sub_centres)
    where = jnp.arange(11) != 4
    cosines = jnp.where(where[None], losses.cosine_logits(x, w), -jnp.inf)
    y = jnp.where(y == 4, 5, y)
    found = losses.blockwise_cross_entropy(
        x, w, y, block_size=3, where=where, with_cosines=True
    )
    plain = losses.blockwise_cross_entropy(x, w, y, block_size=3, where=where)
    np.testing.assert_array_equal(found.loss, plain)
    np.testing.assert_allclose(
        found.own,
        np.take_along_axis(np.asarray(cosines), np.asarray(y)[:, None], axis=1)[:, 0],
        atol=1e-6,
    )
    np.testing.assert_allclose(found.top, cosines.max(axis=-1), atol=1e-6)
    best = losses.blockwise_cross_entropy(
        x, w, jnp.argmax(cosines, -1), block_size=3, where=where, with_cosines=True
    )
    np.testing.assert_array_equal(best.own, best.top)  # exactly: no tolerance needed
    sampled = losses.sampled_cross_entropy(
        jax.random.key(0), x, w, y, num_samples=11, where=where, with_cosines=True
    )
    np.testing.assert_allclose(sampled.top, found.top, atol=1e-6)


def test_cosines_carry_no_gradient():
    x, w, y = problem(4, 3, 7)
    gradient = jax.grad(
        lambda x: losses.blockwise_cross_entropy(x, w, y, with_cosines=True).top.sum()
    )(x)
    np.testing.assert_array_equal(gradient, 0)
