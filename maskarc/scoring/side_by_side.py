"""Several models scored on the same pairs: one table, with intervals."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from maskarc import files

# Statistic of `evaluation.bootstrap` → how a table calls it.
STATISTICS = {
    "accuracy": "accuracy",
    "tar@0.01": "TAR at FAR 1e-2",
    "tar@0.001": "at 1e-3",
}


def score_once(
    output: pathlib.Path,
    score: Callable[[], dict[str, Any]],
    *,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """The result.json of a folder, or what `score` gives, which writes it there.

    Args:
      output: folder of the results.
      score: scores anew.
      about: what the kept result has to say "about" itself, such as its model.

    Raises:
      ValueError: the folder holds the result of something else.
    """
    kept = output / "result.json"
    if not kept.exists():
        return score()
    result = files.read_json(kept)
    other = {
        name: (result["about"].get(name), value)
        for name, value in about.items()
        if result["about"].get(name) != value
    }
    if other:
        raise ValueError(
            f"{output} holds another result: "
            + ", ".join(f"{n} was {a!r}, now {b!r}" for n, (a, b) in other.items())
            + ". Use another --output, or remove it."
        )
    return result


def table(
    results: Mapping[str, dict[str, Any]],
    condition: str,
    statistics: Sequence[str] = tuple(STATISTICS),
) -> str:
    """A Markdown table: a row a model, with 95 % intervals by people.

    Args:
      results: model → what `evaluate_conditions` returned.
      condition: a key of its "conditions".
      statistics: keys of `STATISTICS`.
    """
    header = ["model", *(STATISTICS[name] for name in statistics), "pairs"]
    lines = [header, ["---"] * len(header)]
    for model, result in results.items():
        scored = result["conditions"][condition]
        intervals = scored.get("intervals", {})
        cells = [_cell(intervals.get(name), name) for name in statistics]
        lines.append([model, *cells, f"{scored['pairs']:,}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(interval: Mapping[str, float | None] | None, statistic: str) -> str:
    """ "97.12 % (96.20–97.90)", or the rates as shares; a dash where it is refused."""
    if interval is None or interval["estimate"] is None:
        return "–"
    factor, digits, unit = (100, 2, " %") if statistic == "accuracy" else (1, 3, "")
    low, high = interval["low"], interval["high"]
    estimate = f"{factor * interval['estimate']:.{digits}f}{unit}"
    if low is None or high is None:
        return estimate
    return f"{estimate} ({factor * low:.{digits}f}–{factor * high:.{digits}f})"
