"""Kills a training again and again, and harms its files; compares the end.

    python -m benchmarks.faults [--kills=50] [--steps=200]

Every run is the command that a user types, on generated people, and is repeated until
it ends by itself. Its last checkpoint is compared, bit for bit, with that of a run to
which nothing happened.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np
from absl import app, flags, logging

from maskarc.data import synthetic
from maskarc.train import checkpoint

_KILLS = flags.DEFINE_integer("kills", 50, "At least so many SIGKILLs.")
_STEPS = flags.DEFINE_integer("steps", 200, "Steps of the run.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the instants.")
_ONLY = flags.DEFINE_list("only", [], "Faults to try; by default all.")
_FOLDER = flags.DEFINE_string("folder", "", "Where the runs lie; by default temporary.")

_FLAGS = {
    "image_size": 32,
    "stem": "small",
    "width": 4,
    "embed_dim": 16,
    "batch_size": 16,
    "num_identities": 8,
    "photos_per_identity": 8,
    "mask_probability": 0.5,
    "checkpoint_every": 4,
    "log_every": 1,
    "scale": 16.0,
    "learning_rate": 0.02,
    "warmup_steps": 5,
}


def main(_) -> None:
    """Runs one fault after another and prints what came of it."""
    logging.set_verbosity(logging.WARNING)
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(_FOLDER.value or temporary)
        start = time.monotonic()
        run(root / "whole")
        print(f"whole run: {time.monotonic() - start:.0f} s")
        expected = arrays(root / "whole")
        for fault in (terminated, half_written, damaged, disk_full, killed):
            if _ONLY.value and fault.__name__ not in _ONLY.value:
                continue
            workdir = root / fault.__name__
            told = fault(workdir)
            same = all(
                np.array_equal(a, b)
                for a, b in zip(expected, arrays(workdir), strict=True)
            )
            rows = same_rows(root / "whole", workdir)
            print(
                f"{fault.__name__:13} {told}; final parameters "
                f"{'equal bit for bit' if same else 'DIFFER'}, metrics "
                f"{'equal' if rows else 'DIFFER'}",
                flush=True,
            )
        if not _ONLY.value or "photo_deleted" in _ONLY.value:
            print(f"{'photo_deleted':13} {photo_deleted(root)}")


def command(workdir: pathlib.Path, **settings: object) -> list[str]:
    """What a user would type."""
    fields = {"steps": _STEPS.value, **_FLAGS, **settings}
    return [
        sys.executable,
        "-m",
        "experiments.train",
        "--config=experiments/configs/quickstart.py",
        f"--workdir={workdir}",
        *(f"--config.{name}={value}" for name, value in fields.items()),
    ]


def begin(workdir: pathlib.Path, **settings: object) -> subprocess.Popen[str]:
    """Starts the command; compiled programs are kept, or starts would take the time."""
    cache = workdir.parent / "compiled"
    return subprocess.Popen(
        command(workdir, **settings),
        env={**os.environ, "JAX_COMPILATION_CACHE_DIR": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(workdir: pathlib.Path, **settings: object) -> str:
    """Runs the command to its end; returns what it said.

    Raises:
      RuntimeError: it failed.
    """
    process = begin(workdir, **settings)
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {said[-2000:]}")
    return said


def killed(workdir: pathlib.Path) -> str:
    """SIGKILL at random instants, until the run ends in spite of them."""
    rng, kills, longest, reach = random.Random(_SEED.value), 0, 0.0, 1.0
    while True:
        done = max(steps(workdir), default=0)
        process = begin(workdir)
        start = time.monotonic()
        # Some die while they start, most after some steps, before or after the next
        # checkpoint; once there were enough kills it is left alone.
        if kills >= _KILLS.value:
            process.communicate()
        elif rng.random() < 0.2:
            time.sleep(rng.uniform(0, reach))
        else:
            reach = wait_for_progress(process, workdir)
            wait_for_step(process, workdir, done + rng.randint(1, 6))
            time.sleep(rng.uniform(0, 1.2))  # or while it is written
        if process.poll() is not None:
            if process.returncode == 0:
                return f"{kills} kills, the longest life {longest:.0f} s"
            raise RuntimeError(process.stderr.read()[-2000:])
        process.kill()
        process.communicate()
        longest = max(longest, time.monotonic() - start)
        kills += 1


def wait_for_progress(process: subprocess.Popen[str], workdir: pathlib.Path) -> float:
    """Waits for the next row of metrics; the seconds that took."""
    start, path = time.monotonic(), workdir / "metrics.csv"
    before = path.stat().st_mtime if path.exists() else 0.0
    while process.poll() is None:
        # The file is written anew at the start, then row by row.
        if path.exists() and path.stat().st_mtime > before:
            break
        time.sleep(0.02)
    return time.monotonic() - start


def wait_for_step(
    process: subprocess.Popen[str], workdir: pathlib.Path, step: int
) -> None:
    """Waits until the metrics tell of a step."""
    path = workdir / "metrics.csv"
    while process.poll() is None:
        last = path.read_text(encoding="utf-8").splitlines()[-1].partition(",")[0]
        if last.isdigit() and int(last) >= step:
            break
        time.sleep(0.01)


def terminated(workdir: pathlib.Path) -> str:
    """SIGTERM: saves what it has at that step."""
    codes = []
    for _ in range(3):
        process = begin(workdir)
        wait_for_progress(process, workdir)
        time.sleep(2)
        process.send_signal(signal.SIGTERM)
        process.communicate()
        codes.append(process.returncode)
    latest = max(steps(workdir))
    run(workdir)
    return f"3 × SIGTERM, exit codes {codes}, saved at step {latest}"


def half_written(workdir: pathlib.Path) -> str:
    """A checkpoint that was being written when the machine went down."""
    run_until(workdir)
    last = max(steps(workdir))
    folder = workdir / "checkpoints"
    (folder / str(last)).rename(folder / f"{last}.orbax-checkpoint-tmp-1")
    run(workdir)
    return f"checkpoint {last} half-written"


def damaged(workdir: pathlib.Path) -> str:
    """One bit of the last checkpoint's largest file is another."""
    run_until(workdir)
    last = max(steps(workdir))
    files = [p for p in (workdir / "checkpoints" / str(last)).rglob("*") if p.is_file()]
    path = max(files, key=lambda p: p.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    said = run(workdir)
    if "is damaged" not in said:
        raise RuntimeError("the damage was not noticed")
    return f"a bit of checkpoint {last} flipped, noticed"


def disk_full(workdir: pathlib.Path) -> str:
    """A disk that fills up while the run goes on, and is then made larger."""
    workdir.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(workdir)]
    if subprocess.run(mount, capture_output=True).returncode:
        shutil.rmtree(workdir)
        run(workdir)
        return "not tried: a file system of its own takes a superuser"
    try:
        process = begin(workdir)
        _, said = process.communicate()
        [*_, last] = [line for line in said.splitlines() if line.startswith("error:")]
        if process.returncode == 0:
            raise RuntimeError("it ended in spite of a full disk")
        before = sorted(steps(workdir))
        remount = ["mount", "-o", "remount,size=100m", str(workdir)]
        subprocess.run(remount, check=True)
        run(workdir)
        kept = workdir.with_name("disk_full_kept")
        shutil.copytree(workdir, kept)
    finally:
        subprocess.run(["umount", str(workdir)], check=False)
    shutil.copytree(kept, workdir, dirs_exist_ok=True)
    return f"stopped with {last[:60]!r}…, checkpoints {before} whole"


