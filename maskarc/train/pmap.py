"""The step under `jax.pmap`: each device takes its part of the batch.

The older way to many GPUs, kept for code that is written for it; `parallel` also splits
the prototypes. BatchNorm's statistics are shared over the axis, or each device's own,
as `Backbone.norm_axis` says.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from maskarc.train import step as step_lib

AXIS = "devices"


def split(batch: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """A batch [B, …] as [count, B/count, …], a part for each device.

    Raises:
      ValueError: the devices do not divide B.
    """
    for name, array in batch.items():
        if len(array) % count:
            raise ValueError(
                f"expected {name} to divide among {count} devices, got {len(array)}"
            )
    return {
        name: array.reshape(count, -1, *array.shape[1:])
        for name, array in batch.items()
    }


def pmap_step(trainer: step_lib.Trainer, devices: Sequence[Any]) -> Any:
    """The step for `split` batches; state and metrics have no device axis.

    Args:
      trainer: with ``axis_name=AXIS``, and a head without a mesh.
      devices: of this process.

    Raises:
      ValueError: another trainer.
    """
    if trainer.axis_name != AXIS or trainer.head.mesh is not None:
        raise ValueError(f"expected a trainer with axis_name={AXIS!r} and no mesh")
    return jax.pmap(
        trainer.step,
        axis_name=AXIS,
        in_axes=(None, 0),
        out_axes=None,
        donate_argnums=0,
        devices=devices,
    )
