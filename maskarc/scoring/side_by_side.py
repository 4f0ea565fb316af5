"""Several models scored on the same pairs: one table, with intervals."""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

# Statistic of `evaluation.bootstrap` → how a table calls it.
STATISTICS = {
    "accuracy": "accuracy",
    "tar@0.01": "TAR at FAR 1e-2",
    "tar@0.001": "at 1e-3",
}


def score_once(
    output: pathlib.Path, score: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """The result.json of a folder, or what `score` gives, which writes it there."""
    kept = output / "result.json"
    if kept.exists():
        return json.loads(kept.read_text(encoding="utf-8"))
    return score()


def table(results: Mapping[str, Mapping[str, dict[str, Any]]], condition: str) -> str:
    """A Markdown table of one condition: a row a model, with 95 % intervals by people.

    Args:
      results: model → set of pairs → what `evaluate_conditions` returned.
      condition: a key of its "conditions"; sets without it are left out.
    """
    rows = []
    for model, sets in results.items():
        for name, result in sets.items():
            scored = result["conditions"].get(condition)
            if scored is None:
                continue
            values = [
                _cell(scored["intervals"].get(statistic), statistic)
                for statistic in STATISTICS
            ]
            rows.append([name, model, *values, f"{scored['pairs']:,}"])
    if not rows:
        return ""
    header = ["set", "model", *STATISTICS.values(), "pairs"]
    lines = [header, ["---"] * len(header), *sorted(rows, key=lambda row: row[0])]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(interval: Mapping[str, float | None] | None, statistic: str) -> str:
    """ "97.1 % (96.2–97.9)", or the rates as shares; a dash where it is refused."""
    if interval is None or interval["estimate"] is None:
        return "–"
    factor, digits, unit = (100, 2, " %") if statistic == "accuracy" else (1, 3, "")
    low, high = interval["low"], interval["high"]
    estimate = f"{factor * interval['estimate']:.{digits}f}{unit}"
    if low is None or high is None:
        return estimate
    return f"{estimate} ({factor * low:.{digits}f}–{factor * high:.{digits}f})"
