"""Whether a program is for a CPU, where some of XLA's own forms are slow."""

import contextlib
import contextvars
from collections.abc import Iterator

import jax

_is_portable = contextvars.ContextVar("is_portable", default=False)


@contextlib.contextmanager
def portable() -> Iterator[None]:
    """XLA's own forms, for what is traced inside: programs that run elsewhere.

    What was jitted and traced before keeps the form that it has.
    """
    token = _is_portable.set(True)
    try:
        yield
    finally:
        _is_portable.reset(token)


def has_quick_forms() -> bool:
    """Whether what is traced now takes the forms that are quick on CPUs."""
    return jax.default_backend() == "cpu" and not _is_portable.get()
