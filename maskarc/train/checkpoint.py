"""Checkpoints of a run, through orbax.

A checkpoint has three items: "backbone" (parameters and statistics, all that
inference needs), "training" (the rest of the state) and "meta" (JSON: the
configuration, where the data stands, and a fingerprint of every array). They are saved
together. What lies split over devices is written and read by parts, and may be read
again by another number of devices.
"""

import contextlib
import errno
import json
import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Self

import jax
import orbax.checkpoint as ocp
from absl import logging
from orbax.checkpoint.checkpoint_managers import preservation_policy

from maskarc import models
from maskarc.train import config as config_lib
from maskarc.train import fingerprint
from maskarc.train import step as step_lib

# What the best checkpoint has the highest of.
METRIC = "verification_accuracy"
# The axis of classes is padded to a multiple of the devices that share it.
_PADDED = re.compile(r"(^|/)prototypes$")


class CheckpointError(ValueError):
    """A folder without a usable checkpoint; the message says why."""


class Checkpoints:
    """The checkpoints of one run folder; a context manager.

    Args:
      folder: made if missing.
      num_classes: C, without the padding.
      keep: how many of the latest to keep.
      tracks_best: keep the one with the highest `METRIC`, too.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        num_classes: int,
        keep: int = 2,
        tracks_best: bool = False,
    ):
        self._num_classes = num_classes
        # Orbax fails in a background thread on relative paths: resolve here.
        self._manager = ocp.CheckpointManager(
            pathlib.Path(folder).resolve(),
            item_handlers=_handlers(),
            options=ocp.CheckpointManagerOptions(
                preservation_policy=preservation_policy.AnyPreservationPolicy(
                    [
                        preservation_policy.LatestN(keep),
                        preservation_policy.BestN(
                            get_metric_fn=_metric,
                            n=1,
                            keep_checkpoints_without_metrics=False,
                        ),
                    ]
                ),
                # Only then does orbax write metrics.
                best_fn=_metric if tracks_best else None,
                enable_async_checkpointing=True,
            ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._full_disk_told():
            self._manager.wait_until_finished()
        self._manager.close()

    @contextlib.contextmanager
    def _full_disk_told(self) -> Iterator[None]:
        """Turns what orbax and TensorStore say of a full disk into an OSError."""
        try:
            yield
        except (ValueError, OSError) as error:
            is_full = getattr(error, "errno", None) == errno.ENOSPC
            if not is_full and "RESOURCE_EXHAUSTED" not in str(error):
                raise
            raise OSError(
                errno.ENOSPC,
                "no space is left for a checkpoint; those before are whole. Free some "
                f"and repeat the command: {self._manager.directory}",
            ) from error

    @property
    def latest(self) -> int | None:
        """Step of the latest complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(
        self,
        state: step_lib.TrainState,
        config: config_lib.TrainConfig,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Saves a state; returns once its arrays are copied, and writes meanwhile.

        Args:
          state: of any devices.
          config: of the run.
          metrics: with `METRIC`, where it was measured; decides which is the best.

        Raises:
          OSError: the disk is full or gone; earlier checkpoints are whole.
        """
        step = int(state.step)
        if step == self.latest:
            return
        items = _items(state)
        meta = {
            "config": config.to_json(),
            "data": {"next_batch": step, "num_classes": self._num_classes},
            "fingerprint": {name: fingerprint.of_tree(i) for name, i in items.items()},
        }
        arguments = {name: ocp.args.StandardSave(i) for name, i in items.items()}
        with self._full_disk_told():
            self._manager.save(
                step,
                args=ocp.args.Composite(**arguments, meta=ocp.args.JsonSave(meta)),
                metrics=dict(metrics) if metrics else None,
            )

    def restore(self, target: step_lib.TrainState) -> step_lib.TrainState:
        """Restores the latest state that is whole; damaged ones are set aside.

        Args:
          target: a state of the same structure and shapes, but for the padding of the
            classes, or its `jax.ShapeDtypeStruct`s; arrays come to lie where they say.

        Raises:
          CheckpointError: there is none, they are of another architecture or number
            of classes, or all are damaged.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        if not steps:
            raise CheckpointError("there is no checkpoint to restore")
        for step in steps:
            try:
                state = self._restore(step, target)
            except _Misfit as error:
                raise CheckpointError(
                    f"checkpoint {step} does not fit this model and data: {error}"
                ) from error
            except Exception as error:  # whatever a damaged file makes its readers do
                logging.warning(
                    "checkpoint %d is damaged and left out: %s",
                    step,
                    _first_line(error),
                )
                self._set_aside(step)
            else:
                return state
        raise CheckpointError(
            f"all checkpoints are damaged: {steps}; they lie beside as STEP.damaged. "
            "Repeat the command to begin again."
        )

    def _restore(self, step: int, target: step_lib.TrainState) -> step_lib.TrainState:
        meta = self._manager.restore(
            step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())
        )["meta"]
        if "fingerprint" not in meta:
            raise _Misfit("it was written by an older version")
        if meta["data"]["num_classes"] != self._num_classes:
            raise _Misfit(
                f"it is of {meta['data']['num_classes']} classes, not "
                f"{self._num_classes}"
            )
        stored = self._manager.item_metadata(step)
        items = _items(target)
        for name, item in items.items():
            _check_fit(item, stored[name])
        restored = self._manager.restore(
            step,
            args=ocp.args.Composite(
                **{
                    name: ocp.args.StandardRestore(_abstract(item), strict=False)
                    for name, item in items.items()
                }
            ),
        )
        for name in items:
            _check_fingerprint(restored[name], meta["fingerprint"][name])
        return _state(restored["backbone"], restored["training"])

    def _set_aside(self, step: int) -> None:
        folder = pathlib.Path(self._manager.directory)
        if jax.process_index() == 0 and (folder / str(step)).is_dir():
            (folder / str(step)).rename(folder / f"{step}.damaged")
        self._manager.reload()


