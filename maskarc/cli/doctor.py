"""Checks this installation: versions, devices, weights, a try on generated faces.

What is missing or broken is named with the command that mends it. The exit code is 1
where something is broken; extras that are not installed are no fault.
"""

import argparse
import dataclasses
import json

HELP = "check this installation"
KEPT = "nothing was changed"
_SIGNS = {True: "ok  ", False: "FAIL", None: "    "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's arguments."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Prints what was found.

    Raises:
      RuntimeError: something is broken.
    """
    from maskarc import doctor

    checks = []
    for check in doctor.examine():
        checks.append(check)
        if not arguments.json:
            print(f"{_SIGNS[check.is_fine]} {check.name}: {check.found}", flush=True)
            if check.remedy:
                print(f"     → {check.remedy}", flush=True)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(check) for check in checks], indent=1))
    if broken := [check.name for check in checks if check.is_fine is False]:
        raise RuntimeError(f"broken: {', '.join(broken)}")
