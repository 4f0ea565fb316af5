"""One of several processes that train together; run by test_processes.py."""

import sys

import jax
from absl import flags

from maskarc.train import distributed, loop
from tests.train import tiny


def main(workdir: str, coordinator: str, count: str, number: str) -> None:
    """Trains the tiny network on two devices of this process."""
    flags.FLAGS.mark_as_parsed()
    jax.config.update("jax_num_cpu_devices", 2)
    tiny.register()
    distributed.initialize(coordinator, int(count), int(number))
    loop.train(tiny.SETTINGS, workdir, progress=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
