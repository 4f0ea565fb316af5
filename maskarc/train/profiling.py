"""A trace of a few steps, for TensorBoard's profiler or Perfetto."""

import contextlib
import pathlib
from typing import Any, Self

import jax

# Steps that are traced: the first ones compile and warm up.
_FIRST, _LAST = 6, 10


class Profile(contextlib.AbstractContextManager):
    """Traces steps 6 to 10 of a run, if it is wanted; a context manager.

    Args:
      folder: where the trace goes, or None for none.
    """

    def __init__(self, folder: pathlib.Path | None):
        self._folder = folder
        self._is_open = False

    def before(self, count: int) -> None:
        """To be called before step `count` of this start, from 1 on."""
        if self._folder is not None and count == _FIRST:
            jax.profiler.start_trace(str(self._folder), create_perfetto_trace=True)
            self._is_open = True

    def after(self, count: int, values: Any) -> None:
        """To be called after it, with something that the step computes."""
        if self._is_open and count == _LAST:
            jax.block_until_ready(values)
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_open:
            self._close()

    def _close(self) -> None:
        jax.profiler.stop_trace()
        self._is_open = False
