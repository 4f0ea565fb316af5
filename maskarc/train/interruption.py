"""Signals: a run that is told to stop finishes its step, saves and goes."""

import pathlib
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


def told_at_once(workdir: pathlib.Path) -> str:
    """What to say of a run that ended at once, without saving."""
    folder = workdir / "checkpoints"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if steps := [int(name) for name in names if name.isdigit()]:
        return (
            f"interrupted; the checkpoint of step {max(steps)} is whole: repeat the "
            "command to go on from it"
        )
    return (
        "interrupted before the first checkpoint; repeat the command to begin again "
        "(landmarks that were found are kept)"
    )


class Listener:
    """Notes SIGTERM and SIGINT while it is open; each SIGINT after that acts at once.

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
        if self.received and number == signal.SIGINT:
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