def load_backbone(
    folder: str | os.PathLike[str], *, step: int | None = None
) -> tuple[models.Backbone, Any, Any, config_lib.TrainConfig]:
    """Loads a backbone of a run for inference.

    Args:
      folder: a run folder (with a "checkpoints" folder inside) or that inner folder.
      step: which checkpoint; by default the latest.

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
    with ocp.CheckpointManager(folder, item_handlers=_handlers()) as manager:
        steps = list(manager.all_steps())
        if step is not None and step not in steps:
            raise CheckpointError(
                f"no checkpoint {step} in {folder}; there are {steps}"
            )
        step = manager.latest_step() if step is None else step
        try:
            meta = manager.restore(
                step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())
            )["meta"]
            config = config_lib.TrainConfig.from_json(meta["config"])
            backbone = create_backbone(config)
            # On one device here, wherever it was saved.
            here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
            target = jax.tree.map(
                lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=here),
                dict(zip(("params", "stats"), backbone.shapes(), strict=True)),
            )
            restored = manager.restore(
                step,
                args=ocp.args.Composite(backbone=ocp.args.StandardRestore(target)),
            )["backbone"]
            _check_fingerprint(restored, meta["fingerprint"]["backbone"])
        except Exception as error:  # whatever a damaged file makes its readers do
            raise CheckpointError(
                f"checkpoint {step} in {folder} cannot be loaded: {_first_line(error)}"
            ) from error
    return backbone, restored["params"], restored["stats"], config


def best_step(folder: str | os.PathLike[str]) -> int:
    """The checkpoint with the highest `METRIC`.

    Args:
      folder: as for `load_backbone`.

    Raises:
      CheckpointError: none was measured.
    """
    folder = pathlib.Path(folder)
    inner = folder / "checkpoints"
    scores = {
        int(path.parts[-3]): json.loads(path.read_text(encoding="utf-8"))[METRIC]
        for path in (inner if inner.is_dir() else folder).glob("*/metrics/metrics")
        if path.parts[-3].isdigit()
    }
    if not scores:
        raise CheckpointError(f"no checkpoint in {folder} was verified while training")
    return max(scores, key=lambda step: (scores[step], step))


def create_backbone(config: config_lib.TrainConfig) -> models.Backbone:
    """The backbone that a configuration describes, by the options that it has."""
    return models.create(config.model, **config.model_options())


class _Misfit(ValueError):
    """A checkpoint of another architecture or number of classes."""


def _items(state: step_lib.TrainState) -> dict[str, dict[str, Any]]:
    """What inference needs, and the rest; raw weights are with the rest if averaged."""
    params, stats = state.for_inference
    training = {
        "step": state.step,
        "skipped": state.skipped,
        "prototypes": state.prototypes,
        "margin_stats": state.margin_stats,
        "opt_state": state.opt_state,
        "loss_scale": state.loss_scale,
        "key": state.key,
    }
    if state.average is not None:
        training |= {"params": state.params, "stats": state.stats}
    return {"backbone": {"params": params, "stats": stats}, "training": training}


def _state(backbone: dict[str, Any], training: dict[str, Any]) -> step_lib.TrainState:
    if "params" in training:
        return step_lib.TrainState(average=backbone, **training)
    return step_lib.TrainState(average=None, **backbone, **training)


def _metric(metrics: Mapping[str, float]) -> float:
    return metrics[METRIC]


def _handlers() -> dict[str, Any]:
    return {
        "backbone": ocp.StandardCheckpointHandler(),
        "training": ocp.StandardCheckpointHandler(),
        "meta": ocp.JsonCheckpointHandler(),
    }


def _abstract(tree: Any) -> Any:
    return jax.tree.map(ocp.utils.to_shape_dtype_struct, tree)


def _check_fit(item: Any, stored: Any) -> None:
    """Raises _Misfit unless names and shapes are those stored, but for padding."""
    expected, found = shapes(item), shapes(stored)
    if different := set(expected) ^ set(found):
        raise _Misfit(f"only one of the two has {sorted(different)[:5]}")
    for name, shape in expected.items():
        fixed = 1 if _PADDED.search(name) else 0
        if len(shape) != len(found[name]) or shape[fixed:] != found[name][fixed:]:
            raise _Misfit(f"{name} is {list(shape)}, stored {list(found[name])}")


def shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Path → shape; keys are left out, which are stored as the numbers they wrap."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {
        jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape)
        for path, leaf in leaves
    }
    return {name: shape for name, shape in named.items() if name != "key"}


def _check_fingerprint(item: Any, expected: dict[str, int]) -> None:
    found = fingerprint.of_tree(item)
    if damaged := sorted(n for n in expected if found.get(n) != expected[n]):
        raise ValueError(f"the bytes of {damaged[:5]} are not those that were saved")


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0][:300]
