"""What a configuration computes with: the trainer and its step, on what devices."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from maskarc import models
from maskarc.train import (
    checkpoint,
    head,
    memory,
    objective,
    optim,
    parallel,
    pmap,
)
from maskarc.train import config as config_lib
from maskarc.train import step as step_lib


class Engine(NamedTuple):
    """A step and what feeds it.

    Attributes:
      trainer: what the step closes over.
      mesh: all devices of all processes.
      init: seed → a fresh state where it belongs.
      step: (state, batch) → (state, metrics); the state is donated.
      put: this process's part of a batch → what `step` takes.
    """

    trainer: step_lib.Trainer
    mesh: Mesh
    init: Callable[[int], step_lib.TrainState]
    step: parallel.StepFn
    put: Callable[[dict[str, np.ndarray]], Any]

    def target(self) -> Any:
        """What `Checkpoints.restore` fills: shapes, types and places of a state."""
        return parallel.abstract_state(self.trainer, self.mesh)


def create(
    config: config_lib.TrainConfig, num_classes: int, target_dim: int = 0
) -> Engine:
    """Builds and compiles what a configuration describes, for the devices there are.

    Args:
      config: of the run, valid.
      num_classes: identities of its source.
      target_dim: size of the teacher's embeddings; 0 without a teacher.

    Raises:
      ValueError: a teacher of another size, or what several processes cannot do.
      memory.TooLargeError: a step does not fit into the devices' memory.
    """
    if config.distillation and target_dim not in (0, config.embed_dim):
        raise ValueError(
            f"the teacher's embeddings have {target_dim} numbers: set embed_dim to "
            f"that, not {config.embed_dim}, or use similarity_distillation"
        )
    devices = _devices(config.devices)
    mesh = parallel.create_mesh(config.class_shards, devices)
    is_pmap = config.parallel == "pmap"
    trainer = step_lib.Trainer(
        backbone=_backbone(config, mesh.size, is_pmap),
        optimizer=optim.create(config),
        head=head.Head(
            num_classes=num_classes,
            embed_dim=config.embed_dim,
            loss=config.loss,
            margin=config.margin,
            scale=config.scale,
            sub_centers=config.sub_centers,
            form=config.head_form,
            class_sample=config.class_sample,
            mesh=None if is_pmap else mesh,
        ),
        objective=objective.Objective.of(config),
        freeze=config.freeze,
        accumulate=config.accumulate,
        ema_decay=config.ema_decay,
        scales_loss=config.precision == "float16",
        axis_name=pmap.AXIS if is_pmap else None,
    )
    if is_pmap:
        if jax.process_count() > 1:
            raise ValueError("pmap is for one process: use parallel='jit' for several")
        return Engine(
            trainer,
            mesh,
            trainer.init,
            pmap.pmap_step(trainer, devices),
            lambda batch: pmap.split(batch, len(devices)),
        )
    with memory.explained(config):
        batch = parallel.abstract_batch(
            trainer, config.batch_size, pairs=config.pairs, target_dim=target_dim
        )
        compiled = parallel.compile_step(trainer, mesh, batch)
    memory.check(compiled, config)
    return Engine(
        trainer,
        mesh,
        lambda seed: parallel.init_state(trainer, mesh, seed),
        compiled,
        lambda batch: parallel.put_batch(mesh, batch),
    )


def _devices(count: int) -> list[Any]:
    """The first so many devices, or all."""
    if count and jax.process_count() > 1:
        raise ValueError("several processes use all of their devices: leave devices=0")
    return jax.devices()[: count or None]


def _backbone(
    config: config_lib.TrainConfig, devices: int, is_pmap: bool
) -> models.Backbone:
    """The backbone, with BatchNorm's statistics shared as the configuration says."""
    groups = config.batch_norm_groups or devices
    backbone = dataclasses.replace(
        checkpoint.create_backbone(config), remat=config.remat
    )
    if not is_pmap:
        return dataclasses.replace(backbone, norm_groups=groups)
    shared = groups == 1 and devices > 1
    return dataclasses.replace(backbone, norm_axis=pmap.AXIS if shared else None)
