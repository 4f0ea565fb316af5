"""Signals, verification while training, too large batches, what a run folder tells."""

import csv
import dataclasses
import json
import logging
import os
import shutil
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from maskarc import inference
from maskarc.data import pairs, synthetic
from maskarc.train import (
    checkpoint,
    inputs,
    interruption,
    journal,
    lock,
    loop,
    memory,
    profiling,
    run_folder,
    validation,
)
from tests.train import tiny

SETTINGS = dataclasses.replace(tiny.SETTINGS, devices=1)


@pytest.fixture(scope="module", autouse=True)
def registered():
    tiny.register()


def rows(workdir):
    with (workdir / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return loop.train(SETTINGS, tmp_path_factory.mktemp("whole"), progress=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_same_call_goes_on(whole, tmp_path, monkeypatch, number):
    note = journal.Journal.note

    def note_and_signal(self, step, values):
        note(self, step, values)
        if step == 2:
            signal.raise_signal(number)

    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "note", note_and_signal)
        with pytest.raises(interruption.Interrupted, match="after step 2") as caught:
            loop.train(SETTINGS, tmp_path, progress=False)
    assert caught.value.signal_number == number
    assert signal.getsignal(number) == before
    state = loop.train(SETTINGS, tmp_path, progress=False)
    for a, b in zip(
        jax.tree.leaves(whole.params), jax.tree.leaves(state.params), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert [row["step"] for row in rows(tmp_path)] == list("12345")


def test_a_second_interrupt_acts_at_once():
    with interruption.Listener(1) as listener, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
        assert listener.agreed(1) == signal.SIGINT
        signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    faces = synthetic.SyntheticFaces(20, 3, seed=9)
    synthetic.write_folder(faces, folder)
    pairs.write_pairs(folder / "pairs.csv", synthetic.make_pairs(faces, 40, seed=9))
    return folder


def test_verification_while_training(people, tmp_path):
    settings = dataclasses.replace(
        SETTINGS,
        verify_pairs=str(people / "pairs.csv"),
        verify_images=str(people),
        verify_landmarks=str(people / "landmarks.npz"),
        verify_masked="second",
        checkpoint_every=1,
        keep=1,
        devices=2,
    )
    loop.train(settings, tmp_path, progress=False)
    scores = {
        int(row["step"]): float(row["verification_accuracy"])
        for row in rows(tmp_path)
        if row["verification_accuracy"]
    }
    assert list(scores) == [1, 2, 3, 4, 5]
    assert all(0 <= score <= 1 for score in scores.values())
    best = checkpoint.best_step(tmp_path)
    assert scores[best] == max(scores.values())
    kept = {p.name for p in (tmp_path / "checkpoints").iterdir() if p.is_dir()}
    assert kept == {str(best), "5"}
    named = inference.load_weights(f"{tmp_path}@{best}")
    for source in (f"{tmp_path}@best", f"{tmp_path}@{best}"):
        found = inference.load_weights(source)
        for a, b in zip(
            jax.tree.leaves(found.params), jax.tree.leaves(named.params), strict=True
        ):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(checkpoint.CheckpointError, match="no checkpoint 77"):
        inference.load_weights(f"{tmp_path}@77")


def test_a_batch_that_is_too_large_says_what_to_change(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1000)
    with pytest.raises(memory.TooLargeError) as caught:
        loop.train(SETTINGS, tmp_path, progress=False)
    for told in ("0.0 GB", "accumulate=2", "remat=True", "bfloat16", "batch_size=8"):
        assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("RESOURCE_EXHAUSTED: Out of memory", memory.TooLargeError, "batch_size=8"),
        ("INTERNAL: something else", jax.errors.JaxRuntimeError, "INTERNAL"),
    ],
)
def test_exhausted_memory_is_explained(text, kind, told):
    with pytest.raises(kind, match=told), memory.explained(SETTINGS):
        raise jax.errors.JaxRuntimeError(text)


