"""Runs a script's main so that its user meets one clear line, not a traceback."""

import os
import signal
import sys
from collections.abc import Callable

from absl import app, logging

from maskarc.train import interruption

# What the library raises for a user's mistake: wrong values, missing files and extras.
_EXPECTED = (ValueError, OSError, ImportError, FloatingPointError)


def run(main: Callable[[list[str]], None]) -> None:
    """`app.run`; expected errors are one line and exit code 1, Ctrl-C is exit code 130."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app.run(lambda argv: _reported(main, argv), flags_parser=_parse)
    except KeyboardInterrupt as stopped:
        _end(str(stopped) or "interrupted; repeat the command to go on", signal.SIGINT)


def _end(message: str, number: int) -> None:
    """Ends the process as one that a signal has stopped."""
    # What is being written may still be finished; one more Ctrl-C waits for nothing.
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + number))
    print(message, file=sys.stderr)
    sys.exit(128 + number)


def _parse(argv: list[str]) -> list[str]:
    try:
        return app.parse_flags_with_usage(argv)
    except (KeyError, *_EXPECTED) as error:
        # Such as an unknown --config.field, or a configuration file that is not there.
        sys.exit(f"error: {error.args[0] if error.args else error}")


def _reported(main: Callable[[list[str]], None], argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)  # jax and orbax report each step at INFO
    try:
        main(argv)
    except _EXPECTED as error:
        sys.exit(f"error: {error}")
    except interruption.Interrupted as stopped:
        _end(str(stopped), stopped.signal_number)
