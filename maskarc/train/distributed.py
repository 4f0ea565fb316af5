"""Several processes, on one host or many, that train together."""

from collections.abc import Callable
from typing import TypeVar

import jax
from jax.experimental import multihost_utils

T = TypeVar("T")


def initialize(
    coordinator: str = "", num_processes: int = 0, process_id: int = -1
) -> None:
    """Joins the processes of a run; to be called before anything computes.

    Args:
      coordinator: "host:port" of process 0, the same for all; "" for a run of one
        process; "auto" to read everything from what a cluster sets in the environment
        (Slurm, Open MPI, Kubernetes, Cloud TPU).
      num_processes: how many.
      process_id: 0..num_processes−1.

    Raises:
      ValueError: numbers that do not fit.
    """
    if not coordinator:
        if num_processes > 1:
            raise ValueError("several processes need --coordinator=host:port")
        return
    if coordinator == "auto":
        jax.distributed.initialize()
        return
    if not 0 <= process_id < num_processes:
        raise ValueError(
            f"expected process_id in 0..{num_processes - 1}, got {process_id}"
        )
    jax.distributed.initialize(coordinator, num_processes, process_id)


def first_alone(make: Callable[[], T]) -> T:
    """Calls `make` in process 0, and then in the others, which find its files."""
    if jax.process_count() == 1:
        return make()
    if jax.process_index() == 0:
        made = make()
    multihost_utils.sync_global_devices("first_alone")
    if jax.process_index() != 0:
        made = make()
    return made
