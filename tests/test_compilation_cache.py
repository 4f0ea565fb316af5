"""maskarc.compilation_cache, in processes of its own: it configures JAX."""

import os
import pathlib
import subprocess
import sys

SCRIPT = """
import jax
from maskarc import compilation_cache
folder = compilation_cache.enable()
jax.jit(lambda x: x * 3 + 1)(2.0)
print(folder)
"""


def run(home: pathlib.Path, **environment: str) -> str:
    """What the script prints with this home folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        env={**kept, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_programs_are_kept_in_the_users_cache_folder(tmp_path):
    folder = pathlib.Path(run(tmp_path))
    assert folder.is_relative_to(tmp_path)
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("*-cache")}
    assert kept
    assert run(tmp_path) == str(folder)
    again = {path.name: path.stat().st_mtime_ns for path in folder.glob("*-cache")}
    assert again == kept


def test_the_users_own_configuration_stands(tmp_path):
    own = tmp_path / "own"
    assert run(tmp_path, JAX_COMPILATION_CACHE_DIR=str(own)) == "None"
    assert run(tmp_path, JAX_ENABLE_COMPILATION_CACHE="0") == "None"


def test_a_folder_that_cannot_be_made_is_no_fault(tmp_path):
    (tmp_path / ".cache").write_text("a file")
    assert run(tmp_path) == "None"
