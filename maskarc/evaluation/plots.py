"""Pictures of results: ROC curves, score histograms, training curves.

Each function writes one PNG. Figures are built without pyplot, so nothing global is
touched and no display is needed.
"""

import csv
import math
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from maskarc import extras, files
from maskarc.evaluation import protocol, verification

with extras.needed("train"):
    import matplotlib.axes
    import matplotlib.figure
    import matplotlib.ticker

# Okabe and Ito's colours, told apart by colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GENUINE, IMPOSTOR = COLOURS[2], COLOURS[1]


def roc_curves(
    path: str | os.PathLike[str],
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> None:
    """Draws ROC curves on a logarithmic false-accept axis.

    Args:
      path: the PNG to write; missing folders are made.
      curves: (similarities float[N], is_same bool[N]) under the name for the legend.

    Raises:
      ValueError: as `verification.roc`.
    """
    figure, axes = _figure(6.4, 4.8)
    lowest = 1.0
    for position, (name, scored) in enumerate(curves.items()):
        far, tar, _ = verification.roc(*scored)
        lowest = min(lowest, far[far > 0].min())
        label = f"{name}  (AUC {verification.auc(*scored):.4f})"
        # A zero has no place on the axis: let it leave on the left.
        x = np.maximum(far, 1e-12)
        colour = COLOURS[position % len(COLOURS)]
        axes.plot(x, tar, drawstyle="steps-post", label=label, color=colour, lw=1.8)
    chance = np.geomspace(lowest, 1, 200)
    axes.plot(chance, chance, color="0.6", lw=1, ls="--", label="chance")
    axes.set_xscale("log")
    axes.set(xlim=(lowest, 1), ylim=(0, 1.01))
    axes.set(xlabel="false-accept rate", ylabel="true-accept rate")
    axes.grid(which="minor", color="0.95", lw=0.5)
    _legend_below(axes)
    save(figure, path)


def score_histogram(
    path: str | os.PathLike[str],
    similarities: np.ndarray,
    is_same: np.ndarray,
    threshold: float,
) -> None:
    """Draws how the similarities of genuine and impostor pairs spread.

    Pairs with a failed image (`protocol.FAILED`) are counted in the legend, not drawn.

    Args:
      path: the PNG to write; missing folders are made.
      similarities: float[N].
      is_same: bool[N].
      threshold: drawn as a line.
    """
    figure, axes = _figure(6.4, 4.0)
    scored = similarities > protocol.FAILED
    drawn = similarities[scored] if scored.any() else np.zeros(1)
    bins = np.linspace(drawn.min(), drawn.max() + 1e-6, 61).tolist()
    for kind, colour, name in (
        (is_same, GENUINE, "genuine"),
        (~is_same, IMPOSTOR, "impostor"),
    ):
        failed = int((kind & ~scored).sum())
        label = f"{name} ({int(kind.sum())} pairs"
        label += f", {failed} failed, not drawn)" if failed else ")"
        axes.hist(
            similarities[kind & scored],
            bins,
            color=colour,
            alpha=0.55,
            label=label,
            edgecolor="white",
            lw=0.3,
        )
    axes.axvline(threshold, color="black", lw=1.2, label=f"threshold {threshold:.3f}")
    axes.set(xlabel="similarity (cosine)", ylabel="pairs")
    _legend_below(axes)
    save(figure, path)


def training_curves(
    path: str | os.PathLike[str], metrics: str | os.PathLike[str]
) -> None:
    """Draws every column of a table of metrics against its column "step".

    Long series are drawn pale, with their running mean on top.

    Args:
      path: the PNG to write; missing folders are made.
      metrics: a CSV file with a header; cells may be empty, not every metric is
        measured at every step.

    Raises:
      FileNotFoundError: no such table.
      ValueError: no column "step", no other column, no row, or a cell that is not a
        number.
    """
    series = _read_metrics(pathlib.Path(metrics))
    columns = math.ceil(math.sqrt(len(series)))
    rows = math.ceil(len(series) / columns)
    figure = matplotlib.figure.Figure(
        figsize=(4.2 * columns, 3.0 * rows), layout="constrained"
    )
    for position, (name, (steps, values)) in enumerate(series.items()):
        axes = figure.add_subplot(rows, columns, position + 1)
        style(axes)
        colour = COLOURS[position % len(COLOURS)]
        if len(values) < 50:
            axes.plot(steps, values, color=colour, lw=1.6, marker="o", ms=3)
        else:
            axes.plot(steps, values, color=colour, lw=0.8, alpha=0.3)
            axes.plot(steps, _running_mean(values), color=colour, lw=1.8)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("step", fontsize=9)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))
    save(figure, path)


def _read_metrics(path: pathlib.Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Steps and values of each column that holds any."""
    if not path.is_file():
        raise FileNotFoundError(f"no table of metrics at {path}")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), reader.fieldnames or []
    if "step" not in columns:
        raise ValueError(f"{path}: expected a column 'step', got {list(columns)}")
    series = {}
    for name in columns:
        try:
            cells = [(float(r["step"]), float(r[name])) for r in rows if r[name]]
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{path}: column {name!r} holds no number: {error}"
            ) from error
        if cells and name != "step":
            steps, values = np.array(cells).T
            series[name] = steps, values
    if not series:
        raise ValueError(f"{path}: expected rows of metrics, got none")
    return series


def _running_mean(values: np.ndarray) -> np.ndarray:
    """The mean over a 25th of the series around each value; less at the ends."""
    window = np.ones(max(1, len(values) // 25))
    sums = np.convolve(values, window, "same")
    return sums / np.convolve(np.ones(len(values)), window, "same")


def _figure(
    width: float, height: float
) -> tuple[matplotlib.figure.Figure, matplotlib.axes.Axes]:
    figure = matplotlib.figure.Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    style(axes)
    return figure, axes


def style(axes: matplotlib.axes.Axes) -> None:
    """Gives axes the look of all these figures: no frame, a pale grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, color="0.4")


def _legend_below(axes: matplotlib.axes.Axes) -> None:
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.14))


def save(figure: matplotlib.figure.Figure, path: str | os.PathLike[str]) -> None:
    """Writes a figure as PNG, whole or not at all; missing folders are made."""
    with files.replaced(path) as aside:
        figure.savefig(aside, dpi=150, format="png")
