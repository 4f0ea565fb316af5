"""The training loop of one run folder, from configuration to checkpoint."""

import math
import os
import pathlib
import time

import jax
import tqdm

from maskarc.data import pipeline
from maskarc.evaluation import plots
from maskarc.train import checkpoint, initial, inputs, metrics, optim
from maskarc.train import config as config_lib
from maskarc.train import step as step_lib


class DivergedError(FloatingPointError):
    """The loss is no longer finite; the message says what to do."""


def train(
    config: config_lib.TrainConfig,
    workdir: str | os.PathLike[str],
    *,
    progress: bool = True,
) -> step_lib.TrainState:
    """Trains, or goes on with, the run in a folder.

    Repeating the call after any interruption continues from the last checkpoint; the
    result is the one of an uninterrupted run.

    Args:
      config: hyper-parameters; kept in workdir/config.json.
      workdir: run folder, made if missing: checkpoints/, metrics.csv,
        tensorboard/, curves.png.
      progress: show a bar with loss, accuracy, images/s and the time left.

    Returns:
      The state after config.steps steps.

    Raises:
      ValueError: the folder holds a run with other settings.
      checkpoint.CheckpointError: the checkpoint does not fit.
      DivergedError: the loss became NaN or infinite; earlier checkpoints stay.
    """
    config.validate()
    workdir = pathlib.Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    config_lib.check_same_run(config, workdir / "config.json")
    source = inputs.create_source(config, workdir)
    trainer = step_lib.Trainer(
        backbone=checkpoint.create_backbone(config),
        optimizer=optim.create(config),
        num_classes=source.num_classes,
        embed_dim=config.embed_dim,
        margin=config.margin,
        scale=config.scale,
    )
    dataset = pipeline.batches(
        source,
        inputs.augmentations(config),
        batch_size=config.batch_size,
        seed=config.seed,
    )
    train_step = jax.jit(trainer.step, donate_argnums=0)
    schedule = optim.learning_rate(config)
    with checkpoint.Checkpoints(workdir / "checkpoints", keep=config.keep) as saved:
        if saved.latest is None:
            state = trainer.init(config.seed)
            if config.init_from:
                state = initial.transfer(state, trainer.backbone, config)
        else:
            state = saved.restore(jax.eval_shape(trainer.init, config.seed))
        start = int(state.step)
        batches = pipeline.iterate(
            dataset,
            start=start,
            read_threads=config.read_threads,
            worker_count=config.worker_count,
        )
        with (
            metrics.MetricsWriter(workdir, resume_step=start) as writer,
            tqdm.tqdm(
                total=config.steps,
                initial=start,
                unit="step",
                disable=not progress,
                dynamic_ncols=True,
            ) as bar,
        ):
            last_log, last_time = start, time.monotonic()
            for step in range(start + 1, config.steps + 1):
                state, values = train_step(state, next(batches))
                bar.update()
                due = step % config.checkpoint_every == 0 or step == config.steps
                if step % config.log_every != 0 and not due:
                    continue
                # Reading the values waits for the device, so it is done only here.
                row = {name: float(value) for name, value in values.items()}
                if not all(math.isfinite(value) for value in row.values()):
                    raise DivergedError(
                        f"the loss is {row['loss']} and the gradient's norm "
                        f"{row['gradient_norm']} at step {step}. The last checkpoint "
                        f"is of step {saved.latest or 0}; lower learning_rate or "
                        "raise warmup_steps, in another workdir."
                    )
                now = time.monotonic()
                rate = (step - last_log) * config.batch_size / (now - last_time)
                last_log, last_time = step, now
                row["learning_rate"] = float(schedule(step - 1))
                row["images_per_second"] = rate
                writer.write(step, row)
                bar.set_postfix_str(
                    f"loss {row['loss']:.3f}, accuracy {row['accuracy']:.1%}, "
                    f"{rate:.0f} images/s"
                )
                if due:
                    saved.save(state, config)
        if config.steps == 0:
            saved.save(state, config)
        else:
            plots.training_curves(workdir / "curves.png", workdir / "metrics.csv")
    return state
