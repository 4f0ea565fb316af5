"""The table of a grid: mean ± standard deviation over the seeds, for each cell."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from maskarc import files
from maskarc.ablation import grid, held_out, records


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """What is known of a cell.

    Attributes:
      cell: the cell.
      scores: by column, and in it by seed, a share in [0, 1].
      chance: by column, what guessing scores.
      finished: seeds that were trained and scored.
      train_loss: by seed, at the end of training.
      parameters: of the backbone; None before the first run is finished.
      failed: by seed, the reason.
      missing: seeds that were not run, or not to their end.
    """

    cell: grid.Cell
    scores: dict[str, dict[int, float]]
    chance: dict[str, float]
    finished: tuple[int, ...]
    train_loss: dict[int, float]
    parameters: int | None
    failed: dict[int, str]
    missing: tuple[int, ...]


def mean_and_std(values: dict[int, float]) -> tuple[float | None, float | None]:
    """The mean over seeds and the sample standard deviation (divided by n − 1).

    None for the mean of nothing and the deviation of fewer than two values.

    >>> mean_and_std({0: 0.25, 1: 0.5, 2: 0.75})
    (0.5, 0.25)
    """
    if not values:
        return None, None
    numbers = np.array(list(values.values()))
    std = float(numbers.std(ddof=1)) if len(numbers) > 1 else None
    return float(numbers.mean()), std


def columns(whole: grid.Grid) -> list[str]:
    """The scores of a grid's table, in order."""
    return [
        column
        for name, photos in whole.held_out.items()
        for column in held_out.columns(name, photos)
    ]


def rows(
    whole: grid.Grid, workdir: pathlib.Path, tasks: dict[str, records.Task]
) -> list[Row]:
    """Reads what the runs of a grid recorded."""
    by_cell: dict[str, list[grid.Run]] = {}
    for run in whole.runs():
        by_cell.setdefault(run.cell.name, []).append(run)
    return [_row(runs, whole, workdir, tasks) for runs in by_cell.values()]


def _row(
    runs: list[grid.Run],
    whole: grid.Grid,
    workdir: pathlib.Path,
    tasks: dict[str, records.Task],
) -> Row:
    finished, failed = {}, {}
    for run in runs:
        folder, task = workdir / "runs" / run.name, tasks[run.name]
        if scores := records.read_scores(folder, task):
            finished[run.seed] = scores
        elif reason := records.read_failure(folder, task):
            failed[run.seed] = reason
    any_run: dict[str, Any] = next(iter(finished.values()), {})
    return Row(
        cell=runs[0].cell,
        scores={
            column: {seed: s["scores"][column]["value"] for seed, s in finished.items()}
            for column in columns(whole)
        },
        chance={
            column: any_run["scores"][column]["chance"]
            for column in columns(whole)
            if any_run
        },
        finished=tuple(finished),
        train_loss={
            seed: s["train_loss"]
            for seed, s in finished.items()
            if s["train_loss"] is not None  # of 0 steps
        },
        parameters=any_run.get("parameters"),
        failed=failed,
        missing=tuple(
            run.seed for run in runs if run.seed not in finished.keys() | failed.keys()
        ),
    )


def write(whole: grid.Grid, table: list[Row], workdir: pathlib.Path) -> None:
    """Writes table.csv, table.json and table.md."""
    _write_csv(whole, table, workdir / "table.csv")
    files.write_json(workdir / "table.json", _plain(whole, table))
    files.write_text(workdir / "table.md", markdown(whole, table))


def markdown(whole: grid.Grid, table: list[Row]) -> str:
    """The table for people: percent, mean ± deviation, failures below it."""
    scored = columns(whole)
    head = [*whole.axes, "parameters", "seeds", "train loss", *scored]
    rule = ["---"] * len(whole.axes) + ["---:"] * (len(head) - len(whole.axes))
    cells = [
        [
            *(label for _, label in row.cell.labels),
            "" if row.parameters is None else f"{row.parameters:,}",
            f"{len(row.finished)}/{len(whole.seeds)}",
            _plus_minus(row.train_loss, "{:.2f}"),
            *(_plus_minus(row.scores[c], "{:.1f}", 100) for c in scored),
        ]
        for row in table
    ]
    chance = {name: value for row in table for name, value in row.chance.items()}
    if chance:
        guesses = [f"{100 * chance[c]:.1f}" if c in chance else "" for c in scored]
        cells.append(["(guessing)", *[""] * (len(whole.axes) + 2), *guesses])
    note = "Scores in percent; mean ± standard deviation over seeds, divided by n − 1."
    lines = [_line(words) for words in (head, rule, *cells)]
    return "\n".join([*lines, "", note, *_notes(table)]) + "\n"


def _notes(table: list[Row]) -> list[str]:
    """What is not in the table, as a list."""
    notes = [
        f"- {row.cell.title}, seed {seed}: failed, {reason}"
        for row in table
        for seed, reason in row.failed.items()
    ]
    notes += [
        f"- {row.cell.title}: not run, or not to the end, with seed "
        + ", ".join(map(str, row.missing))
        for row in table
        if row.missing
    ]
    return ["", *notes] if notes else []


def _plus_minus(values: dict[int, float], form: str, factor: float = 1) -> str:
    mean, std = mean_and_std(values)
    if mean is None:
        return "–"
    text = form.format(factor * mean)
    return text if std is None else f"{text} ± {form.format(factor * std)}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _write_csv(whole: grid.Grid, table: list[Row], path: pathlib.Path) -> None:
    scored = columns(whole)
    header = [
        *whole.axes,
        "parameters",
        *("finished", "failed", "missing"),
        *("train loss mean", "train loss std"),
        *(f"{c} {kind}" for c in scored for kind in ("mean", "std")),
    ]
    rows = [
        [
            *(label for _, label in row.cell.labels),
            row.parameters,
            *(len(row.finished), len(row.failed), len(row.missing)),
            *mean_and_std(row.train_loss),
            *(x for c in scored for x in mean_and_std(row.scores[c])),
        ]
        for row in table
    ]
    files.write_csv(path, [header, *rows])


def _plain(whole: grid.Grid, table: list[Row]) -> dict[str, Any]:
    def summary(values: dict[int, float]) -> dict[str, Any]:
        mean, std = mean_and_std(values)
        return {"mean": mean, "std": std, "by_seed": values}

    return {
        "axes": {name: list(labels) for name, labels in whole.labelled().items()},
        "seeds": list(whole.seeds),
        "base": whole.base.to_json(),
        "rows": [
            {
                "cell": dict(row.cell.labels),
                "settings": {
                    name: value
                    for name, value in row.cell.config.to_json().items()
                    if value != whole.base.to_json()[name]
                },
                "parameters": row.parameters,
                "train_loss": summary(row.train_loss),
                "scores": {
                    name: summary(values) | {"chance": row.chance.get(name)}
                    for name, values in row.scores.items()
                },
                "failed": row.failed,
                "missing": row.missing,
            }
            for row in table
        ],
    }
