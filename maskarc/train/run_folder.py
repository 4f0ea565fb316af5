"""A run folder: what was asked for, and where and with what it ran."""

import datetime
import importlib.metadata
import json
import pathlib
import platform
import subprocess
import sys
from typing import Any

import jax

from maskarc.train import config as config_lib

# Packages whose versions can change a result.
_PACKAGES = (
    "maskarc",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "numpy",
    "opencv-python",
    "pillow",
)


def prepare(config: config_lib.TrainConfig, workdir: pathlib.Path) -> None:
    """Makes the folder, checks that it is of this run, and notes the environment.

    Raises:
      ValueError: the folder holds a run with other settings; names each difference.
      OSError: it cannot be written.
    """
    if jax.process_index() != 0:
        return
    workdir.mkdir(parents=True, exist_ok=True)
    config_lib.check_same_run(config, workdir / "config.json")
    # A line a start: a run may be taken up elsewhere, with other versions.
    with (workdir / "environment.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(environment()) + "\n")


def environment() -> dict[str, Any]:
    """Time, command, code revision, versions and devices of this process."""
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "revision": revision(pathlib.Path(__file__).parent),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "devices": [device.device_kind for device in jax.devices()],
        "processes": jax.process_count(),
    }


def revision(folder: pathlib.Path) -> str:
    """The git commit of a folder, with "+changes" if it has any; "" outside of git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        is_changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + ("+changes" if is_changed else "")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
