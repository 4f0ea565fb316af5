"""Parts of a batch, precision, running mean, and steps that must change nothing."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src.ad_checkpoint import saved_residuals  # public only as a printer

from maskarc import models
from maskarc.train import engine, head, loss_scale
from tests.train import tiny

CLASSES = 5


@pytest.fixture(scope="module", autouse=True)
def registered():
    tiny.register()


def batch(step=0, size=16):
    rng = np.random.default_rng(step)
    return {
        "image": rng.integers(0, 256, (size, 32, 32, 3), np.uint8),
        "label": rng.integers(0, CLASSES, size).astype(np.int32),
    }


def create(**settings):
    return engine.create(
        dataclasses.replace(tiny.SETTINGS, **{"devices": 1, **settings}), CLASSES
    )


def run(made, steps=3):
    state = made.init(0)
    for step in range(steps):
        state, metrics = made.step(state, made.put(batch(step)))
    return state, {name: float(value) for name, value in metrics.items()}


def assert_close(a, b, **tolerance):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, **tolerance)


def test_parts_of_a_batch_add_up_where_nothing_is_normalised_by_it():
    """dlib's network has no BatchNorm: 4 × 4 images are 16, but for rounding."""
    settings = {
        "model": "dlib_resnet29",
        "image_size": 103,
        "width": 4,
        "embed_dim": 128,
    }
    states = []
    for accumulate, devices in ((1, 1), (4, 1), (2, 4)):
        made = create(**settings, accumulate=accumulate, devices=devices, momentum=0.0)
        crops = np.random.default_rng(0).integers(0, 256, (16, 103, 103, 3), np.uint8)
        state, metrics = made.step(made.init(0), made.put({**batch(), "image": crops}))
        states.append((state.params, state.prototypes, metrics["loss"]))
    assert_close(states[0], states[1], rtol=1e-4, atol=1e-6)
    assert_close(states[0], states[2], rtol=1e-4, atol=1e-6)


def test_batch_norm_sees_the_parts():
    whole, parts = (run(create(accumulate=n), 1)[0] for n in (1, 2))
    mean, moved = (
        np.asarray(state.stats["blocks"][0]["bn"]["mean"]) for state in (whole, parts)
    )
    # Of the same pixels in two parts: 0.1 m and then 0.1 m' + 0.09 m, with m' near m.
    np.testing.assert_allclose(moved, 1.9 * mean, rtol=0.1, atol=2e-3)


def test_rematerialisation_changes_nothing_and_keeps_less():
    plain, remat = (models.create("resnet18", width=4, image_size=64) for _ in "ab")
    remat = dataclasses.replace(remat, remat=True)
    params, stats = plain.init(jax.random.key(0))
    images = batch(size=4)["image"].repeat(2, axis=1).repeat(2, axis=2)

    def loss(backbone, params):
        embeddings, after = backbone.apply(
            params, stats, images, train=True, key=jax.random.key(1)
        )
        return (embeddings**3).mean(), after

    found = [
        jax.jit(jax.value_and_grad(lambda p, b=b: loss(b, p), has_aux=True))(params)
        for b in (plain, remat)
    ]
    assert_close(*found, rtol=1e-5, atol=1e-6)
    kept = [
        sum(
            value.size
            for value, _ in saved_residuals(lambda p, b=b: loss(b, p)[0], params)
            if hasattr(value, "size")
        )
        for b in (plain, remat)
    ]
    assert kept[1] < 0.7 * kept[0]  # both with the parameters


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_stays_near(precision):
    """Only the head of the tiny network computes in it; a ResNet in full."""
    settings = {"model": "resnet18", "width": 4, "stem": "small", "scale": 1.0}
    full, _ = run(create(**settings), 1)
    half, metrics = run(create(**settings, precision=precision), 1)
    assert metrics["skipped"] == 0
    assert {leaf.dtype for leaf in jax.tree.leaves(half.params)} == {
        jnp.dtype("float32")
    }
    moved = [
        np.concatenate([np.asarray(x).ravel() for x in jax.tree.leaves(state.params)])
        for state in (full, half)
    ]
    assert np.corrcoef(*moved)[0, 1] > 0.999
    assert (half.loss_scale is None) == (precision == "bfloat16")


def test_a_step_that_is_not_finite_changes_nothing():
    made = create(ema_decay=0.9, precision="float16")
    trainer = made.trainer
    state = trainer.init(0)
    images = np.zeros((16, 32, 32, 3), np.float32)
    images[3, 5] = np.nan
    step = jax.jit(trainer.step)
    after, metrics = step(state, {**batch(), "image": images})
    assert int(after.step) == 1 and int(after.skipped) == 1
    assert not np.isfinite(float(metrics["gradient_norm"]))
    for name in ("params", "stats", "prototypes", "opt_state", "average"):
        for x, y in zip(
            jax.tree.leaves(getattr(state, name)),
            jax.tree.leaves(getattr(after, name)),
            strict=True,
        ):
            np.testing.assert_array_equal(x, y)
    assert float(after.loss_scale.factor) == float(state.loss_scale.factor) / 2
    good = batch()["image"].astype(np.float32) / 128 - 1
    after = dataclasses.replace(
        after,
        loss_scale=loss_scale.LossScale(
            *map(jnp.asarray, (np.float32(2), np.int32(0)))
        ),
    )
    after, _ = step(after, {**batch(), "image": good})
    assert int(after.skipped) == 0 and int(after.step) == 2


def test_the_scale_grows_after_many_good_steps():
    scale = loss_scale.start()
    scale = scale._replace(good=jnp.int32(1999))
    scale = loss_scale.adjust(scale, jnp.array(True))
    assert float(scale.factor) == 2.0**16 and int(scale.good) == 0


def test_the_running_mean_follows_the_weights():
    made = create(ema_decay=0.5)
    state = made.init(0)
    expected = np.array(state.params["head"]["fc"]["kernel"])
    for step in range(3):
        state, _ = made.step(state, made.put(batch(step)))
        decay = min(0.5, (1 + step) / (10 + step))
        now = np.array(state.params["head"]["fc"]["kernel"])
        expected = decay * expected + (1 - decay) * now
    params, _ = state.for_inference
    np.testing.assert_allclose(params["head"]["fc"]["kernel"], expected, rtol=1e-5)


@pytest.mark.parametrize("form", ["dense", "blockwise"])
def test_right_and_wrong_are_told_by_the_cosines_before_the_margin(form):
    """With a margin of 3 every logit of its own class is the lowest."""
    made = head.Head(num_classes=6, embed_dim=8, margin=3.0, form=form)
    prototypes, labels = jnp.eye(6, 8), jnp.arange(6, dtype=jnp.int32)
    classified, _ = made(3.0 * prototypes, prototypes, labels, (), jax.random.key(0))
    assert (classified.loss > 60).all()
    assert (classified.own >= classified.top).all()
