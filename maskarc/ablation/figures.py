"""Pictures of a grid's results: the scores of its cells, and the curves of its runs.

Each function writes one PNG, without pyplot.
"""

import csv
import json
import pathlib

import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from maskarc.ablation import grid, held_out, records
from maskarc.ablation import table as table_lib
from maskarc.evaluation import plots

# Of metrics.csv: the accuracy on pairs that a training measures on its way.
PERIODIC = "verification_accuracy"

# For cells beyond the number of colours.
_DASHES = ("-", "--", ":", "-.")
# Steps and values, of one seed.
Series = tuple[np.ndarray, np.ndarray]


def draw_table(path: pathlib.Path, whole: grid.Grid, rows: list[table_lib.Row]) -> None:
    """Draws each score in a panel: a line a cell, the mean with its deviation.

    Pale dots are the seeds, the dashed line is what guessing scores.
    """
    scored = table_lib.columns(whole)
    across = 2 if len(scored) == 4 else min(len(scored), 3)
    down = -(-len(scored) // across)
    height = 1.1 + 0.36 * len(rows)
    figure = matplotlib.figure.Figure(
        figsize=(2.0 + 3.2 * across, height * down), layout="constrained"
    )
    for position, column in enumerate(scored):
        axes = figure.add_subplot(down, across, position + 1)
        _style(axes)
        axes.set_title(column, fontsize=10)
        chance = [row.chance[column] for row in rows if column in row.chance]
        if chance:
            axes.axvline(100 * chance[0], color="0.6", lw=1, ls="--")
        for number, row in enumerate(rows):
            _draw_score(axes, row, column, number)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.margins(x=0.12)
        first = position % across == 0
        names = [row.cell.title if first else "" for row in rows]
        axes.set_yticks(range(len(rows)), names, fontsize=9)
        axes.set_xlabel("%", fontsize=9)
    figure.savefig(path, dpi=150, format="png")


def _draw_score(
    axes: matplotlib.axes.Axes,
    row: table_lib.Row,
    column: str,
    place: int,
) -> None:
    colour = plots.COLOURS[place % len(plots.COLOURS)]
    values = 100 * np.array(list(row.scores[column].values()))
    if not len(values):
        text = "failed" if row.failed else "not run"
        middle = axes.get_yaxis_transform()
        axes.text(
            0.5, place, text, transform=middle, ha="center", va="center", color="0.4"
        )
        return
    mean, std = table_lib.mean_and_std(row.scores[column])
    axes.plot(values, np.full(len(values), place), "o", color=colour, ms=4, alpha=0.3)
    axes.errorbar(
        100 * (mean or 0),
        place,
        xerr=None if std is None else 100 * std,
        fmt="o",
        color=colour,
        ms=6,
        lw=1.6,
        capsize=3,
    )


def draw_curves(path: pathlib.Path, whole: grid.Grid, workdir: pathlib.Path) -> None:
    """Draws training loss and test accuracy over the steps, of every run there is.

    The mean over seeds is bold, the seeds are pale. The accuracy is the column
    `PERIODIC` of metrics.csv where a training wrote it, or else that of the kept
    checkpoints.
    """
    cells = {cell.name: cell for cell in whole.cells()}
    seeds = {
        name: [workdir / "runs" / f"{name},seed={seed}" for seed in whole.seeds]
        for name in cells
    }
    panels = (
        ("training loss", {n: _present(map(_loss, f)) for n, f in seeds.items()}),
        (
            f"test accuracy, %\n{_curve_name(whole)}",
            {n: _present(map(_accuracy, f)) for n, f in seeds.items()},
        ),
    )
    figure = matplotlib.figure.Figure(
        figsize=(9.6, 4.0 + 0.2 * len(cells)), layout="constrained"
    )
    for position, (title, curves) in enumerate(panels):
        axes = figure.add_subplot(1, 2, position + 1)
        _style(axes)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step", fontsize=9)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))
        for number, (name, series) in enumerate(curves.items()):
            colour = plots.COLOURS[number % len(plots.COLOURS)]
            dashes = _DASHES[number // len(plots.COLOURS) % len(_DASHES)]
            for steps, values in series:
                axes.plot(steps, values, color=colour, lw=0.8, alpha=0.3)
            steps, values = _mean(series)
            label = cells[name].title if position == 0 else None
            few = "o" if 0 < len(steps) < 20 else None
            axes.plot(
                steps,
                values,
                color=colour,
                lw=2,
                ls=dashes,
                marker=few,
                ms=4,
                label=label,
            )
    figure.legend(
        loc="outside lower center", ncols=min(len(cells), 4), frameon=False, fontsize=9
    )
    figure.savefig(path, dpi=150, format="png")


def _curve_name(whole: grid.Grid) -> str:
    named = [name for name, p in whole.held_out.items() if p.pairs and p.masked]
    name = whole.curve or (named[0] if named else "")
    return held_out.columns(name, whole.held_out[name])[0] if name else "no pairs"


def _present(series) -> list[Series]:
    return [one for one in series if len(one[0])]


def _mean(series: list[Series]) -> Series:
    """The mean over seeds at the steps that all of them have."""
    if not series:
        return np.array([]), np.array([])
    steps = series[0][0]
    for other, _ in series[1:]:
        steps = np.intersect1d(steps, other)
    values = [v[np.searchsorted(s, steps)] for s, v in series]
    return steps, np.mean(values, axis=0)


def _loss(folder: pathlib.Path) -> Series:
    return _column(folder / "metrics.csv", "loss")


def _accuracy(folder: pathlib.Path) -> Series:
    steps, values = _column(folder / "metrics.csv", PERIODIC)
    if not len(steps) and (folder / records.SCORES).exists():
        text = (folder / records.SCORES).read_text(encoding="utf-8")
        curve = np.array(json.loads(text)["curve"], float).reshape(-1, 2)
        steps, values = curve[:, 0], curve[:, 1]
    return steps, 100 * values


def _column(path: pathlib.Path, name: str) -> Series:
    """The steps at which a metric was measured, and its values; empty if never."""
    if not path.exists():
        return np.array([]), np.array([])
    with path.open(newline="", encoding="utf-8") as file:
        cells = [
            (float(row["step"]), float(row[name]))
            for row in csv.DictReader(file)
            if row.get(name)
        ]
    steps, values = np.array(cells, float).reshape(-1, 2).T
    return steps, values


def _style(axes: matplotlib.axes.Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, color="0.4")
