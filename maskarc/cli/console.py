"""What every command has to do with the console: characters, a full pipe, Ctrl-C."""

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TextIO

INTERRUPTED = 130


def run(
    work: Callable[[], None], *, expected: tuple[type[Exception], ...], kept: str
) -> int:
    """Runs a command; expected errors are one line on the error stream.

    Characters that the console cannot show are escaped. A reader that stops reading is
    no error, an output that cannot be written is one. The first Ctrl-C ends the work
    orderly, a second one at once.

    Args:
      work: prints its answer.
      expected: errors that are the user's to mend; others keep their traceback.
      kept: what is true after an interruption, for the message.

    Returns:
      The exit code: 0, 1 for an error, 130 for Ctrl-C.
    """
    _open_streams()
    interruption = _Interruption(f"interrupted; {kept}")
    interruption.listen()
    code = 0
    try:
        work()
        if sys.stdout is None:
            raise OSError("the standard output is closed, the answer has no place")
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()  # what reads it has seen enough
    except BaseException as error:
        # Libraries turn an interruption of their imports into errors of other kinds.
        if interruption.came or isinstance(error, KeyboardInterrupt):
            interruption.came = True
            code = INTERRUPTED
            if isinstance(error, KeyboardInterrupt) and str(error):
                interruption.message = str(error)  # it knows better what is kept
        elif isinstance(error, expected):
            print(f"error: {error}", file=sys.stderr)
            code = 1
        else:
            interruption.end()
            raise
        _flush_or_drop()
    interruption.end()
    if code == INTERRUPTED:
        print(interruption.message, file=sys.stderr, flush=True)
    return code


def tally(counts: Mapping[str, int]) -> str:
    """Says how many files had which outcome.

    >>> tally({"ok": 3, "ignored": 1, "no_face": 0})
    '4 files: 1 ignored, 3 ok'
    """
    outcomes = ", ".join(f"{n} {name}" for name, n in sorted(counts.items()) if n)
    return f"{sum(counts.values())} files: {outcomes}"


class _Interruption:
    """Ctrl-C: noted and raised once; from the second on the process ends at once.

    Files are moved into place whole, and worker processes end with their parent, so
    that is safe at any time.
    """

    def __init__(self, message: str) -> None:
        self.message = message
        self.came = False
        self._before: object = None

    def listen(self) -> None:
        """Takes the signal over, where this is the thread that gets it."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)

    def end(self) -> None:
        """Gives the signal back; ignores it where the process is about to end by it."""
        if self._before is not None:
            after = signal.SIG_IGN if self.came else self._before
            signal.signal(signal.SIGINT, after)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.came:
            os.write(2, f"{self.message}\n".encode(errors="backslashreplace"))
            os._exit(INTERRUPTED)
        self.came = True
        raise KeyboardInterrupt


def _open_streams() -> None:
    """Makes the streams take any character, and be there."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            _close_gap(number)  # else a file that is opened takes its place
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.stderr is None:  # progress bars write to it
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _close_gap(number: int) -> None:
    """Leads a closed file descriptor nowhere."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)


def _flush_or_drop() -> None:
    """Writes what was printed before an error; what cannot be written is dropped."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        _drop_output()


def _drop_output() -> None:
    """Leads the output nowhere: Python would write the rest of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