def test_a_run_folder_tells_where_it_ran(tmp_path):
    for _ in range(2):
        run_folder.prepare(SETTINGS, tmp_path)
    lines = (tmp_path / "environment.jsonl").read_text().splitlines()
    assert len(lines) == 2
    told = json.loads(lines[0])
    assert told["versions"]["jax"] == jax.__version__
    assert len(told["devices"]) == 8


def test_a_trace_of_a_few_steps(tmp_path):
    with profiling.Profile(tmp_path / "profile") as traced:
        for count in range(1, 12):
            traced.before(count)
            values = jax.numpy.zeros(3) + count
            traced.after(count, values)
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


@pytest.mark.parametrize(
    ("parallel", "change"),
    [
        ("jit", {}),
        ("jit", {"devices": 4, "class_shards": 2, "remat": True}),
        ("pmap", {"devices": 2}),
    ],
)
def test_a_run_goes_on_elsewhere(whole, tmp_path, parallel, change):
    """Three steps here, two there: equal on the same devices, else to rounding."""
    settings = dataclasses.replace(SETTINGS, parallel=parallel)
    loop.train(settings, tmp_path, progress=False)
    shutil.rmtree(tmp_path / "checkpoints" / "5")
    state = loop.train(
        dataclasses.replace(settings, **change), tmp_path, progress=False
    )
    tolerance = {"rtol": 0, "atol": 1e-4 if change else 0}
    for a, b in zip(
        jax.tree.leaves(whole.params), jax.tree.leaves(state.params), strict=True
    ):
        np.testing.assert_allclose(a, b, **tolerance)
    assert [row["step"] for row in rows(tmp_path)] == list("12345")


def test_a_run_compiles_its_step_and_its_verification_once(people, tmp_path, caplog):
    settings = dataclasses.replace(
        SETTINGS,
        verify_pairs=str(people / "pairs.csv"),
        verify_images=str(people),
        verify_landmarks=str(people / "landmarks.npz"),
        checkpoint_every=1,
    )
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        loop.train(settings, tmp_path, progress=False)
    compiled = [
        record.getMessage()
        for record in caplog.records
        if record.getMessage().startswith("Compiling jit(")
    ]
    for name in ("step", "embed"):
        assert sum(line.startswith(f"Compiling jit({name})") for line in compiled) == 1


def test_ctrl_c_twice_while_it_saves(whole, tmp_path, monkeypatch):
    """What is on the way is dropped or whole; the message names what there is."""
    save = checkpoint.Checkpoints.save

    def save_and_press(self, state, *rest):
        save(self, state, *rest)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoints, "save", save_and_press)
        with pytest.raises(KeyboardInterrupt, match="of step 3 is whole"):
            loop.train(SETTINGS, tmp_path, progress=False)
    state = loop.train(SETTINGS, tmp_path, progress=False)
    for a, b in zip(
        jax.tree.leaves(whole.params), jax.tree.leaves(state.params), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_ctrl_c_in_the_verification_saves_that_step(people, tmp_path, monkeypatch):
    settings = dataclasses.replace(
        SETTINGS,
        verify_pairs=str(people / "pairs.csv"),
        verify_images=str(people),
        verify_landmarks=str(people / "landmarks.npz"),
    )
    score = validation.Verifier.score

    def press_and_score(self, state):
        signal.raise_signal(signal.SIGINT)
        return score(self, state)

    monkeypatch.setattr(validation.Verifier, "score", press_and_score)
    with pytest.raises(interruption.Interrupted, match="after step 3"):
        loop.train(settings, tmp_path, progress=False)
    assert checkpoint.best_step(tmp_path) == 3


def test_ctrl_c_before_the_first_step(tmp_path, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(inputs, "create_source", interrupted)
    with pytest.raises(KeyboardInterrupt, match="before the first checkpoint"):
        loop.train(SETTINGS, tmp_path, progress=False)


def test_a_lock_is_for_one_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "run.lock"
    with lock.held(path):
        with pytest.raises(lock.BusyError, match=f"process {os.getpid()} on"):
            loop.train(SETTINGS, tmp_path, progress=False)
        # A process that is started meanwhile does not keep it.
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
    with lock.held(path):
        pass
    child.communicate()
