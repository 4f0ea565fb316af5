"""Devices: the mesh, what lies where, and the step compiled for them.

The mesh has two axes. The batch is split over all devices; the prototypes, with their
gradients and momenta, over "classes". Everything else is on every device.
"""

import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from maskarc.train import step as step_lib

# (regular expression searched for in a path of the state, where the array lies): the
# first found counts.
RULES = ((r"(^|/)prototypes$", P("classes")), ("", P()))
_BATCH = P(("data", "classes"))

StepFn = Callable[
    [step_lib.TrainState, step_lib.Batch], tuple[step_lib.TrainState, step_lib.Metrics]
]


def create_mesh(class_shards: int = 1, devices: list[Any] | None = None) -> Mesh:
    """A mesh ("data", "classes") of all devices, of every process.

    Args:
      class_shards: size of the axis "classes".
      devices: by default `jax.devices()`.

    Raises:
      ValueError: class_shards does not divide the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    if len(devices) % class_shards:
        raise ValueError(
            f"class_shards {class_shards} must divide the number of devices, "
            f"{len(devices)}"
        )
    return Mesh(np.array(devices).reshape(-1, class_shards), ("data", "classes"))


def shardings(mesh: Mesh, state: Any) -> Any:
    """Where each array of a state lies, by `RULES`.

    Args:
      mesh: from `create_mesh`.
      state: of arrays or `jax.ShapeDtypeStruct`s.
    """

    def of(path: Any, _: Any) -> NamedSharding:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        return NamedSharding(
            mesh, next(spec for rule, spec in RULES if re.search(rule, name))
        )

    return jax.tree_util.tree_map_with_path(of, state)


def abstract_state(trainer: step_lib.Trainer, mesh: Mesh, seed: int = 0) -> Any:
    """The state's shapes, types and places; nothing is allocated."""
    shapes = jax.eval_shape(lambda: trainer.init(seed))
    return jax.tree.map(
        lambda leaf, place: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=place
        ),
        shapes,
        shardings(mesh, shapes),
    )


def init_state(trainer: step_lib.Trainer, mesh: Mesh, seed: int) -> step_lib.TrainState:
    """A fresh state, born where it lies: no device ever holds all prototypes."""
    places = jax.tree.map(lambda s: s.sharding, abstract_state(trainer, mesh, seed))
    # The backbone is the same on every device, and soon made one array at a time: as
    # one program it takes longer to compile than a step.
    backbone = jax.device_put(trainer.init_backbone(seed), NamedSharding(mesh, P()))
    complete = jax.jit(
        lambda params, stats: trainer.complete(seed, params, stats),
        out_shardings=places,
    )
    return complete(*backbone)


def put_batch(mesh: Mesh, batch: dict[str, np.ndarray]) -> step_lib.Batch:
    """Splits a batch over the devices.

    Args:
      mesh: from `create_mesh`.
      batch: this process's part, of which each of its devices gets an equal one.
    """
    place = NamedSharding(mesh, _BATCH)
    return {
        name: jax.make_array_from_process_local_data(place, array)
        for name, array in batch.items()
    }


def abstract_batch(
    trainer: step_lib.Trainer,
    batch_size: int,
    *,
    pairs: bool = False,
    target_dim: int = 0,
) -> dict[str, Any]:
    """Shapes and types of a batch of all processes.

    Args:
      trainer: its backbone knows the crops' size.
      batch_size: B.
      pairs: whether there are two images a photo.
      target_dim: E, of a teacher's embeddings; 0 for none.
    """
    size = trainer.backbone.image_size
    of_each = (2,) if pairs else ()
    shapes = {
        "image": ((*of_each, size, size, 3), np.uint8),
        "label": ((), np.int32),
        "target": ((target_dim,), np.float32),
    }
    return {
        name: jax.ShapeDtypeStruct((batch_size, *shape), dtype)
        for name, (shape, dtype) in shapes.items()
        if shape != (0,)
    }


def compile_step(
    trainer: step_lib.Trainer, mesh: Mesh, batch: dict[str, Any]
) -> jax.stages.Compiled:
    """Compiles the step for a mesh; the state is donated, and stays where it lies.

    A compiled step refuses other shapes: it is compiled once in a run.

    Args:
      trainer: its head knows the mesh.
      mesh: from `create_mesh`.
      batch: from `abstract_batch`.
    """
    state = abstract_state(trainer, mesh)
    place = NamedSharding(mesh, _BATCH)
    batch = {
        name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)
        for name, leaf in batch.items()
    }
    everywhere = NamedSharding(mesh, P())
    places = jax.tree.map(lambda leaf: leaf.sharding, state)
    step = jax.jit(trainer.step, donate_argnums=0, out_shardings=(places, everywhere))
    return step.lower(state, batch).compile()
