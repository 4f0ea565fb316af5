"""Checkpoints of a run, through orbax.

A checkpoint has three items: "backbone" (parameters and statistics, all that
inference needs), "training" (prototypes, optimizer, key, step) and "meta" (JSON: the
configuration and where the data stands). They are saved together.
"""

import os
import pathlib
from typing import Any, Self

import jax
import orbax.checkpoint as ocp

from maskarc import models
from maskarc.train import config as config_lib
from maskarc.train import step as step_lib


class CheckpointError(ValueError):
    """A folder without a usable checkpoint; the message says why."""


class Checkpoints:
    """The checkpoints of one run folder; a context manager.

    Args:
      folder: made if missing.
      keep: how many of the latest to keep.
    """

    def __init__(self, folder: str | os.PathLike[str], *, keep: int = 2):
        # Orbax fails in a background thread on relative paths: resolve here.
        self._manager = ocp.CheckpointManager(
            pathlib.Path(folder).resolve(),
            options=ocp.CheckpointManagerOptions(
                max_to_keep=keep, enable_async_checkpointing=True
            ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._manager.wait_until_finished()
        self._manager.close()

    @property
    def latest(self) -> int | None:
        """Step of the latest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, state: step_lib.TrainState, config: config_lib.TrainConfig) -> None:
        """Saves a state; returns once its arrays are copied, and writes meanwhile."""
        step = int(state.step)
        if step == self.latest:
            return
        backbone, training = _items(state)
        self._manager.save(
            step,
            args=ocp.args.Composite(
                backbone=ocp.args.StandardSave(backbone),
                training=ocp.args.StandardSave(training),
                meta=ocp.args.JsonSave(
                    {"config": config.to_json(), "data": {"next_batch": step}}
                ),
            ),
        )

    def restore(self, target: step_lib.TrainState) -> step_lib.TrainState:
        """Restores the latest state.

        Args:
          target: a state of the same structure and shapes, or its `jax.eval_shape`.

        Raises:
          CheckpointError: there is none, or it is of another architecture or number
            of classes.
        """
        if self.latest is None:
            raise CheckpointError("there is no checkpoint to restore")
        backbone, training = _items(target)
        try:
            restored = self._manager.restore(
                self.latest,
                args=ocp.args.Composite(
                    backbone=ocp.args.StandardRestore(_abstract(backbone)),
                    training=ocp.args.StandardRestore(_abstract(training)),
                ),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"checkpoint {self.latest} does not fit this model and data: "
                f"{_first_line(error)}"
            ) from error
        return step_lib.TrainState(**restored["backbone"], **restored["training"])


def load_backbone(
    folder: str | os.PathLike[str],
) -> tuple[models.Backbone, Any, Any, config_lib.TrainConfig]:
    """Loads the latest backbone of a run for inference.

    Args:
      folder: a run folder (with a "checkpoints" folder inside) or that inner folder.

    Returns:
      (backbone, params, stats, the run's configuration).

    Raises:
      FileNotFoundError: the folder does not exist.
      CheckpointError: no complete checkpoint, or one that does not fit its own
        configuration.
    """
    folder = pathlib.Path(folder).resolve()
    if not folder.is_dir():
        raise FileNotFoundError(f"no checkpoint folder at {folder}")
    if (folder / "checkpoints").is_dir():
        folder = folder / "checkpoints"
    if not any(child.name.isdigit() for child in folder.iterdir()):
        raise CheckpointError(
            f"no complete checkpoint in {folder}; expected the --workdir of a training"
        )
    with ocp.CheckpointManager(folder) as manager:
        step = manager.latest_step()
        try:
            meta = manager.restore(
                step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())
            )["meta"]
            config = config_lib.TrainConfig.from_json(meta["config"])
            backbone = create_backbone(config)
            target = dict(zip(("params", "stats"), backbone.shapes(), strict=True))
            restored = manager.restore(
                step,
                args=ocp.args.Composite(
                    backbone=ocp.args.StandardRestore(_abstract(target))
                ),
            )["backbone"]
        except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
            raise CheckpointError(
                f"checkpoint {step} in {folder} cannot be loaded: {_first_line(error)}"
            ) from error
    return backbone, restored["params"], restored["stats"], config


def create_backbone(config: config_lib.TrainConfig) -> models.Backbone:
    """The backbone that a configuration describes, by the options that it has."""
    wanted = {
        "image_size": config.image_size,
        "embed_dim": config.embed_dim,
        "width": config.width,
        "stem": config.stem,
        "dropout": config.dropout,
        "dtype": "bfloat16" if config.bfloat16 else "float32",
    }
    known = models.options_of(config.model)
    options = {name: value for name, value in wanted.items() if name in known}
    return models.create(config.model, **options)


def _items(state: step_lib.TrainState) -> tuple[dict[str, Any], dict[str, Any]]:
    backbone = {"params": state.params, "stats": state.stats}
    training = {
        "step": state.step,
        "prototypes": state.prototypes,
        "opt_state": state.opt_state,
        "key": state.key,
    }
    return backbone, training


def _abstract(tree: Any) -> Any:
    return jax.tree.map(ocp.utils.to_shape_dtype_struct, tree)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0][:300]
