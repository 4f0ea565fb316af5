"""The training loop."""

import contextlib
import os
import pathlib

import jax

from maskarc.data import pipeline, taught
from maskarc.evaluation import plots
from maskarc.train import (
    checkpoint,
    distributed,
    divergence,
    engine,
    initial,
    inputs,
    interruption,
    journal,
    lock,
    memory,
    profiling,
    run_folder,
    validation,
)
from maskarc.train import config as config_lib
from maskarc.train import step as step_lib


def train(
    config: config_lib.TrainConfig,
    workdir: str | os.PathLike[str],
    *,
    progress: bool = True,
    profile: bool = False,
) -> step_lib.TrainState:
    """Trains, or goes on with, the run in a folder.

    Repeating the call after any interruption continues from the last whole checkpoint;
    the result is the one of an uninterrupted run. With several processes all call it,
    with one folder that all can write.

    Args:
      config: hyper-parameters; kept in workdir/config.json.
      workdir: run folder, made if missing: checkpoints/, metrics.csv, tensorboard/,
        environment.jsonl, curves.png.
      progress: show a bar with loss, accuracy, images/s and the time left.
      profile: write a trace of a few steps to workdir/profile.

    Returns:
      The state after config.steps steps.

    Raises:
      ValueError: the folder holds a run with other settings, or values out of range.
      lock.BusyError: another run is using the folder.
      memory.TooLargeError: the batch does not fit; the message says what to change.
      checkpoint.CheckpointError: the checkpoint does not fit.
      divergence.DivergedError: the run learns nothing for numbers that are not finite.
      interruption.Interrupted: SIGTERM or SIGINT came; the state is saved.
      KeyboardInterrupt: SIGINT came before the first step, or once more; says which
        checkpoint is the last.
    """
    config.validate()
    workdir = pathlib.Path(workdir)
    # Of several processes the first keeps others out.
    is_first = jax.process_index() == 0
    alone = lock.held(workdir / "run.lock") if is_first else contextlib.nullcontext()
    try:
        with alone:
            return _train(config, workdir, progress=progress, profile=profile)
    except KeyboardInterrupt as stopped:
        raise KeyboardInterrupt(interruption.told_at_once(workdir)) from stopped


def _train(
    config: config_lib.TrainConfig,
    workdir: pathlib.Path,
    *,
    progress: bool,
    profile: bool,
) -> step_lib.TrainState:
    run_folder.prepare(config, workdir)
    source = distributed.first_alone(
        lambda: inputs.create_source(config, workdir, progress=progress)
    )
    teaching = inputs.taught_part(source)
    dataset = pipeline.batches(
        source,
        inputs.augmentations(config),
        batch_size=config.batch_size,
        seed=config.seed,
        photos_of_each=config.batch_photos_per_identity,
        process=(jax.process_index(), jax.process_count()),
    )
    target_dim = 0 if teaching is None else teaching.targets.shape[1]
    ready = engine.create(config, source.num_classes, target_dim)
    verifier = distributed.first_alone(
        lambda: validation.Verifier.of(
            config, ready.trainer.backbone, ready.mesh, workdir, progress=progress
        )
    )
    with (
        interruption.Listener(config.log_every) as listener,
        checkpoint.Checkpoints(
            workdir / "checkpoints",
            num_classes=source.num_classes,
            keep=config.keep,
            tracks_best=verifier is not None,
        ) as saved,
        memory.explained(config),
    ):
        state = _first_state(config, ready, saved, teaching)
        divergence.check_state(config, state)
        start = int(state.step)
        read = pipeline.iterate(
            dataset,
            start=start,
            read_threads=config.read_threads,
            worker_count=config.worker_count,
        )
        with (
            contextlib.closing(read) as batches,
            journal.Journal(config, workdir, start=start, progress=progress) as shown,
            profiling.Profile(workdir / "profile" if profile else None) as traced,
        ):
            for step in range(start + 1, config.steps + 1):
                traced.before(step - start)
                state, values = ready.step(state, ready.put(next(batches)))
                traced.after(step - start, values)
                shown.note(step, values)
                told = listener.agreed(step)
                is_due = step % config.checkpoint_every == 0 or step == config.steps
                if not (is_due or told):
                    continue
                shown.settle()
                divergence.check_state(config, state)
                score = {} if verifier is None or told else verifier.score(state)
                shown.score(step, score)
                saved.save(state, config, score)
                # Once more: to score takes a while.
                if told := told or listener.agreed(step):
                    raise interruption.Interrupted(told, step)
        if config.steps == 0:
            saved.save(state, config)
    if listener.received:
        raise interruption.Interrupted(listener.received, config.steps)
    if config.steps and jax.process_index() == 0:
        plots.training_curves(workdir / "curves.png", workdir / "metrics.csv")
    return state


def _first_state(
    config: config_lib.TrainConfig,
    ready: engine.Engine,
    saved: checkpoint.Checkpoints,
    teaching: taught.Taught | None,
) -> step_lib.TrainState:
    """The last checkpoint's state, or a fresh one with the weights asked for."""
    if saved.latest is not None:
        return saved.restore(ready.target())
    state = ready.init(config.seed)
    if config.init_from:
        state = initial.transfer(state, ready.trainer, config)
    if config.prototypes_from_teacher and teaching is not None:
        state = initial.place_prototypes(state, teaching.class_means())
    return state
