"""Trains a recogniser: one configuration file, one run folder.

    python -m experiments.train --config=experiments/configs/faces_r18.py \\
        --workdir=runs/faces_r18 --config.data_dir=DIR --config.batch_size=64

Repeating the command goes on with an interrupted run.
"""

from absl import flags
from ml_collections import config_flags

from experiments import launch
from maskarc.train import distributed, loop

_CONFIG = config_flags.DEFINE_config_file("config", None, "Configuration file.")
flags.mark_flag_as_required("config")
_WORKDIR = flags.DEFINE_string("workdir", None, "Run folder.", required=True)
_PROFILE = flags.DEFINE_bool("profile", False, "Write a trace of a few steps.")
_COORDINATOR = flags.DEFINE_string(
    "coordinator",
    "",
    "host:port of process 0, where several train together; 'auto' on a cluster.",
)
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", 0, "How many train together.")
_PROCESS_ID = flags.DEFINE_integer("process_id", -1, "Which of them this is, from 0.")


def main(argv: list[str]) -> None:
    """Parses the flags and trains."""
    del argv
    distributed.initialize(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
    loop.train(_CONFIG.value, _WORKDIR.value, profile=_PROFILE.value)


if __name__ == "__main__":
    launch.run(main)
