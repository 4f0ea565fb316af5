"""The `maskarc` command: one module a subcommand, which imports what it runs late."""

import argparse
from collections.abc import Sequence

from maskarc import __version__
from maskarc.cli import (
    add_mask,
    compare,
    console,
    convert,
    doctor,
    embed,
    mask,
    models,
    pack,
    report,
    verify,
)

# Name → module with HELP, add_arguments(parser), run(arguments) and KEPT: what is true
# after an interruption.
COMMANDS = {
    "verify": verify,
    "embed": embed,
    "mask": mask,
    "add-mask": add_mask,
    "pack": pack,
    "models": models,
    "convert": convert,
    "report": report,
    "compare": compare,
    "doctor": doctor,
}

# What the library raises for a user's mistake: wrong values, missing files and extras;
# and where its processes die.
_EXPECTED = (ValueError, OSError, ImportError, RuntimeError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; expected errors are one line on the error stream.

    Args:
      arguments: without the program's name; the process's own by default.

    Returns:
      The exit code: 0, 1 for an error, 2 for a wrong command line, 130 for Ctrl-C.
    """
    with console.streams():
        parsed = _parser().parse_args(arguments)
        command = COMMANDS[parsed.command]
        code = console.run(
            lambda: command.run(parsed), expected=_EXPECTED, kept=command.KEPT
        )
    if code == console.INTERRUPTED and arguments is None:
        console.leave(code)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="maskarc", description="Masked face recognition in JAX and Flax."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name, help=module.HELP, description=module.__doc__, allow_abbrev=False
        )
        module.add_arguments(command)
    return parser
