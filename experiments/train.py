"""Trains a recogniser: one configuration file, one run folder.

    python -m experiments.train --config=experiments/configs/faces_r18.py \\
        --workdir=runs/faces_r18 --config.data_dir=DIR --config.batch_size=64

Repeating the command goes on with an interrupted run.
"""

from absl import flags
from ml_collections import config_flags

from experiments import launch
from maskarc.train import loop

_CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration file.")
flags.mark_flag_as_required("config")
_WORKDIR = flags.DEFINE_string("workdir", None, "Run folder.", required=True)


def main(argv: list[str]) -> None:
    """Parses the flags and trains."""
    del argv
    loop.train(_CONFIG.value, _WORKDIR.value)


if __name__ == "__main__":
    launch.run(main)
