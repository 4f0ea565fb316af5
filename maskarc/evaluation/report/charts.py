"""Charts of a report, as SVG that stands in the page and takes the page's colours."""

import dataclasses
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from maskarc import extras
from maskarc.evaluation import protocol, rates, scored, verification
from maskarc.evaluation.report import tables

with extras.needed("train"):
    import matplotlib
    import matplotlib.axes
    import matplotlib.figure

# Stand for colours of the page's style sheet, light or dark; see `_svg`.
_INK, _RULE = "#0000a0", "#0000b0"
_SERIES = tuple(f"#0000f{n}" for n in range(1, 7))
_GENUINE, _IMPOSTOR = _SERIES[2], _SERIES[1]
_PAGE = {_INK: "currentColor", _RULE: "var(--rule)"} | {
    colour: f"var(--c{n})" for n, colour in enumerate(_SERIES, start=1)
}
# Told apart without colours too.
_DASHES: tuple[Any, ...] = (
    "-",
    (0, (6, 2)),
    (0, (2, 1.5)),
    (0, (7, 2, 2, 2)),
    (0, (1, 1)),
)
_SVG_DASHES = ("", "12 4", "4 3", "14 4 4 4", "2 2")
_WIDTH = 4.7  # inches; read on a telephone without magnifying
_RC: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "maskarc",
    "text.parse_math": False,
    "text.color": _INK,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _RULE,
    "font.size": 9.0,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Key:
    """One entry of a legend: label, number of its colour, dashes of its line."""

    label: str
    colour: int
    dashes: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart.

    Attributes:
      name: for the page's anchors.
      title: its heading.
      svg: markup, safe as it is.
      text: what it shows, for those who do not see it.
      keys: its legend.
    """

    name: str
    title: str
    svg: str
    text: str
    keys: tuple[Key, ...] = ()


def of_pairs(
    pairs: scored.ScoredPairs, result: dict[str, Any], prefix: str
) -> list[Chart]:
    """ROC and DET curves and histograms of the conditions that were scored."""
    samples = {
        name: pairs.where(condition=name)
        for name, told in result["conditions"].items()
        if "reason" not in told
    }
    thresholds = {name: result["conditions"][name]["threshold"] for name in samples}
    with matplotlib.rc_context(_RC):
        return [
            _roc(samples, prefix),
            _det(samples, prefix),
            _histograms(samples, thresholds, prefix),
        ]


def _roc(samples: Mapping[str, scored.ScoredPairs], prefix: str) -> Chart:
    figure, axes = _figure(3.5)
    lowest, told = 1.0, []
    for place, (name, sample) in enumerate(samples.items()):
        far, tar, _ = verification.roc(sample.similarity, sample.is_same)
        lowest = min(lowest, far[far > 0].min())
        x, y = _corners(np.maximum(far, 1e-9), tar)
        axes.plot(x, y, drawstyle="steps-post", **_line(place))
        area = verification.auc(sample.similarity, sample.is_same)
        told.append(f"{name} {tables.percent(area)} %")
    axes.set_xscale("log")
    decades = 10.0 ** np.arange(np.ceil(np.log10(lowest)), 1)
    axes.set_xticks(decades, [f"{100 * far:g} %" for far in decades])
    axes.set_xticks([], minor=True)
    axes.set(xlim=(lowest, 1), ylim=(0, 1.01))
    axes.set(xlabel="false-accept rate", ylabel="true-accept rate")
    return Chart(
        name=f"{prefix}roc",
        title="ROC",
        svg=_svg(figure, f"{prefix}roc"),
        text="True-accept rate against false-accept rate on a logarithmic axis; higher "
        f"is better. Areas under the curves: {', '.join(told)}.",
        keys=_keys(samples),
    )


def _det(samples: Mapping[str, scored.ScoredPairs], prefix: str) -> Chart:
    figure, axes = _figure(3.5)
    ticks = np.array([0.001, 0.01, 0.05, 0.2, 0.5, 0.8])
    low, high = rates.normal_deviates(np.array([0.0008, 0.85]))
    told = []
    for place, (name, sample) in enumerate(samples.items()):
        far, frr, _ = rates.det(sample.similarity, sample.is_same)
        x, y = _corners(far, frr)
        # Beyond the axes, where infinity would break the line.
        x, y = (np.clip(rates.normal_deviates(v), low - 1, high + 1) for v in (x, y))
        axes.plot(x, y, drawstyle="steps-post", **_line(place))
        equal = verification.eer(sample.similarity, sample.is_same)
        told.append(f"{name} {tables.share(equal)}")
    axes.plot([low, high], [low, high], color=_RULE, lw=1)
    places, labels = rates.normal_deviates(ticks), [f"{100 * t:g} %" for t in ticks]
    axes.set_xticks(places, labels)
    axes.set_yticks(places, labels)
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.set(xlabel="false-accept rate", ylabel="false-reject rate")
    return Chart(
        name=f"{prefix}det",
        title="DET",
        svg=_svg(figure, f"{prefix}det"),
        text="False-reject rate against false-accept rate on axes of normal deviates; "
        f"lower is better. Equal error rates: {', '.join(told)}.",
        keys=_keys(samples),
    )


def _histograms(
    samples: Mapping[str, scored.ScoredPairs],
    thresholds: Mapping[str, float],
    prefix: str,
) -> Chart:
    """One below the other on one axis, so that a shift is seen."""
    figure = matplotlib.figure.Figure(
        figsize=(_WIDTH, 0.6 + 1.15 * len(samples)), layout="constrained"
    )
    panels = figure.subplots(len(samples), 1, sharex=True, squeeze=False)[:, 0]
    drawn = np.concatenate([
        sample.similarity[sample.similarity > protocol.FAILED]
        for sample in samples.values()
    ])  # fmt: skip
    low, high = (drawn.min(), drawn.max()) if len(drawn) else (-1.0, 1.0)
    bins = np.linspace(low, high + 1e-6, 61)
    for axes, (name, sample) in zip(panels, samples.items(), strict=True):
        _style(axes)
        seen = sample.similarity > protocol.FAILED
        for kind, colour in ((sample.is_same, _GENUINE), (~sample.is_same, _IMPOSTOR)):
            counts, _ = np.histogram(sample.similarity[kind & seen], bins)
            share = counts / max(int(kind.sum()), 1)
            axes.stairs(share, bins, fill=True, color=colour, alpha=0.4)
            axes.stairs(share, bins, color=colour, lw=1)
        axes.axvline(thresholds[name], color=_INK, lw=1.2)
        first = next(iter(thresholds.values()))
        if first != thresholds[name]:
            axes.axvline(first, color=_INK, lw=1, ls=(0, (3, 2)))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.text(0, 0.98, name, transform=axes.transAxes, va="top", weight="bold")
    panels[-1].set_xlabel("similarity (cosine)")
    told = ", ".join(f"{name} {value:.3f}" for name, value in thresholds.items())
    keys = (
        Key(label="genuine pairs", colour=3),
        Key(label="impostor pairs", colour=2),
        Key(label="own threshold", colour=0),
        Key(label=f"that of {next(iter(samples))}", colour=0, dashes="5 4"),
    )
    return Chart(
        name=f"{prefix}histograms",
        title="Similarities",
        svg=_svg(figure, f"{prefix}histograms"),
        text="Shares of genuine and impostor pairs by similarity, one panel a "
        f"condition. Best thresholds: {told}.",
        keys=keys[: 3 + (len(samples) > 1)],
    )


def of_ranks(told: dict[str, Any], kinds: Sequence[str], prefix: str) -> Chart:
    """The share found up to each rank."""
    with matplotlib.rc_context(_RC):
        figure, axes = _figure(3.1)
        for place, kind in enumerate(kinds):
            curve = told[kind]["cmc"]
            ranks = np.arange(1, len(curve) + 1)
            axes.plot(ranks, curve, **_line(place))
        axes.set_xscale("log")
        places = [k for k in (1, 2, 5, 10, 20, 50) if k <= len(curve)]
        axes.set_xticks(places, [str(k) for k in places])
        axes.set_xticks([], minor=True)
        axes.set(ylim=(0, 1.01), xlabel="rank", ylabel="share found")
        svg = _svg(figure, f"{prefix}cmc")
    found = ", ".join(f"{kind} {tables.share(told[kind]['cmc'][0])}" for kind in kinds)
    return Chart(
        name=f"{prefix}cmc",
        title="CMC",
        svg=svg,
        text=f"Share of probes found up to each rank. At rank 1: {found}.",
        keys=_keys(kinds),
    )


def of_differences(told: dict[str, Any], names: tuple[str, str]) -> Chart | None:
    """Differences in accuracy with their intervals, one line a condition."""
    found = {
        name: t["difference"]["accuracy"]
        for name, t in told["conditions"].items()
        if "reason" not in t
    }
    if not found:
        return None
    with matplotlib.rc_context(_RC):
        figure, axes = _figure(0.9 + 0.34 * len(found))
        for place, value in enumerate(found.values()):
            estimate = 100 * value["estimate"]
            if value["low"] is not None:
                ends = [100 * value["low"], 100 * value["high"]]
                axes.plot(ends, [place, place], color=_SERIES[0], lw=2)
            axes.plot([estimate], [place], "o", color=_SERIES[0], ms=6)
        axes.axvline(0, color=_INK, lw=1)
        axes.set_yticks(range(len(found)), list(found))
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.set_xlabel("difference in accuracy, percent points")
        svg = _svg(figure, "differences")
    points = ", ".join(f"{n} {tables.points(v['estimate'])}" for n, v in found.items())
    return Chart(
        name="differences",
        title=f"{names[1]} less {names[0]}",
        svg=svg,
        text=f"Differences in accuracy, percent points, with intervals: {points}.",
    )


def _figure(
    height: float,
) -> tuple[matplotlib.figure.Figure, matplotlib.axes.Axes]:
    figure = matplotlib.figure.Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    _style(axes)
    axes.grid(lw=0.6)
    return figure, axes


def _style(axes: matplotlib.axes.Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)


def _line(place: int) -> dict[str, Any]:
    return {
        "color": _SERIES[place % len(_SERIES)],
        "ls": _DASHES[place % len(_DASHES)],
        "lw": 1.8,
    }


def _keys(names: Sequence[str] | Mapping[str, Any]) -> tuple[Key, ...]:
    return tuple(
        Key(
            label=name,
            colour=place % len(_SERIES) + 1,
            dashes=_SVG_DASHES[place % len(_DASHES)],
        )
        for place, name in enumerate(names)
    )


def _corners(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same stairs by fewer points: the last of each x, where y moves."""
    last = np.append(x[1:] != x[:-1], True)
    x, y = x[last], y[last]
    moves = np.concatenate([[True], y[1:] != y[:-1]])
    moves[-1] = True
    return rates.thinned(x[moves], y[moves], most=1500)


def _svg(figure: matplotlib.figure.Figure, prefix: str) -> str:
    """Markup that several can be of on a page, in its colours and its type."""
    file = io.StringIO()
    figure.patch.set_visible(False)
    nothing = {key: None for key in ("Date", "Creator", "Format", "Type")}
    figure.savefig(file, format="svg", metadata=nothing)
    text = file.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    text = re.sub(
        r' id="([^"]+)"',
        lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "",
        text,
    )
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r"#0000[abf]\d", lambda m: _PAGE[m[0]], text)
    width, height = figure.get_size_inches() * 72
    text = f'<svg viewBox="0 0 {width:g} {height:g}">' + text.partition(">")[2]
    return text.replace("xlink:href", "href")
