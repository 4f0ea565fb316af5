"""`experiments.train` with the tiny network; a process of its own for the tests.

python -m tests.train.command WORKDIR '{"steps": 5}'
"""

import dataclasses
import json

from experiments import launch
from maskarc.train import loop
from tests.train import tiny


def main(argv: list[str]) -> None:
    """Trains."""
    tiny.register()
    _, workdir, changes = argv
    loop.train(dataclasses.replace(tiny.SETTINGS, **json.loads(changes)), workdir)


if __name__ == "__main__":
    launch.run(main)
