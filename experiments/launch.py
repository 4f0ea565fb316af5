"""Runs a script's main so that its user meets one clear line, not a traceback."""

import logging as stdlib_logging
import signal
import sys
from collections.abc import Callable

from absl import app, logging

from maskarc.cli import console
from maskarc.train import interruption

# What the library raises for a user's mistake: wrong values, missing files and extras.
_EXPECTED = (ValueError, OSError, ImportError, FloatingPointError)
# Of most scripts; those that keep more say so.
_KEPT = "files that were finished are kept, others are as they were; repeat the command"


def run(main: Callable[[list[str]], None], *, kept: str = _KEPT) -> None:
    """`app.run`; expected errors are one line and exit code 1, Ctrl-C is 130.

    Args:
      main: of the script.
      kept: what is true after Ctrl-C, for the message.
    """
    app.run(lambda argv: _reported(main, argv, kept), flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    try:
        return app.parse_flags_with_usage(argv)
    except (KeyError, *_EXPECTED) as error:
        # Such as an unknown --config.field, or a configuration file that is not there.
        sys.exit(f"error: {error.args[0] if error.args else error}")


def _reported(main: Callable[[list[str]], None], argv: list[str], kept: str) -> None:
    logging.set_verbosity(logging.WARNING)  # jax and orbax report each step at INFO
    logging.get_absl_handler().addFilter(_is_news)

    def work() -> None:
        try:
            main(argv)
        except interruption.Interrupted as stopped:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is ending already
            print(stopped, file=sys.stderr, flush=True)
            sys.exit(128 + stopped.signal_number)

    code = console.run(work, expected=_EXPECTED, kept=kept)
    if code == console.INTERRUPTED:
        console.leave(code)
    sys.exit(code)


def _is_news(record: stdlib_logging.LogRecord) -> bool:
    """Leaves out what orbax's threads log by the hundred lines, and raise as well."""
    is_error = record.levelno >= stdlib_logging.ERROR
    return not is_error or not ("orbax" in record.pathname or record.name == "asyncio")
