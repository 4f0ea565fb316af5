"""Pictures of a grid's results: the scores of its cells, and the curves of its runs.

Each function writes one PNG, without pyplot.
"""

import csv
import pathlib

import numpy as np

from maskarc import extras, files
from maskarc.ablation import grid, held_out, records
from maskarc.ablation import table as table_lib
from maskarc.evaluation import plots

with extras.needed("train"):
    import matplotlib.axes
    import matplotlib.figure
    import matplotlib.ticker

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
        plots.style(axes)
        axes.set_title(column, fontsize=10)
        chance = [row.chance[column] for row in rows if column in row.chance]
        if chance:
            axes.axvline(100 * chance[0], color="0.6", lw=1, ls="--")
        for number, row in enumerate(rows):
            _draw_score(axes, row, column, number)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.margins(x=0.12)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        first = position % across == 0
        names = [row.cell.title if first else "" for row in rows]
        axes.set_yticks(range(len(rows)), names, fontsize=9)
        axes.set_xlabel("%", fontsize=9)
    plots.save(figure, path)


def _draw_score(
    axes: matplotlib.axes.Axes,
    row: table_lib.Row,
    column: str,
    place: int,
) -> None:
    colour = _colour(place)
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


def draw_curves(
    path: pathlib.Path,
    whole: grid.Grid,
    rows: list[table_lib.Row],
    workdir: pathlib.Path,
) -> None:
    """Draws training loss and test accuracy over the steps, of every run there is.

    The seeds are pale, and so are runs that were not finished; the mean over the
    finished ones is bold. The accuracy is the column `PERIODIC` of metrics.csv where a
    training wrote it, or else that of the kept checkpoints.
    """
    figure = matplotlib.figure.Figure(
        figsize=(9.6, 4.0 + 0.2 * len(rows)), layout="constrained"
    )
    curved = whole.curved
    measured = held_out.columns(curved, whole.held_out[curved])[0] if curved else ""
    for position, (title, read) in enumerate(
        (("training loss", _loss), (f"test accuracy, % ({measured})", _accuracy))
    ):
        axes = figure.add_subplot(1, 2, position + 1)
        plots.style(axes)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step", fontsize=9)
        axes.xaxis.set_major_locator(
            matplotlib.ticker.MaxNLocator(6, integer=True, steps=[1, 2, 5, 10])
        )
        for number, row in enumerate(rows):
            finished = []
            for seed in whole.seeds:
                series = read(workdir / "runs" / f"{row.cell.name},seed={seed}")
                finished += [series] if seed in row.finished else []
                axes.plot(*series, color=_colour(number), lw=0.8, alpha=0.3)
            _draw_mean(axes, finished, number, row.cell.title)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=min(len(rows), 4),
        frameon=False,
        fontsize=9,
    )
    plots.save(figure, path)


def _draw_mean(
    axes: matplotlib.axes.Axes, finished: list[Series], number: int, title: str
) -> None:
    """Draws the mean over seeds, at the steps that all of them have."""
    steps, values = _mean([series for series in finished if len(series[0])])
    axes.plot(
        steps,
        values,
        color=_colour(number),
        lw=2,
        ls=_DASHES[number // len(plots.COLOURS) % len(_DASHES)],
        marker="o" if 0 < len(steps) < 20 else None,
        ms=4,
        label=title,
    )


def _mean(measured: list[Series]) -> Series:
    if not measured:
        return np.array([]), np.array([])
    steps = measured[0][0]
    for other, _ in measured[1:]:
        steps = np.intersect1d(steps, other)
    values = [v[np.searchsorted(s, steps)] for s, v in measured]
    return steps, np.mean(values, axis=0)


def _colour(number: int) -> str:
    return plots.COLOURS[number % len(plots.COLOURS)]


def _loss(folder: pathlib.Path) -> Series:
    return _column(folder / "metrics.csv", "loss")


def _accuracy(folder: pathlib.Path) -> Series:
    steps, values = _column(folder / "metrics.csv", PERIODIC)
    if not len(steps) and (folder / records.SCORES).exists():
        scores = files.read_json(folder / records.SCORES)
        curve = np.array(scores["curve"], float).reshape(-1, 2)
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
