"""One run of a grid: trained, scored, and its end recorded.

`python -m maskarc.ablation.worker RUN_FOLDER` does what run.json there says, in a
process of its own: a run that takes all memory takes no other with it.
"""

import csv
import pathlib
import statistics
import sys
import tempfile
import traceback
from typing import Any

import jax
from absl import flags, logging

from maskarc import files, inference
from maskarc.ablation import held_out, naming, records
from maskarc.train import interruption, lock, loop

# Exit code of a run that was asked to stop and can be gone on with.
INTERRUPTED = 3


def perform(folder: pathlib.Path, *, progress: bool = True) -> bool:
    """Trains and scores the run that folder/run.json describes.

    What goes wrong is written to folder/failure.json, its traceback to the standard
    error.

    Returns:
      False where the training was asked to stop before its end, or another process is
      at it: it can be gone on with.
    """
    try:
        task = records.Task.read(folder)
        loop.train(task.config, folder, progress=progress)
        scores = _score(folder, task, progress=progress)
    except (interruption.Interrupted, lock.BusyError) as stopped:
        print(stopped, file=sys.stderr)
        return False
    except Exception as error:
        traceback.print_exc()
        records.write_failure(folder, _reason(error))
        return True
    files.write_json(folder / records.SCORES, {"task": task.to_json(), **scores})
    return True


def _score(
    folder: pathlib.Path, task: records.Task, *, progress: bool
) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for number, (name, photos) in enumerate(task.held_out.items()):
        output = folder / "scores" / f"{number}_{naming.safe(name)}"
        scores |= held_out.score(folder, name, photos, output, progress=progress)
    params = inference.load_weights(folder).params
    return {
        "scores": scores,
        "parameters": int(sum(leaf.size for leaf in jax.tree.leaves(params))),
        "train_loss": train_loss(folder / "metrics.csv"),
        "curve": _curve(folder, task, scores),
    }


def train_loss(metrics: pathlib.Path) -> float | None:
    """The mean loss of the last tenth of the log lines; None where there are none."""
    if not metrics.exists():
        return None
    with metrics.open(newline="", encoding="utf-8") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]]
    return statistics.fmean(losses[-max(len(losses) // 10, 1) :]) if losses else None


def _curve(
    folder: pathlib.Path, task: records.Task, scores: dict[str, Any]
) -> list[tuple[int, float]]:
    """(step, accuracy) of every kept checkpoint; the last is the run's own score."""
    if not task.curve:
        return []
    photos = task.held_out[task.curve]
    saved = folder / "checkpoints"
    *early, last = sorted(int(p.name) for p in saved.iterdir() if p.name.isdigit())
    curve = []
    for step in early:
        with tempfile.TemporaryDirectory(dir=folder) as output:
            accuracy = held_out.pair_accuracy(
                f"{folder}@{step}", photos, pathlib.Path(output)
            )
            curve.append((step, accuracy))
    column = held_out.columns(task.curve, photos)[0]
    return [*curve, (last, scores[column]["value"])]


def _reason(error: Exception) -> str:
    """One line: the type and the message's beginning."""
    text = (str(error).strip() or "no message").splitlines()[0]
    if "RESOURCE_EXHAUSTED" in text or isinstance(error, MemoryError):
        text = f"out of memory: {text}"
    return f"{type(error).__name__}: {text[:300]}"


def main() -> int:
    """Performs the run that the command line names."""
    flags.FLAGS.mark_as_parsed()  # grain's workers want absl flags parsed
    logging.set_verbosity(logging.WARNING)
    return 0 if perform(pathlib.Path(sys.argv[1])) else INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
