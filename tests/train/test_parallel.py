"""Any number of devices, and any way to use them, gives the same training."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from maskarc.train import engine, head, parallel
from tests.train import tiny

CLASSES = 11
# Relative to how far five steps move the parameters.
TOLERANCE = 2e-4


@pytest.fixture(scope="module", autouse=True)
def registered():
    tiny.register()


def batch(step):
    rng = np.random.default_rng(step)
    return {
        "image": rng.integers(0, 256, (16, 32, 32, 3), np.uint8),
        "label": rng.integers(0, CLASSES, 16).astype(np.int32),
    }


def run(steps=5, **settings):
    """(losses of the steps, state, engine); five classes are padding on 8 shards."""
    made = engine.create(dataclasses.replace(tiny.SETTINGS, **settings), CLASSES)
    state, values = made.init(0), []
    for step in range(steps):
        state, metrics = made.step(state, made.put(batch(step)))
        values.append(float(metrics["loss"]))
    return values, state, made


def trained(state):
    """The parameters as one vector, without the classes' padding."""
    arrays = [*jax.tree.leaves((state.params, state.stats)), state.prototypes[:CLASSES]]
    return np.concatenate([np.asarray(a).ravel() for a in arrays])


@pytest.fixture(scope="module")
def single():
    values, state, made = run(devices=1)
    start = trained(made.init(0))
    return values, trained(state), np.linalg.norm(trained(state) - start)


def assert_same(single, found, tolerance=TOLERANCE):
    values, expected, moved = single
    np.testing.assert_allclose(found[0], values, rtol=tolerance)
    assert np.linalg.norm(trained(found[1]) - expected) < tolerance * moved


@pytest.mark.parametrize("devices", [2, 4, 8])
def test_data_parallel(single, devices):
    assert_same(single, run(devices=devices))


@pytest.mark.parametrize(("devices", "shards"), [(2, 2), (8, 8), (4, 2)])
def test_classes_are_split(single, devices, shards):
    found = run(devices=devices, class_shards=shards)
    assert_same(single, found)
    assert found[1].prototypes.sharding.spec == P("classes")
    np.testing.assert_array_equal(np.asarray(found[1].prototypes)[CLASSES:], 0)


@pytest.mark.parametrize(("devices", "shards"), [(1, 1), (8, 2)])
def test_blockwise(single, devices, shards):
    assert_same(
        single, run(devices=devices, class_shards=shards, head_form="blockwise")
    )


def test_a_sample_of_all_classes_is_all_classes(single):
    # 0.99 of 6 classes a shard, rounded, are all; but the sampled form is what runs.
    assert_same(single, run(devices=8, class_shards=2, class_sample=0.99))


def test_samples_differ_from_step_to_step():
    made = engine.create(
        dataclasses.replace(tiny.SETTINGS, devices=4, class_shards=4, class_sample=0.1),
        200,
    )
    state = made.init(0)
    moved = []
    for _ in range(2):
        before = np.asarray(state.prototypes)
        state, _ = made.step(state, made.put(batch(0)))
        changed = np.asarray(state.prototypes) - before
        moved.append(np.abs(changed).max(axis=1) > 1e-4)
    assert 0 < moved[0].sum() < 100
    assert (moved[0] != moved[1]).any()
    named = np.unique(batch(0)["label"])
    assert moved[0][named].all()


@pytest.mark.parametrize("devices", [2, 8])
def test_pmap(single, devices):
    assert_same(single, run(devices=devices, parallel="pmap"))


def test_norms_of_each_device_are_the_same_in_every_way():
    """Groups on one device = groups on several = pmap without an axis."""
    one = run(devices=1, batch_norm_groups=4)
    start = trained(one[2].init(0))
    expected = (one[0], trained(one[1]), np.linalg.norm(trained(one[1]) - start))
    assert_same(expected, run(devices=4, batch_norm_groups=0))
    assert_same(expected, run(devices=2, batch_norm_groups=4))
    assert_same(expected, run(devices=4, batch_norm_groups=0, parallel="pmap"))
    whole = run(devices=1, steps=1)
    assert abs(whole[0][0] - one[0][0]) > 1e-3


@pytest.mark.parametrize("loss", sorted(head.LOSSES))
def test_every_loss_in_blocks_on_a_mesh(loss):
    settings = {"loss": loss, "margin": 1.5 if loss == "sphereface" else 0.2}
    dense = run(steps=2, devices=1, **settings)
    blocks = run(steps=2, devices=4, class_shards=2, head_form="blockwise", **settings)
    np.testing.assert_allclose(blocks[0], dense[0], rtol=1e-4)
    for a, b in zip(
        *(jax.tree.leaves(r[1].margin_stats) for r in (dense, blocks)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_a_state_stays_where_it_was_born():
    made = engine.create(
        dataclasses.replace(tiny.SETTINGS, devices=8, class_shards=4, ema_decay=0.9),
        CLASSES,
    )
    state = made.init(0)
    born = jax.tree.map(lambda x: x.sharding, state)
    split = [
        path
        for path, place in jax.tree_util.tree_leaves_with_path(born)
        if place.spec == P("classes")
    ]
    assert len(split) == 2  # the prototypes and their momentum
    state, _ = made.step(state, made.put(batch(0)))
    assert jax.tree.map(lambda x: x.sharding, state) == born


def test_memory_of_a_device_falls_with_their_number():
    needs = []
    for devices in (1, 2, 4, 8):
        mesh = parallel.create_mesh(devices, jax.devices()[:devices])
        trainer = engine.create(
            dataclasses.replace(tiny.SETTINGS, devices=1, embed_dim=64), 4
        ).trainer
        trainer = dataclasses.replace(
            trainer,
            head=head.Head(num_classes=1_000_000, embed_dim=64, mesh=mesh),
        )
        sizes = parallel.compile_step(
            trainer, mesh, parallel.abstract_batch(trainer, 16)
        ).memory_analysis()
        needs.append(sizes.argument_size_in_bytes + sizes.temp_size_in_bytes)
    # Prototypes and momentum, gradient, logits: 4 bytes × 1 M × (3 × 64 + 2 × 16).
    assert 5e8 < needs[0] < 2e9
    for devices, need in zip((2, 4, 8), needs[1:], strict=True):
        assert need == pytest.approx(needs[0] / devices, rel=0.1)


def test_what_does_not_divide_is_refused():
    for settings, message in (
        ({"devices": 3}, "multiple of accumulate × devices = 1 × 3"),
        ({"devices": 8, "class_shards": 3}, "class_shards: expected a divisor"),
        ({"devices": 99}, "the 8 that there are"),
        ({"accumulate": 4, "devices": 8}, "4 × 8"),
        ({"devices": 4, "parallel": "pmap", "batch_norm_groups": 2}, "under pmap"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(tiny.SETTINGS, **settings).validate()


def test_no_hidden_transfers():
    made = engine.create(dataclasses.replace(tiny.SETTINGS, devices=2), CLASSES)
    state, fed = made.init(0), made.put(batch(0))
    with jax.transfer_guard("disallow"):
        state, metrics = made.step(state, fed)
    assert jnp.isfinite(metrics["loss"])
