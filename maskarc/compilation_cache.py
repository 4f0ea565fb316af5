"""Compiled programs kept in the user's cache folder: a second start is quick."""

import hashlib
import os
import pathlib
import platform

import jax
import platformdirs


def enable() -> pathlib.Path | None:
    """Keeps what JAX compiles, unless the user says where, or that it is not wanted.

    For commands; a library leaves its user's configuration alone. The folder is
    maskarc/xla in the user's cache folder, with a part for each kind of processor:
    programs for one may not run on another that shares the home folder.

    Returns:
      The folder; None where JAX has one already (JAX_COMPILATION_CACHE_DIR), where its
      cache is off (JAX_ENABLE_COMPILATION_CACHE=0), or where it cannot be written.
    """
    set_already = jax.config.values["jax_compilation_cache_dir"]
    if set_already or not jax.config.values["jax_enable_compilation_cache"]:
        return None
    try:
        place = pathlib.Path(platformdirs.user_cache_dir("maskarc"))
        folder = place / "xla" / _processor()
        if not folder.is_absolute():  # there is no home folder
            return None
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    if not os.access(folder, os.W_OK):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return folder


def _processor() -> str:
    """A name for this kind of processor: what it can do, where that is told."""
    able = platform.processor()
    info = pathlib.Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        able = next((x for x in lines if x.startswith(("flags", "Features"))), able)
    return f"{platform.machine()}-{hashlib.sha256(able.encode()).hexdigest()[:12]}"
