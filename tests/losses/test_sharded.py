"""The class axis over several devices: same results, and no device holds the whole."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from maskarc import losses

BATCH, CLASSES, SIZE, DEVICES = 24, 640, 20, 8
# 40 classes do not exist: padding, so that the axis divides evenly.
EXISTING = 600
MARGIN = functools.partial(losses.magface_logits, scale=16.0)

pytestmark = pytest.mark.skipif(jax.device_count() < DEVICES, reason="needs 8 devices")


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    x = jnp.array(rng.normal(size=(BATCH, SIZE)), jnp.float32)
    w = jnp.array(rng.normal(size=(CLASSES, SIZE)), jnp.float32)
    norms = jnp.array(rng.uniform(15, 100, BATCH), jnp.float32)
    y = jnp.array(rng.integers(0, EXISTING, BATCH))
    return x, w, norms, y, jnp.arange(CLASSES) < EXISTING


def dense(x, w, norms, y, where):
    logits = MARGIN(losses.cosine_logits(x, w), y, norms)
    return losses.softmax_cross_entropy(logits, y, where=where)


def by_shard(x, w, norms, y, where, *, axis_name="classes"):
    return losses.blockwise_cross_entropy(
        x, w, y, norms,
        logits_fn=MARGIN, where=where, block_size=17, axis_name=axis_name,
    )  # fmt: skip


def mesh(*shape, names=("classes",)):
    kinds = (jax.sharding.AxisType.Auto,) * len(shape)
    return jax.make_mesh(shape, names, axis_types=kinds)


def gradients(loss):
    """Of the mean, with respect to embeddings, prototypes and norms."""
    return jax.jit(
        jax.value_and_grad(lambda *a: loss(*a).mean(), argnums=(0, 1, 2)),
    )


def assert_same(got, problem):
    for one, other in zip(
        jax.tree.leaves(got),
        jax.tree.leaves(gradients(dense)(*problem)),
        strict=True,
    ):
        scale = float(jnp.abs(other).max())
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-6 * scale)


def largest_arrays(compiled):
    """Element counts of all arrays in one device's program, the largest first."""
    shapes = re.findall(r"\b[a-z]+\d+\[([\d,]+)\]", compiled.as_text())
    sizes = {int(np.prod([int(n) for n in s.split(",")])) for s in shapes}
    return sorted(sizes, reverse=True)


def test_jit_shards_the_dense_loss(problem):
    devices = mesh(DEVICES)
    place = {
        "classes": NamedSharding(devices, P("classes")),
        "all": NamedSharding(devices, P()),
    }
    kinds = ("all", "classes", "all", "all", "classes")
    placed = [jax.device_put(a, place[k]) for a, k in zip(problem, kinds, strict=True)]
    step = jax.jit(
        jax.value_and_grad(lambda *a: dense(*a).mean(), argnums=(0, 1, 2)),
        out_shardings=(
            place["all"],
            (place["all"], place["classes"], place["all"]),
        ),
    )
    assert_same(step(*placed), problem)
    compiled = step.lower(*placed).compile()
    share = CLASSES // DEVICES
    assert largest_arrays(compiled)[0] <= max(BATCH, SIZE) * share
    assert "all-to-all" not in compiled.as_text()


