"""Runs a script's main so that its user meets one clear line, not a traceback."""

import sys
from collections.abc import Callable

from absl import app, logging

from maskarc.train import interruption

# What the library raises for a user's mistake: wrong values, missing files and extras.
_EXPECTED = (ValueError, OSError, ImportError, FloatingPointError)


def run(main: Callable[[list[str]], None]) -> None:
    """`app.run`, with expected errors printed as one line and exit code 1."""
    app.run(lambda argv: _reported(main, argv), flags_parser=_parse)


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
        print(stopped, file=sys.stderr)
        sys.exit(128 + stopped.signal_number)
    except KeyboardInterrupt:
        sys.exit("interrupted; repeat the command to go on")
