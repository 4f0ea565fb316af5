"""Where a run's metrics go: a CSV file and TensorBoard."""

import csv
import io
import math
import pathlib
from collections.abc import Mapping

from maskarc import extras

with extras.needed("train"):
    import tensorboardX

from maskarc import files

FIELDS = (
    "step",
    "loss",
    "classification",
    "consistency",
    "distillation",
    "similarity_distillation",
    "accuracy",
    "target_cosine",
    "gradient_norm",
    "skipped",
    "learning_rate",
    "images_per_second",
    "verification_accuracy",
)


class MetricsWriter:
    """Appends rows to metrics.csv and events to tensorboard/.

    Args:
      workdir: the run folder.
      resume_step: rows after this step, which the run is about to repeat, are dropped.
    """

    def __init__(self, workdir: pathlib.Path, *, resume_step: int = 0):
        path = workdir / "metrics.csv"
        kept = io.StringIO(newline="")
        table = csv.DictWriter(kept, FIELDS)
        table.writeheader()
        table.writerows(_rows_until(path, resume_step))
        files.write_bytes(path, kept.getvalue().encode())
        self._file = path.open("a", newline="", encoding="utf-8")
        self._csv = csv.DictWriter(self._file, FIELDS)
        self._events = tensorboardX.SummaryWriter(
            str(workdir / "tensorboard"), purge_step=resume_step + 1
        )

    def close(self) -> None:
        """Closes the files."""
        self._file.close()
        self._events.close()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one row; values has some of `FIELDS`, without the step."""
        self._csv.writerow({"step": step, **values})
        self._file.flush()
        for name, value in values.items():
            if math.isfinite(value):
                self._events.add_scalar(name, value, step)


def _rows_until(path: pathlib.Path, step: int) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        row
        for row in rows
        if (row.get("step") or "").isdigit()
        and int(row["step"]) <= step
        and None not in row.values()
    ]