def photo_deleted(root: pathlib.Path) -> str:
    """Photos of a folder vanish between two starts; a run on photos of its own."""
    folder, workdir = root / "people", root / "photo_deleted"
    synthetic.write_folder(synthetic.SyntheticFaces(8, 8, seed=0), folder)
    settings = {
        "source": "folder",
        "data_dir": folder,
        "landmarks": folder / "landmarks.npz",
    }
    run_until(workdir, **settings)
    [first, second, *_] = sorted(folder.rglob("*.png")) or sorted(folder.rglob("*.jpg"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:100])
    said = run(workdir, **settings)
    noticed = sum(path.name in said for path in (first, second))
    return f"one deleted, one cut short: went on to the end, {noticed} of 2 named"


def run_until(workdir: pathlib.Path, **settings: object) -> None:
    """Runs until there are two checkpoints, then stops it by SIGKILL."""
    process = begin(workdir, **settings)
    while process.poll() is None and len(steps(workdir)) < 2:
        time.sleep(0.05)
    process.kill()
    process.communicate()


def steps(workdir: pathlib.Path) -> set[int]:
    """Of the complete checkpoints."""
    folder = workdir / "checkpoints"
    if not folder.is_dir():
        return set()
    return {int(path.name) for path in folder.iterdir() if path.name.isdigit()}


def arrays(workdir: pathlib.Path) -> list[np.ndarray]:
    """The last checkpoint's parameters and statistics, in a fixed order."""
    _, params, stats, _ = checkpoint.load_backbone(workdir)
    return list(leaves({"params": params, "stats": stats}))


def leaves(tree: object) -> Iterator[np.ndarray]:
    """Depth first."""
    if isinstance(tree, dict):
        for key in sorted(tree, key=str):
            yield from leaves(tree[key])
    else:
        yield np.asarray(tree)


def same_rows(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Whether the metrics are the same, but for the time that they took."""
    tables = []
    for workdir in (first, second):
        lines = (workdir / "metrics.csv").read_text(encoding="utf-8").splitlines()
        column = lines[0].split(",").index("images_per_second")
        rows = [line.split(",") for line in lines]
        tables.append([row[:column] + row[column + 1 :] for row in rows])
    return json.dumps(tables[0]) == json.dumps(tables[1])


if __name__ == "__main__":
    app.run(main)
