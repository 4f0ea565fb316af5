"""Strict by default: warnings are errors, and so is an implicit change of rank."""

import os
import pathlib

_ROOT = pathlib.Path(__file__).parents[1]
# What was compiled once is kept, for other processes and for the next run.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

import jax  # noqa: E402
import pytest  # noqa: E402
from absl import flags  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_threefry_partitionable", True)
# For what is split over devices.
jax.config.update("jax_num_cpu_devices", 8)


def pytest_ignore_collect(collection_path: pathlib.Path) -> bool | None:
    """Has no doctests looked for in what tests share, which may want extras."""
    is_shared = not collection_path.name.startswith("test_")
    return True if collection_path.suffix == ".py" and is_shared else None


@pytest.fixture(autouse=True, scope="session")
def parsed_flags():
    """grain's workers want absl flags parsed."""
    flags.FLAGS.mark_as_parsed()


@pytest.fixture(scope="session")
def faces() -> pathlib.Path:
    """The folder of real faces; skips the test where it is absent."""
    default = _ROOT.parent / "shared" / "faces"
    folder = pathlib.Path(os.environ.get("MASKARC_FACES", default))
    if not folder.is_dir():
        pytest.skip(f"no real faces at {folder} (set MASKARC_FACES)")
    return folder
