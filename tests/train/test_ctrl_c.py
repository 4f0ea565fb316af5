"""Signals and second runs, on real processes: what is said is true, nothing is lost."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[2]
# Without end; the folder's checkpoints come fast.
ENDLESS = {"steps": 100_000, "checkpoint_every": 2, "devices": 1}


def start(workdir, module="tests.train.command", options=(), **changes):
    """A process that leads a group of its own, as a terminal's command does."""
    command = [sys.executable, *options, "-m", module, str(workdir)]
    if module == "tests.train.command":
        command.append(json.dumps(ENDLESS | changes))
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )


def press(process, times=1, pause=0.1):
    """Ctrl-C in a terminal: every process of the group gets it."""
    for _ in range(times):
        try:
            os.killpg(process.pid, signal.SIGINT)
        except ProcessLookupError:
            return
        time.sleep(pause)


def ended(process):
    """(exit code, the line that says how it ended)."""
    _, said = process.communicate(timeout=120)
    assert "Traceback" not in said, said
    [last] = re.findall(r"^(?:error|interrupted|stopped).*", said, re.MULTILINE)
    return process.returncode, last


def wait_for(condition, process):
    until = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def rows(workdir):
    path = workdir / "metrics.csv"
    return path.read_text().count("\n") - 1 if path.exists() else 0


def saved(workdir):
    folder = workdir / "checkpoints"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return max((int(name) for name in names if name.isdigit()), default=0)


def test_while_it_is_imported(tmp_path):
    process = start(tmp_path, "experiments.train", ["-X", "importtime"])
    for line in process.stderr:
        if line.split("|")[-1].strip() == "experiments":
            break
    press(process)
    code, last = ended(process)
    assert code == 130
    assert last == "interrupted before it began; repeat the command"


def test_before_the_first_step(tmp_path):
    process = start(tmp_path)
    wait_for((tmp_path / "environment.jsonl").exists, process)
    press(process, times=3)
    code, last = ended(process)
    assert code == 130
    assert last.startswith("interrupted before the first checkpoint")


def test_one_run_a_folder_and_what_ends_it(tmp_path):
    """Twice at once, killed, gone on, Ctrl-C with workers, once and then thrice."""
    first = start(tmp_path, worker_count=2)
    wait_for(lambda: saved(tmp_path), first)
    code, last = ended(start(tmp_path))
    assert code == 1
    assert f"in use by process {first.pid} on " in last
    assert last.startswith(f"error: {tmp_path} ")
    first.kill()  # its workers may live on for a moment
    first.communicate()

    before = saved(tmp_path)
    second = start(tmp_path, worker_count=2)
    wait_for(lambda: saved(tmp_path) > before, second)
    press(second)
    code, last = ended(second)
    assert code == 130
    stopped = re.fullmatch(
        r"stopped by SIGINT after step (\d+), which is saved; repeat the command to "
        "go on",
        last,
    )
    assert int(stopped[1]) == saved(tmp_path)

    before = saved(tmp_path)
    third = start(tmp_path)
    wait_for(lambda: rows(tmp_path) > before + 1, third)
    press(third, times=5, pause=0.03)
    code, last = ended(third)
    assert code == 130
    kept = re.search(r"after step (\d+), which is saved|of step (\d+) is whole", last)
    assert int(kept[1] or kept[2]) == saved(tmp_path) >= before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_while_a_checkpoint_is_written(tmp_path, number):
    process = start(tmp_path)
    folder = tmp_path / "checkpoints"
    wait_for(lambda: folder.is_dir() and any(folder.glob("*tmp*")), process)
    process.send_signal(number)
    code, last = ended(process)
    assert code == 128 + number
    assert f"after step {saved(tmp_path)}, which is saved" in last
    assert not list(folder.glob("*tmp*"))
