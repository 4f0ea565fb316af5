"""Where a run begins: the weights of another run, published ones, or a file."""

import dataclasses
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from maskarc import models
from maskarc.convert import failure, foreign, own_file
from maskarc.train import checkpoint
from maskarc.train import config as config_lib
from maskarc.train import step as step_lib

# Entries of a backbone's parameters that turn the trunk's map into the embedding.
HEAD = frozenset({"head", "fc", "bn"})


def transfer(
    state: step_lib.TrainState,
    trainer: step_lib.Trainer,
    config: config_lib.TrainConfig,
) -> step_lib.TrainState:
    """Puts the weights that a configuration names into a fresh state.

    Args:
      state: as `step.Trainer.init` makes it; the optimizer's state holds no weights.
      trainer: of the run.
      config: its init_from and init_head.

    Returns:
      The state with the trunk's weights and, if wanted and there, the head's.

    Raises:
      FileNotFoundError: init_from is none of a published name, a run folder, a file.
      failure.WeightsError: the weights are of another architecture or size.
    """
    loaded = _load(config.init_from, trainer.backbone)
    params, stats = (
        _merged(fresh, given, keep_head=config.init_head)
        for fresh, given in zip((state.params, state.stats), loaded, strict=True)
    )
    return dataclasses.replace(
        state,
        params=params,
        stats=stats,
        average=trainer.first_average(params, stats),
    )


def place_prototypes(
    state: step_lib.TrainState, prototypes: np.ndarray
) -> step_lib.TrainState:
    """Puts prototypes into a fresh state, in the place of random ones.

    Args:
      state: as `step.Trainer.init` makes it.
      prototypes: float32[C, D]; rows of zeros leave what is there.

    Raises:
      ValueError: the state has several prototypes a class, or they are of another size.
    """
    old = state.prototypes
    count, *size = prototypes.shape
    if list(old.shape[1:]) != size or len(old) < count:
        raise ValueError(
            f"expected prototypes {list(old.shape)}, got {list(prototypes.shape)} of "
            "the teacher: set embed_dim to its embeddings' size, and sub_centers to 1"
        )
    padded = np.zeros(old.shape, np.float32)
    padded[:count] = prototypes
    given = jax.device_put(padded, old.sharding)
    has_mean = jnp.any(given != 0, axis=1, keepdims=True)
    return dataclasses.replace(state, prototypes=jnp.where(has_mean, given, old))


def _load(source: str, backbone: models.Backbone) -> tuple[Any, Any]:
    if source in models.PRETRAINED:
        _, params, stats = models.load_pretrained(source)
    elif os.path.isdir(source):
        _, params, stats, _ = checkpoint.load_backbone(source)
    elif os.path.isfile(source) and _is_own(source):
        loaded = own_file.load(source)
        params, stats = loaded.params, loaded.stats
    elif os.path.isfile(source):
        params, stats = foreign.load(source, backbone)
    else:
        raise FileNotFoundError(
            f"init_from={source!r} is no run folder, no file, nor one of "
            f"{', '.join(models.PRETRAINED)}"
        )
    return params, stats


def _is_own(path: str) -> bool:
    """Whether a file is a weights file of maskarc."""
    return (
        path.endswith(".safetensors")
        and own_file.read_metadata(path).get("format") == own_file.FORMAT
    )


def _merged(fresh: Any, loaded: Any, *, keep_head: bool) -> Any:
    """The loaded tree, with the fresh one's head where that is wanted or missing."""
    kept = {
        name for name in fresh if name in HEAD and not (keep_head and name in loaded)
    }
    loaded = {name: tree for name, tree in loaded.items() if name not in kept}
    expected = {name: tree for name, tree in fresh.items() if name not in kept}
    failure.check_complete(checkpoint.shapes(expected), checkpoint.shapes(loaded))
    # Copies where the fresh arrays are: the state is donated by the training step.
    return {
        **fresh,
        **jax.tree.map(
            lambda new, old: jax.device_put(jax.numpy.array(new), old.sharding),
            loaded,
            expected,
        ),
    }
