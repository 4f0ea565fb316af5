"""Does one threshold serve all conditions, and what does it cost where it does not?"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from maskarc.evaluation import rates, verification

# Scores of one condition: similarities float[N] and is_same bool[N].
Scores = tuple[np.ndarray, np.ndarray]
POOLED = "all together"


def threshold_table(
    conditions: Mapping[str, Scores], fars: tuple[float, ...] = (1e-1, 1e-2, 1e-3)
) -> dict[str, dict[str, Any]]:
    """The thresholds that each condition would choose for itself.

    Returns:
      Condition → "accuracy" (threshold of the best accuracy), "eer" (where false
      accepts equal false rejects) and "far=0.01" and so on, each with "threshold",
      "far", "frr" and "accuracy" there; None for a rate that is refused.

    Raises:
      ValueError, TypeError: as `verification.evaluate`.
    """
    return {
        name: {
            rule: None
            if (threshold := choose(*scores)) is None
            else {"threshold": threshold, **rates.at_threshold(*scores, threshold)}
            for rule, choose in _rules(fars).items()
        }
        for name, scores in conditions.items()
    }


def cross_thresholds(
    conditions: Mapping[str, Scores], *, rule: str = "accuracy"
) -> dict[str, dict[str, dict[str, float]]]:
    """The threshold chosen on one condition, applied to all.

    Args:
      conditions: name → scores.
      rule: how it is chosen: "accuracy", "eer", or "far=0.01" and the like.

    Returns:
      Condition chosen on (and `POOLED`: on all pairs at once) → condition applied to →
      "threshold", "far", "frr", "accuracy", and "cost": the accuracy lost against the
      best threshold of the condition applied to. A condition on which the rule is
      refused chooses nothing and is left out.

    Raises:
      ValueError: an unknown rule, or as `verification.evaluate`.

    Example:
      >>> same = np.array([True, True, False, False])
      >>> table = cross_thresholds({
      ...     "bare": (np.array([0.9, 0.8, 0.1, 0.0]), same),
      ...     "masked": (np.array([0.4, 0.3, 0.1, 0.0]), same),
      ... })
      >>> table["bare"]["masked"]["frr"], table["bare"]["masked"]["cost"]
      (1.0, 0.5)
    """
    choose = _rule(rule)
    pooled = tuple(
        np.concatenate([scores[side] for scores in conditions.values()])
        for side in (0, 1)
    )
    best = {
        name: rates.at_threshold(*s, _most_accurate(*s))["accuracy"]
        for name, s in conditions.items()
    }
    table: dict[str, dict[str, dict[str, float]]] = {}
    for chosen_on, scores in (*conditions.items(), (POOLED, pooled)):
        threshold = choose(*scores)
        if threshold is None:
            continue
        table[chosen_on] = {}
        for name, other in conditions.items():
            there = rates.at_threshold(*other, threshold)
            table[chosen_on][name] = {
                "threshold": threshold,
                **there,
                "cost": best[name] - there["accuracy"],
            }
    return table


def eer_threshold(similarities: np.ndarray, is_same: np.ndarray) -> float:
    """The threshold at which far and frr are closest."""
    far, tar, thresholds = verification.roc(similarities, is_same)
    k = int(np.argmin(np.abs(far[1:] - (1 - tar[1:])))) + 1
    return float(thresholds[k])


def _most_accurate(similarities: np.ndarray, is_same: np.ndarray) -> float:
    return verification.fit_threshold(np.asarray(similarities, np.float64), is_same)


def _rules(
    fars: tuple[float, ...],
) -> dict[str, Callable[[np.ndarray, np.ndarray], float | None]]:
    return {r: _rule(r) for r in ("accuracy", "eer", *(f"far={f:g}" for f in fars))}


def _rule(rule: str) -> Callable[[np.ndarray, np.ndarray], float | None]:
    if rule == "accuracy":
        return _most_accurate
    if rule == "eer":
        return eer_threshold
    name, _, value = rule.partition("=")
    try:
        far = float(value)
    except ValueError:
        far = -1.0
    if name != "far" or not 0 < far <= 1:
        raise ValueError(
            f"unknown rule {rule!r}; expected 'accuracy', 'eer' or 'far=' and a rate"
        )
    return lambda s, same: rates.operating_points(s, same, [far])[0].threshold
