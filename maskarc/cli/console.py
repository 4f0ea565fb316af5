"""What every command has to do with the console: characters, a full pipe, Ctrl-C."""

import contextlib
import io
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn, TextIO, cast

INTERRUPTED = 130
_CLOSED = "the standard output is closed, the answer has no place"


def run(
    work: Callable[[], None], *, expected: tuple[type[Exception], ...], kept: str
) -> int:
    """Runs a command; expected errors are one line on the error stream.

    The streams are as in `streams`. The first Ctrl-C ends the work orderly, a second
    one at once; where it is ignored, as in the background of a script, it stays so.

    Args:
      work: prints its answer.
      expected: errors that are the user's to mend; others keep their traceback.
      kept: what is true after an interruption, for the message.

    Returns:
      The exit code: 0, 1 for an error, 130 for Ctrl-C.
    """
    interruption = _Interruption(f"interrupted; {kept}")
    interruption.listen()
    code = 0
    try:
        with streams():
            try:
                work()
                if sys.stdout is None:
                    raise OSError(_CLOSED)
                sys.stdout.flush()
            except BaseException as error:
                # Libraries turn an interruption of their imports into other errors.
                if interruption.came or isinstance(error, KeyboardInterrupt):
                    interruption.came = True
                    code = INTERRUPTED
                    if isinstance(error, KeyboardInterrupt) and str(error):
                        interruption.message = str(error)  # it knows what is kept
                elif isinstance(error, expected):
                    from maskarc import files

                    print(f"error: {files.shown(str(error))}", file=sys.stderr)
                    code = 1
                else:
                    raise
                with contextlib.suppress(OSError, ValueError):
                    print(end="", flush=True)  # what was printed before
            if code == INTERRUPTED:
                print(interruption.message, file=sys.stderr, flush=True)
    finally:
        interruption.end()
    return code


def leave(code: int) -> NoReturn:
    """Ends the process at once.

    The interpreter's own end would wait for threads that were given up, and may take
    an interruption that passed through it for a death by the signal.
    """
    for child in multiprocessing.active_children():
        child.terminate()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)


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
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._before = signal.signal(signal.SIGINT, self._note)

    def end(self) -> None:
        """Gives the signal back; ignores it where the process is about to end by it."""
        if self._before is not None:
            after = signal.SIG_IGN if self.came else self._before
            signal.signal(signal.SIGINT, after)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.came:
            with contextlib.suppress(OSError):
                os.write(2, f"{self.message}\n".encode(errors="backslashreplace"))
            os._exit(INTERRUPTED)
        self.came = True
        raise KeyboardInterrupt


@contextlib.contextmanager
def streams() -> Iterator[None]:
    """Makes the streams of this process take any character, and be there.

    Characters that the console cannot show are escaped. What nobody reads any more is
    dropped, and so is what the error stream cannot take; an output that cannot be
    written is an error.
    """
    if isinstance(sys.stdout, _Output) or isinstance(sys.stderr, _Output):
        yield  # they are open
        return
    before = sys.stdout, sys.stderr
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            _close_gap(number)  # else a file that is opened takes its place
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.stderr is None:  # progress bars write to it
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is not None:
        sys.stdout = cast(TextIO, _Output(sys.stdout, (BrokenPipeError,)))
    sys.stderr = cast(TextIO, _Output(sys.stderr, (OSError, ValueError)))
    try:
        yield
    finally:
        for opened in (sys.stdout, sys.stderr):
            if isinstance(opened, _Output):
                opened.finish()
        sys.stdout, sys.stderr = before


class _Output:
    """A stream that drops what it cannot write for one of some reasons.

    Args:
      stream: what is written to.
      dropped: errors after which nothing is written any more.
    """

    def __init__(self, stream: TextIO, dropped: tuple[type[Exception], ...]) -> None:
        self._stream, self._dropped, self._is_gone = stream, dropped, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes, or drops."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flushes, or drops."""
        self._try(self._stream.flush)

    def finish(self) -> None:
        """Leads nowhere what Python would write at its end, and fail."""
        if self._is_gone:
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def _try(self, act: Callable[[], object]) -> None:
        if self._is_gone:
            return
        try:
            act()
        except self._dropped:
            self._is_gone = True


def _close_gap(number: int) -> None:
    """Leads a closed file descriptor nowhere."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
