"""Runs a script's main so that its user meets one clear line, not a traceback."""

import logging as stdlib_logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable

from absl import app, logging

from maskarc.train import interruption

# What the library raises for a user's mistake: wrong values, missing files and extras.
_EXPECTED = (ValueError, OSError, ImportError, FloatingPointError)


def run(main: Callable[[list[str]], None]) -> None:
    """`app.run`; expected errors are one line and exit code 1, Ctrl-C is 130."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app.run(lambda argv: _reported(main, argv), flags_parser=_parse)
    except KeyboardInterrupt as stopped:
        _tell(str(stopped) or "interrupted; repeat the command to go on")
        # The interpreter's own end would wait for threads that were given up.
        for child in multiprocessing.active_children():
            child.terminate()
        os._exit(128 + signal.SIGINT)


def _tell(message: str) -> None:
    """Prints a process's last words; Ctrl-C changes nothing any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout.flush()
    print(message, file=sys.stderr, flush=True)


def _parse(argv: list[str]) -> list[str]:
    try:
        return app.parse_flags_with_usage(argv)
    except (KeyError, *_EXPECTED) as error:
        # Such as an unknown --config.field, or a configuration file that is not there.
        sys.exit(f"error: {error.args[0] if error.args else error}")


def _reported(main: Callable[[list[str]], None], argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)  # jax and orbax report each step at INFO
    logging.get_absl_handler().addFilter(_is_news)
    try:
        main(argv)
    except _EXPECTED as error:
        sys.exit(f"error: {error}")
    except interruption.Interrupted as stopped:
        _tell(str(stopped))
        sys.exit(128 + stopped.signal_number)


def _is_news(record: stdlib_logging.LogRecord) -> bool:
    """Leaves out what orbax's threads log by the hundred lines, and raise as well."""
    is_error = record.levelno >= stdlib_logging.ERROR
    return not is_error or not ("orbax" in record.pathname or record.name == "asyncio")
