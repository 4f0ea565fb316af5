"""What a run shows while it goes: a progress bar, rows for files and TensorBoard."""

import pathlib
import time
from collections.abc import Mapping
from typing import Self

import jax
import tqdm

from maskarc.train import config as config_lib
from maskarc.train import divergence, metrics, optim
from maskarc.train import step as step_lib


class Journal:
    """Notes steps; a context manager. Of several processes the first writes.

    A step's values are read when the next step is under way, so that the host never
    waits for the device.

    Args:
      config: of the run.
      workdir: run folder.
      start: steps done before.
      progress: show a bar.
    """

    def __init__(
        self,
        config: config_lib.TrainConfig,
        workdir: pathlib.Path,
        *,
        start: int,
        progress: bool = True,
    ):
        self._config = config
        self._schedule = optim.learning_rate(config)
        self._pending: tuple[int, step_lib.Metrics] | None = None
        self._last = (start, time.monotonic())
        is_first = jax.process_index() == 0
        self._writer = (
            metrics.MetricsWriter(workdir, resume_step=start) if is_first else None
        )
        self._bar = tqdm.tqdm(
            total=config.steps,
            initial=start,
            unit="step",
            disable=not (progress and is_first),
            dynamic_ncols=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
        if self._writer is not None:
            self._writer.close()

    def note(self, step: int, values: step_lib.Metrics) -> None:
        """Notes a step that has been started; every `log_every`-th becomes a row.

        Raises:
          divergence.DivergedError: as `settle`.
        """
        self.settle()
        if step % self._config.log_every == 0 or step == self._config.steps:
            self._pending = step, values
        self._bar.update()

    def settle(self) -> None:
        """Writes the row that was noted last, if it is not yet written.

        Raises:
          divergence.DivergedError: as `divergence.check_step`; the row is written.
        """
        if self._pending is None:
            return
        (step, values), self._pending = self._pending, None
        row = {name: float(v) for name, v in jax.device_get(values).items()}
        before, then = self._last
        self._last = step, time.monotonic()
        row["learning_rate"] = float(self._schedule(step - 1))
        row["images_per_second"] = (
            (step - before) * self._config.images_a_step / (self._last[1] - then)
        )
        self._write(step, row)
        self._bar.set_postfix_str(
            f"loss {row['loss']:.3f}, accuracy {row['accuracy']:.1%}, "
            f"{row['images_per_second']:.0f} images/s"
        )
        is_last = step == self._config.steps
        divergence.check_step(self._config, step, row, is_last=is_last)

    def score(self, step: int, values: Mapping[str, float]) -> None:
        """Writes a row of what was measured at a checkpoint, if anything was.

        The time since the last row, which that took, is left out of images/s.
        """
        self._last = self._last[0], time.monotonic()
        if values:
            self._write(step, values)

    def _write(self, step: int, values: Mapping[str, float]) -> None:
        if self._writer is not None:
            self._writer.write(step, values)
