"""Signals: a run that is told to stop finishes its step, saves and goes."""

import signal
import threading
from types import FrameType
from typing import Any, Self

import jax
import numpy as np
from jax.experimental import multihost_utils


class Interrupted(Exception):
    """The run was told to stop, and has saved.

    Attributes:
      signal_number: which signal it was.
    """

    def __init__(self, signal_number: int, step: int):
        name = signal.Signals(signal_number).name
        super().__init__(
            f"stopped by {name} after step {step}, which is saved; repeat the command "
            "to go on"
        )
        self.signal_number = signal_number


class Listener:
    """Notes SIGTERM and SIGINT while it is open; a second SIGINT acts at once.

    With several processes all stop after the same step, whichever was told.

    Args:
      every: several processes ask one another every so many steps.
    """

    _SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self, every: int) -> None:
        self.received: int | None = None
        self._every = every
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._note) for s in self._SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.received == signal.SIGINT and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number

    def agreed(self, step: int) -> int | None:
        """The signal that any process has received; all ask after each step."""
        if jax.process_count() == 1:
            return self.received
        if step % self._every:
            return None
        told = multihost_utils.process_allgather(np.int32(self.received or 0))
        return int(told.max()) or None