@pytest.mark.parametrize("data", [1, 2])
def test_shard_map_differentiated_from_outside(problem, data):
    devices = mesh(data, DEVICES // data, names=("data", "classes"))
    loss = jax.shard_map(
        by_shard,
        mesh=devices,
        in_specs=(P("data"), P("classes"), P("data"), P("data"), P("classes")),
        out_specs=P("data"),
    )
    step = gradients(loss)
    assert_same(step(*problem), problem)


def test_shard_map_differentiated_inside(problem):
    def inside(x, w, norms, y, where):
        return jax.value_and_grad(
            lambda x, w, n: by_shard(x, w, n, y, where).mean(), argnums=(0, 1, 2)
        )(x, w, norms)

    devices = mesh(DEVICES)
    step = jax.jit(
        jax.shard_map(
            inside,
            mesh=devices,
            in_specs=(P(), P("classes"), P(), P(), P("classes")),
            out_specs=(P(), (P(), P("classes"), P())),
        )
    )
    assert_same(step(*problem), problem)


def test_pmap_gives_each_device_its_part_of_the_sum(problem):
    x, w, norms, y, where = problem

    def inside(w, where):
        return jax.value_and_grad(
            lambda x, w, n: by_shard(x, w, n, y, where).mean(), argnums=(0, 1, 2)
        )(x, w, norms)

    value, (to_x, to_w, to_norms) = jax.pmap(inside, axis_name="classes")(
        w.reshape(DEVICES, -1, SIZE), where.reshape(DEVICES, -1)
    )
    np.testing.assert_allclose(value, np.full(DEVICES, value[0]))
    summed = (to_x.sum(axis=0), to_w.reshape(w.shape), to_norms.sum(axis=0))
    assert_same((value[0], summed), problem)


def test_embeddings_gathered_from_the_same_devices(problem):
    """Data and classes split over one axis, as Partial FC does."""
    x, w, norms, y, where = problem

    def inside(x, w, norms, where):
        def loss(x, w, norms):
            x, norms = (
                jax.lax.all_gather(a, "classes", tiled=True) for a in (x, norms)
            )
            return by_shard(x, w, norms, y, where).mean()

        return jax.value_and_grad(loss, argnums=(0, 1, 2))(x, w, norms)

    split = P("classes")
    step = jax.shard_map(
        inside,
        mesh=mesh(DEVICES),
        in_specs=(split,) * 4,
        out_specs=(P(), (split,) * 3),
    )
    assert_same(jax.jit(step)(x, w, norms, where), problem)


def test_memory_of_a_device_falls_with_their_number(problem):
    sizes = {}
    for count in (2, 8):
        devices = jax.make_mesh(
            (count,),
            ("classes",),
            axis_types=(jax.sharding.AxisType.Auto,),
            devices=jax.devices()[:count],
        )
        split, whole = (NamedSharding(devices, p) for p in (P("classes"), P()))
        loss = jax.shard_map(
            lambda x, w, y: losses.blockwise_cross_entropy(
                x, w, y, block_size=16, axis_name="classes"
            ),
            mesh=devices,
            in_specs=(P(), P("classes"), P()),
            out_specs=P(),
        )
        step = jax.jit(
            jax.grad(lambda x, w, y, loss=loss: loss(x, w, y).sum(), argnums=(0, 1)),
            in_shardings=(whole, split, whole),
            out_shardings=(whole, split),
        )
        x, w, _, y, _ = problem
        compiled = step.lower(x, w, y).compile()
        assert largest_arrays(compiled)[0] == CLASSES // count * SIZE
        assert BATCH * CLASSES // count not in largest_arrays(compiled)
        analysis = compiled.memory_analysis()
        sizes[count] = analysis.argument_size_in_bytes + analysis.output_size_in_bytes
    assert sizes[8] < sizes[2] / 3


def test_fused_sgd_by_shard(problem):
    x, w, norms, y, where = problem

    def update(x, w, v, norms, y, where, axis_name):
        return losses.blockwise_sgd(
            x, w, v, y, norms,
            learning_rate=0.1, logits_fn=MARGIN, where=where, block_size=17,
            weights=jnp.full(y.shape, 1 / BATCH), axis_name=axis_name,
        )  # fmt: skip

    velocity = jnp.zeros_like(w)
    whole = update(x, w, velocity, norms, y, where, None)
    d, c = P("data"), P("classes")
    step = jax.shard_map(
        functools.partial(update, axis_name="classes"),
        mesh=mesh(2, 4, names=("data", "classes")),
        in_specs=(d, c, c, d, d, c),
        out_specs=losses.HeadUpdate(d, d, (d,), c, c),
    )
    split = jax.jit(step)(x, w, velocity, norms, y, where)
    for one, other in zip(jax.tree.leaves(split), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_sampled_by_shard(problem):
    x, w, _, y, _ = problem
    share = CLASSES // DEVICES

    def loss(x, w, y, num_samples):
        return losses.sampled_cross_entropy(
            jax.random.key(1), x, w, y, num_samples=num_samples, axis_name="classes"
        )

    def run(num_samples):
        return jax.jit(
            jax.shard_map(
                functools.partial(loss, num_samples=num_samples),
                mesh=mesh(DEVICES),
                in_specs=(P(), P("classes"), P()),
                out_specs=P(),
            )
        )(x, w, y)

    plain = losses.blockwise_cross_entropy(x, w, y)
    np.testing.assert_allclose(run(share), plain, rtol=1e-5)
    # Fewer negatives: each loss is smaller, but none loses its own class.
    fewer = run(BATCH)
    assert (fewer < plain).all() and (fewer > 0).all()
