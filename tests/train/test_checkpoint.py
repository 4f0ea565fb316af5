"""Checkpoints: damage is found, other devices read them, the best one stays."""

import dataclasses
import itertools
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maskarc.train import checkpoint, engine, fingerprint
from tests.train import tiny

CLASSES = 5


@pytest.fixture(scope="module", autouse=True)
def registered():
    tiny.register()


def create(**settings):
    return engine.create(dataclasses.replace(tiny.SETTINGS, **settings), CLASSES)


def checkpoints(folder, **options):
    return checkpoint.Checkpoints(folder, **{"num_classes": CLASSES, **options})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(folder with checkpoints 1 and 2, state, engine) of classes split four ways."""
    folder = tmp_path_factory.mktemp("saved") / "checkpoints"
    made = create(devices=4, class_shards=4, ema_decay=0.9, loss="adaface")
    state = made.init(0)
    with checkpoints(folder) as manager:
        for step in (1, 2):
            state = dataclasses.replace(state, step=jnp.int32(step))
            manager.save(state, tiny.SETTINGS)
    return folder, state, made


def arrays(state):
    """The leaves, without the classes' padding."""
    state = dataclasses.replace(
        state,
        key=jax.random.key_data(state.key),
        prototypes=state.prototypes[:CLASSES],
        opt_state=jax.tree.map(
            lambda x: x[:CLASSES] if x.ndim == 2 and len(x) in (5, 6, 8) else x,
            state.opt_state,
        ),
    )
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


@pytest.mark.parametrize(("devices", "shards"), [(1, 1), (2, 2), (8, 8)])
def test_other_devices_read_it(saved, devices, shards):
    folder, state, _ = saved
    made = create(devices=devices, class_shards=shards, ema_decay=0.9, loss="adaface")
    with checkpoints(folder) as manager:
        restored = manager.restore(made.target())
    assert restored.prototypes.shape == (-(-CLASSES // shards) * shards, 16)
    for a, b in zip(arrays(state), arrays(restored), strict=True):
        np.testing.assert_array_equal(a, b)
    stepped, _ = made.step(
        restored,
        made.put(
            {
                "image": np.zeros((16, 32, 32, 3), np.uint8),
                "label": np.zeros(16, np.int32),
            }
        ),
    )
    assert int(stepped.step) == 3


def largest_file(folder):
    return max(
        (p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
    )


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip_a_bit, cut_short, lambda path: path.unlink()])
def test_the_one_before_is_taken(saved, tmp_path, damage, caplog):
    folder, _, made = saved
    shutil.copytree(folder, tmp_path / "c")
    damage(largest_file(tmp_path / "c" / "2"))
    with checkpoints(tmp_path / "c") as manager:
        assert int(manager.restore(made.target()).step) == 1
        assert manager.latest == 1
    assert "checkpoint 2 is damaged" in caplog.text
    assert (tmp_path / "c" / "2.damaged").is_dir()  # nothing is lost


def test_a_half_written_one_is_none(saved, tmp_path):
    folder, _, made = saved
    shutil.copytree(folder, tmp_path / "c")
    (tmp_path / "c" / "2").rename(tmp_path / "c" / "2.orbax-checkpoint-tmp-7")
    with checkpoints(tmp_path / "c") as manager:
        assert int(manager.restore(made.target()).step) == 1


def test_all_damaged(saved, tmp_path):
    folder, _, made = saved
    shutil.copytree(folder, tmp_path / "c")
    for step in "12":
        flip_a_bit(largest_file(tmp_path / "c" / step))
    with (
        checkpoints(tmp_path / "c") as manager,
        pytest.raises(checkpoint.CheckpointError, match=r"all checkpoints are damaged"),
    ):
        manager.restore(made.target())


def test_what_does_not_fit_is_left_alone(saved, tmp_path):
    folder, _, _ = saved
    shutil.copytree(folder, tmp_path / "c")
    with (
        checkpoints(tmp_path / "c", num_classes=7) as manager,
        pytest.raises(checkpoint.CheckpointError, match="of 5 classes, not 7"),
    ):
        manager.restore(create(devices=1).target())
    with (
        checkpoints(tmp_path / "c") as manager,
        pytest.raises(checkpoint.CheckpointError, match="only one of the two has"),
    ):
        manager.restore(create(devices=1).target())  # without running mean
    assert sorted(p.name for p in (tmp_path / "c").iterdir() if p.is_dir()) == [
        "1",
        "2",
    ]


def test_the_best_and_the_latest_are_kept(saved, tmp_path):
    _, state, _ = saved
    accuracies = iter(enumerate((0.6, 0.9, 0.7, 0.8, 0.75), start=1))
    for starts in (3, 2):  # the best is known again after an interruption
        with checkpoints(tmp_path, keep=2, tracks_best=True) as manager:
            for step, accuracy in itertools.islice(accuracies, starts):
                state = dataclasses.replace(state, step=jnp.int32(step))
                manager.save(state, tiny.SETTINGS, {checkpoint.METRIC: accuracy})
    kept = sorted(int(p.name) for p in tmp_path.iterdir() if p.name.isdigit())
    assert kept == [2, 4, 5]
    assert checkpoint.best_step(tmp_path) == 2


def test_inference_gets_the_running_mean(saved, tmp_path):
    _, state, _ = saved
    settings = dataclasses.replace(tiny.SETTINGS, ema_decay=0.9)
    average = jax.tree.map(lambda x: x + 1, state.average)
    state = dataclasses.replace(state, average=average)
    with checkpoints(tmp_path) as manager:
        manager.save(state, settings)
    _, params, _, _ = checkpoint.load_backbone(tmp_path)
    np.testing.assert_array_equal(
        params["head"]["fc"]["kernel"], average["params"]["head"]["fc"]["kernel"]
    )


def test_meta_is_plain_json(saved):
    folder, _, _ = saved
    meta = json.loads((folder / "2" / "meta" / "metadata").read_text())
    assert meta["data"] == {"next_batch": 2, "num_classes": CLASSES}
    assert meta["config"]["model"] == "tiny"


def test_fingerprints():
    x = jnp.arange(6, dtype=jnp.float32).reshape(3, 2)
    tree = {"a": x, "key": jax.random.key(0), "half": x.astype(jnp.bfloat16)}
    found = fingerprint.of_tree(tree)
    assert set(found) == {"a", "key", "half"}
    # By hand: Σ bits · (2654435761 · place | 1) mod 2³².
    bits = np.arange(6, dtype=np.float32).view(np.uint32).astype(object)
    weights = [(2654435761 * i) % 2**32 | 1 for i in range(6)]
    assert found["a"] == sum(b * w for b, w in zip(bits, weights, strict=True)) % 2**32
    # Rows of zeros count nothing; exchanged rows do.
    padded = jnp.concatenate([x, jnp.zeros((2, 2))])
    assert fingerprint.of_tree({"a": padded})["a"] == found["a"]
    assert fingerprint.of_tree({"a": x[::-1]})["a"] != found["a"]
