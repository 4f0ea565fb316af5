"""How a result was made: command, versions, revision and machine."""

import importlib.metadata
import os
import pathlib
import platform
import shlex
import subprocess
import sys
from typing import Any

import maskarc

# What the numbers may depend on; only those that are installed are named.
_PACKAGES = (
    "numpy",
    "opencv-python",
    "opencv-python-headless",
    "pillow",
    "scipy",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "onnxruntime",
)
_ROOT = pathlib.Path(maskarc.__file__).parents[1]


def provenance() -> dict[str, Any]:
    """What a result should be kept with, as plain values.

    Example:
      >>> sorted(provenance())
      ['command', 'machine', 'revision', 'versions']
    """
    return {
        "command": command(),
        "versions": {
            "maskarc": maskarc.__version__,
            "python": platform.python_version(),
            **_versions(),
        },
        "revision": revision(_ROOT),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
    }


def command() -> str:
    """The command line of this process, to be repeated in a shell."""
    program, *arguments = sys.orig_argv or ["python"]
    return shlex.join([pathlib.PurePath(program).name, *arguments])


def revision(folder: str | os.PathLike[str]) -> str:
    """The git commit of a checkout, "+ changes" behind it if files differ from it.

    Empty where the folder is no checkout's root, as for an installed package, or
    where there is no git.
    """
    folder = pathlib.Path(folder)
    if not (folder / ".git").exists():
        return ""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{commit} + changes" if changed else commit


def _git(folder: pathlib.Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
