"""Beginning with other weights: what is taken, what learns, what is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maskarc.convert import failure
from maskarc.train import checkpoint, config, head, initial, loop, optim, step

TINY = config.TrainConfig(
    devices=1,
    source="synthetic",
    num_identities=4,
    photos_per_identity=4,
    image_size=32,
    stem="small",
    width=4,
    embed_dim=8,
    batch_size=8,
    steps=2,
    learning_rate=0.05,
    mask_probability=0.0,
)


def trainer(settings):
    return step.Trainer(
        backbone=checkpoint.create_backbone(settings),
        optimizer=optim.create(settings),
        head=head.Head(
            num_classes=4, embed_dim=settings.embed_dim, margin=0.1, scale=8.0
        ),
    )


def steps(settings, count=3):
    """(state before, state after) of steps on one random batch."""
    made = trainer(settings)
    rng = np.random.default_rng(0)
    batch = {
        "image": jnp.array(rng.integers(0, 256, (8, 32, 32, 3), np.uint8)),
        "label": jnp.arange(8, dtype=jnp.int32) % 4,
    }
    before = after = made.init(0)
    update = jax.jit(made.step)
    for _ in range(count):
        after, _ = update(after, batch)
    return before, after


def moved(a, b):
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): bool((x != y).any())
        for (path, x), y in zip(
            jax.tree_util.tree_leaves_with_path(a), jax.tree.leaves(b), strict=True
        )
    }


def test_frozen_parameters_stay_bit_for_bit():
    settings = dataclasses.replace(TINY, freeze="^backbone/(conv1|bn1|blocks/[0-3]/)")
    before, after = steps(settings)
    changed = moved(before.params, after.params)
    frozen = [name for name in changed if name.startswith(("conv1", "bn1", "blocks/0"))]
    assert frozen and not any(changed[name] for name in frozen)
    assert changed["blocks/7/conv1/kernel"] and changed["head/fc/kernel"]
    assert (before.prototypes != after.prototypes).any()


def test_rules_scale_the_learning_rate():
    plain, slow = (
        steps(dataclasses.replace(TINY, learning_rates=rules, momentum=0.0), count=1)
        for rules in ((), (("head/fc", 0.25), ("head", 0.0)))
    )
    for name, factor in (("fc", 0.25), ("bn2", 0.0)):
        (before, after), (_, slowed) = plain, slow
        key = "kernel" if name == "fc" else "scale"
        full = after.params["head"][name][key] - before.params["head"][name][key]
        part = slowed.params["head"][name][key] - before.params["head"][name][key]
        np.testing.assert_allclose(part, factor * full, atol=1e-6)


def test_a_rule_that_is_never_found_is_an_error():
    with pytest.raises(ValueError, match="found in no parameter's path: blokcs"):
        steps(dataclasses.replace(TINY, freeze="blokcs"), count=1)


def test_the_prototypes_warm_up_alone():
    settings = dataclasses.replace(TINY, head_warmup_steps=2)
    before, after = steps(settings, count=2)
    assert not any(moved(before.params, after.params).values())
    assert (before.prototypes != after.prototypes).any()
    before, after = steps(settings, count=3)
    assert any(moved(before.params, after.params).values())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, loop.train(TINY, folder, progress=False)


def test_a_run_begins_with_the_weights_of_another(run, tmp_path):
    folder, trained = run
    settings = dataclasses.replace(TINY, steps=0, seed=7, init_from=str(folder))
    state = loop.train(settings, tmp_path / "whole", progress=False)
    assert not any(moved(trained.params, state.params).values())
    assert not any(moved(trained.stats, state.stats).values())
    assert (trained.prototypes != state.prototypes).any()
    settings = dataclasses.replace(settings, init_head=False)
    state = loop.train(settings, tmp_path / "trunk", progress=False)
    changed = moved(trained.params, state.params)
    assert not changed["conv1/kernel"] and changed["head/fc/kernel"]


def test_another_embedding_needs_a_fresh_head(run, tmp_path):
    settings = dataclasses.replace(TINY, steps=0, embed_dim=16, init_from=str(run[0]))
    with pytest.raises(failure.WeightsError, match="head/fc"):
        loop.train(settings, tmp_path / "a", progress=False)
    settings = dataclasses.replace(settings, init_head=False)
    state = loop.train(settings, tmp_path / "b", progress=False)
    assert state.params["head"]["fc"]["kernel"].shape[1] == 16


def test_nothing_to_begin_with_is_an_error(tmp_path):
    settings = dataclasses.replace(TINY, init_from="no_such_weights")
    with pytest.raises(FileNotFoundError, match="dlib_resnet29"):
        loop.train(settings, tmp_path, progress=False)


def test_a_head_is_what_turns_the_map_into_the_embedding():
    for name in ("resnet18", "dlib_resnet29", "mbf"):
        backbone = checkpoint.create_backbone(
            dataclasses.replace(TINY, model=name, image_size=112, stem="imagenet")
        )
        params, _ = jax.eval_shape(backbone.init, jax.random.key(0))
        assert initial.HEAD & set(params), name


def test_warm_up_leaves_decay_to_later():
    settings = dataclasses.replace(TINY, head_warmup_steps=2, weight_decay=0.5)
    before, after = steps(settings, count=2)
    assert not any(moved(before.params, after.params).values())


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_optimizers_decay_kernels_alone(name):
    (_, plain), (_, decayed) = (
        steps(dataclasses.replace(TINY, optimizer=name, weight_decay=decay), count=1)
        for decay in (0.0, 0.1)
    )
    changed = moved(plain.params, decayed.params)
    assert changed["conv1/kernel"] and not changed["bn1/scale"]


def test_long_gradients_are_clipped():
    free, clipped = (
        steps(dataclasses.replace(TINY, clip_norm=norm, weight_decay=0.0), count=1)
        for norm in (0.0, 1e-3)
    )
    lengths = [
        np.sqrt(
            sum(
                float(((x - y) ** 2).sum())
                for x, y in zip(
                    jax.tree.leaves((a.params, a.prototypes)),
                    jax.tree.leaves((b.params, b.prototypes)),
                    strict=True,
                )
            )
        )
        for a, b in (free, clipped)
    ]
    assert lengths[1] == pytest.approx(1e-3 * TINY.learning_rate, rel=1e-3)
    assert lengths[0] > 10 * lengths[1]


def test_unknown_optimizers_are_answered_with_the_known():
    with pytest.raises(ValueError, match="one of sgd, adamw"):
        optim.create(dataclasses.replace(TINY, optimizer="lion"))
