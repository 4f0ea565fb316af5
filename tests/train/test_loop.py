"""The loop: learning, exact resume, divergence, foreign checkpoints."""

import csv
import dataclasses
import math
import shutil

import jax
import numpy as np
import pytest

from maskarc import inference
from maskarc.train import checkpoint, config, divergence, loop, optim

SMALL = config.TrainConfig(
    devices=1,
    source="synthetic",
    num_identities=4,
    photos_per_identity=6,
    image_size=32,
    stem="small",
    width=4,
    embed_dim=16,
    dropout=0.2,
    batch_size=8,
    steps=6,
    learning_rate=0.05,
    warmup_steps=2,
    schedule="cosine",
    scale=16.0,
    margin=0.2,
    log_every=1,
    checkpoint_every=3,
    keep=3,
)


def assert_trees_equal(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(x, y)


def rows(workdir):
    with (workdir / "metrics.csv").open(newline="") as file:
        return [
            {k: v for k, v in row.items() if k != "images_per_second"}
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run folder and the state at its end."""
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    return workdir, loop.train(SMALL, workdir, progress=False)


def test_writes_metrics_checkpoints_and_events(finished):
    workdir, state = finished
    assert int(state.step) == 6
    assert [row["step"] for row in rows(workdir)] == list("123456")
    assert {p.name for p in (workdir / "checkpoints").iterdir()} >= {"3", "6"}
    assert list((workdir / "tensorboard").iterdir())
    assert (workdir / "curves.png").stat().st_size > 1000
    # Warm-up: 0, half, full; then a cosine over four steps.
    rates = [float(row["learning_rate"]) for row in rows(workdir)]
    expected = [0, 0.025, *(0.025 * (1 + math.cos(math.pi * i / 4)) for i in range(4))]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_resumed_run_equals_the_whole_one_bit_for_bit(finished, tmp_path):
    workdir, state = finished
    shutil.copytree(workdir, tmp_path / "cut")
    shutil.rmtree(tmp_path / "cut" / "checkpoints" / "6")  # as if killed after step 3
    resumed = loop.train(SMALL, tmp_path / "cut", progress=False)
    assert_trees_equal(state, resumed)
    assert rows(workdir) == rows(tmp_path / "cut")


def test_a_finished_run_is_not_repeated(finished):
    workdir, state = finished
    assert_trees_equal(state, loop.train(SMALL, workdir, progress=False))


def test_other_settings_in_the_same_folder_are_named(finished):
    workdir, _ = finished
    changed = dataclasses.replace(SMALL, margin=0.3, log_every=2)
    with pytest.raises(ValueError, match=r"margin was 0\.2, now 0\.3") as caught:
        loop.train(changed, workdir, progress=False)
    assert "log_every" not in str(caught.value)


def test_a_checkpoint_of_another_architecture(finished, tmp_path):
    workdir, _ = finished
    shutil.copytree(workdir, tmp_path / "other")
    (tmp_path / "other" / "config.json").unlink()
    wider = dataclasses.replace(SMALL, width=8)
    with pytest.raises(checkpoint.CheckpointError, match="does not fit"):
        loop.train(wider, tmp_path / "other", progress=False)


def test_learns_a_handful_of_people(tmp_path):
    easy = dataclasses.replace(
        SMALL,
        steps=60,
        mask_probability=0.0,
        color_jitter=0.0,
        log_every=10,
        margin=0.0,
    )
    loop.train(easy, tmp_path, progress=False)
    losses = [float(row["loss"]) for row in rows(tmp_path)]
    assert losses[-1] < 0.7 * losses[0]


def test_divergence_stops_with_advice(tmp_path):
    hot = dataclasses.replace(SMALL, learning_rate=1e30, warmup_steps=0, steps=30)
    with pytest.raises(divergence.DivergedError, match="lower learning_rate"):
        loop.train(hot, tmp_path, progress=False)


def test_values_out_of_range(tmp_path):
    with pytest.raises(ValueError, match="mask_probability"):
        loop.train(dataclasses.replace(SMALL, mask_probability=1.5), tmp_path)
    with pytest.raises(ValueError, match="schedule"):
        optim.create(dataclasses.replace(SMALL, schedule="linear"))


def test_embedder_loads_the_checkpoint_and_pads_the_last_batch(finished):
    workdir, state = finished
    embedder = inference.Embedder.load(workdir, batch_size=4)
    crops = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)
    backbone = checkpoint.create_backbone(SMALL)
    expected, _ = backbone.apply(state.params, state.stats, crops)
    np.testing.assert_allclose(embedder.embed(crops), expected, rtol=1e-3, atol=1e-4)
    assert embedder.embed([]).shape == (0, 16)
    with pytest.raises(ValueError, match=r"uint8\[32, 32, 3\]"):
        embedder.embed([np.zeros((112, 112, 3), np.uint8)])


def test_flip_adds_the_mirrored_embedding(finished):
    workdir, _ = finished
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    plain = inference.Embedder.load(workdir)
    flipped = inference.Embedder.load(workdir, flip=True)
    np.testing.assert_allclose(
        flipped.embed(crops),
        plain.embed(crops) + plain.embed(crops[:, :, ::-1]),
        rtol=1e-4,
        atol=1e-5,
    )


def test_folders_without_a_checkpoint(tmp_path):
    with pytest.raises(checkpoint.CheckpointError, match="--workdir"):
        checkpoint.load_backbone(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        checkpoint.load_backbone(tmp_path / "nowhere")


def test_a_damaged_checkpoint_is_a_clear_error(finished, tmp_path):
    workdir, _ = finished
    shutil.copytree(workdir, tmp_path / "bad")
    (tmp_path / "bad" / "checkpoints" / "6" / "meta" / "metadata").write_text("{")
    with pytest.raises(checkpoint.CheckpointError, match="cannot be loaded"):
        checkpoint.load_backbone(tmp_path / "bad")
