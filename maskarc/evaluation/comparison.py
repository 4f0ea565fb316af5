"""Two runs on the same pairs: what one has more than the other, and whether by chance.

The bootstrap draws people, and both runs see the same draws. McNemar's test looks only
at the pairs that one run decides rightly and the other wrongly. It takes pairs for
independent, which those of one person are not, so it is too sure where a few people
make the difference; the bootstrap is where there are few people.
"""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.stats

from maskarc.evaluation import bootstrap, rates, scored, summary, verification


class DifferentPairsError(ValueError):
    """Two runs that were not scored on the same pairs."""


def compare(
    first: scored.ScoredPairs,
    second: scored.ScoredPairs,
    *,
    common: bool = False,
    fars: Sequence[float] = summary.FARS,
    draws: int = bootstrap.DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """What the second run has more than the first, condition by condition.

    Args:
      first: a run.
      second: another.
      common: compare the pairs that both have, where their lists differ; otherwise
        such runs are refused.
      fars: false-accept rates.
      draws: of the bootstrap.
      seed: of the bootstrap.

    Returns:
      "conditions": condition that both have → "pairs", "left_out" (pairs that only one
      run has), "first" and "second" (statistic → value on these pairs; of
      `bootstrap.replicates`, without what is refused), "difference" (second less first,
      with intervals) and "mcnemar" (`mcnemar`); or "reason" where it cannot be scored.
      "only_first" and "only_second": conditions that one run has alone.
      "bootstrap": its settings.

    Raises:
      DifferentPairsError: the runs have no condition in common, no pair, pairs that
        the other has not (unless `common`), other labels or other folds.
    """
    shared = [name for name in first.conditions if name in second.conditions]
    if not shared:
        raise DifferentPairsError(
            f"the runs have no condition in common: {', '.join(first.conditions)} and "
            f"{', '.join(second.conditions)}"
        )
    tables = {}
    for name in shared:
        a, b = first.where(condition=name), second.where(condition=name)
        one, other = matched(a, b, common=common)
        left_out = len(a) + len(b) - len(one) - len(other)
        tables[name] = {"pairs": len(one), "left_out": left_out} | _tabulate(
            one, other, fars=fars, draws=draws, seed=seed
        )
    return {
        "conditions": tables,
        "only_first": [n for n in first.conditions if n not in shared],
        "only_second": [n for n in second.conditions if n not in shared],
        "bootstrap": {"draws": draws, "seed": seed, "level": 0.95},
    }


def matched(
    first: scored.ScoredPairs, second: scored.ScoredPairs, *, common: bool = False
) -> tuple[scored.ScoredPairs, scored.ScoredPairs]:
    """The rows of two runs' one condition, pair by pair, people numbered alike.

    A pair is known by the names of its photos, in their order; one that the list
    repeats, by how often it came before.

    Args:
      first: a run's rows.
      second: another's.
      common: leave out pairs that only one run has, and take the folds of the first.

    Raises:
      DifferentPairsError: as `compare`.
    """
    rows, others = _numbered(first), _numbered(second)
    both = [key for key in rows if key in others]
    if len(both) < max(len(rows), len(others)) and not common:
        raise DifferentPairsError(_differ(rows, others))
    if not both:
        raise DifferentPairsError(
            f"the runs have no pair in common: the first begins with {_shown(rows)}, "
            f"the second with {_shown(others)}"
        )
    one = first.rows(np.array([rows[key] for key in both]))
    other = second.rows(np.array([others[key] for key in both]))
    if (one.is_same != other.is_same).any():
        at = int(np.argmax(one.is_same != other.is_same))
        raise DifferentPairsError(
            f"the runs contradict each other: {one.first[at]} and {one.second[at]} are "
            f"{'one person' if one.is_same[at] else 'two people'} in the first run"
        )
    if not common and (one.fold != other.fold).any():
        raise DifferentPairsError(
            "the runs share out the same pairs to other folds; evaluate both on one "
            "list, or take the folds of the first run with --common"
        )
    # Another list numbers people otherwise.
    return one, dataclasses.replace(other, people=one.people, fold=one.fold)


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> dict[str, Any]:
    """McNemar's exact test of two runs that are right and wrong on the same pairs.

    Args:
      first_right: bool[N], which pairs the first run decides rightly.
      second_right: bool[N], which the second.

    Returns:
      "both_right", "only_first_right", "only_second_right", "both_wrong": counts;
      "p_value": two-sided, how probable so uneven a split of the pairs on which one
      run alone is right would be, were both runs equally good. 1 without such pairs.

    Example:
      >>> first = np.array([True] * 8 + [False] * 2)
      >>> found = mcnemar(first, np.ones(10, bool))
      >>> found["only_second_right"], found["p_value"]  # 2 · (1/2)²
      (2, 0.5)

    References:
      McNemar, "Note on the sampling error of the difference between correlated
      proportions or percentages", Psychometrika 12, 1947.
    """
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    split = only_first + only_second
    p_value = scipy.stats.binomtest(only_first, split).pvalue if split else 1.0
    return {
        "both_right": int((first_right & second_right).sum()),
        "only_first_right": only_first,
        "only_second_right": only_second,
        "both_wrong": int((~first_right & ~second_right).sum()),
        "p_value": float(p_value),
    }


def _tabulate(
    one: scored.ScoredPairs,
    other: scored.ScoredPairs,
    *,
    fars: Sequence[float],
    draws: int,
    seed: int,
) -> dict[str, Any]:
    try:
        values = [_estimates(sample, fars) for sample in (one, other)]
    except ValueError as error:
        return {"reason": str(error)}
    drawn = bootstrap.replicates(
        {"first": one, "second": other}, fars=fars, draws=draws, seed=seed
    )
    right = [
        verification.decide(sample.similarity, sample.is_same, sample.fold)
        == sample.is_same
        for sample in (one, other)
    ]
    return {
        "genuine": int(one.is_same.sum()),
        "impostors": int((~one.is_same).sum()),
        "first": values[0],
        "second": values[1],
        "difference": {
            name: bootstrap.interval(
                values[1][name] - value, drawn["second"][name] - drawn["first"][name]
            ).to_json()
            for name, value in values[0].items()
        },
        "mcnemar": mcnemar(*right),
    }


def _estimates(sample: scored.ScoredPairs, fars: Sequence[float]) -> dict[str, float]:
    result = verification.evaluate(
        sample.similarity, sample.is_same, sample.fold, fars=fars
    )
    points = rates.operating_points(sample.similarity, sample.is_same, fars)
    known = {"accuracy": result.accuracy, "auc": result.auc, "eer": result.eer}
    return known | {f"tar@{p.far:g}": p.tar for p in points if p.tar is not None}


_Key = tuple[str, str, int]


def _numbered(rows: scored.ScoredPairs) -> dict[_Key, int]:
    """Names of each pair, and how often it came before → its row."""
    seen: collections.Counter[tuple[str, str]] = collections.Counter()
    found = {}
    pairs = zip(rows.first.tolist(), rows.second.tolist(), strict=True)
    for row, pair in enumerate(pairs):
        found[*pair, seen[pair]] = row
        seen[pair] += 1
    return found


def _differ(first: dict[_Key, int], second: dict[_Key, int]) -> str:
    both = len(first.keys() & second.keys())
    example = min(first.keys() ^ second.keys())
    return (
        f"the runs are of different pairs: {both} are in both, "
        f"{len(first) - both} only in the first run, {len(second) - both} only in the "
        f"second, such as {example[0]} and {example[1]}; evaluate both on one list, or "
        "compare the pairs that both have with --common"
    )


def _shown(keys: dict[_Key, int]) -> str:
    first, second, _ = next(iter(keys))
    return f"{first} and {second}"
