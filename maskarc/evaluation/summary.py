"""From scored pairs to tables: each condition, its groups, its drop, its threshold."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from maskarc.evaluation import bootstrap, calibration, rates, scored, verification

FARS = (1e-1, 1e-2, 1e-3, 1e-4)
GROUPS = ("kind", "wear", "yaw")
# The condition that drops are measured against.
BASE = "bare-bare"
# Of each kind of pair; below, a group gets counts and rates, no intervals.
_FEWEST = 20


def summarise(
    pairs: scored.ScoredPairs,
    *,
    fars: Sequence[float] = FARS,
    draws: int = bootstrap.DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """All tables of a run, as JSON.

    Args:
      pairs: with the label "condition"; groups are made of `GROUPS`.
      fars: false-accept rates.
      draws: of the bootstrap.
      seed: of the bootstrap.

    Returns:
      "conditions": condition → the fields of `verification.Verification`,
      "operating_points" (`rates`), "intervals" (statistic → `bootstrap.Interval`) and
      "failed_pairs"; or, for a condition that cannot be scored, "reason".
      "drop": condition → what it has less than `BASE` (of "eer", which grows, that is
      negative), with intervals, and "same_pairs": whether both are of the same pairs.
      "groups": condition → label → value → counts, far and frr at the condition's and
      at the base's threshold, auc, and its drop against the same pairs of the base.
      "thresholds" and "cross_thresholds": `calibration`.

    Raises:
      ValueError: no condition has pairs of both kinds.
    """
    samples, conditions = {}, {}
    for name in pairs.conditions:
        sample = pairs.where(condition=name)
        try:
            result = verification.evaluate(
                sample.similarity, sample.is_same, sample.fold, fars=fars
            )
        except ValueError as error:
            conditions[name] = {"pairs": len(sample), "reason": str(error)}
            continue
        samples[name] = sample
        points = rates.operating_points(sample.similarity, sample.is_same, fars)
        conditions[name] = result.to_json() | {
            "operating_points": [point.to_json() for point in points],
            "failed_pairs": int(sample.failed.sum()),
        }
    if not samples:
        raise ValueError(f"no condition can be scored: {conditions}")
    drawn = bootstrap.replicates(samples, fars=fars, draws=draws, seed=seed)
    estimates = {name: _estimates(conditions[name], fars) for name in samples}
    for name, known in estimates.items():
        conditions[name]["intervals"] = {
            statistic: bootstrap.interval(value, drawn[name][statistic]).to_json()
            for statistic, value in known.items()
        }
    scores = {name: (s.similarity, s.is_same) for name, s in samples.items()}
    rules = ("accuracy", *(f"far={far:g}" for far in fars))
    return {
        "conditions": conditions,
        "drop": _drops(samples, estimates, drawn),
        "groups": {
            name: _groups(name, samples, conditions, draws=draws, seed=seed)
            for name in samples
        },
        "thresholds": calibration.threshold_table(scores, tuple(fars)),
        "cross_thresholds": {
            rule: calibration.cross_thresholds(scores, rule=rule) for rule in rules
        },
        "bootstrap": {"draws": draws, "seed": seed, "level": 0.95},
    }


def _estimates(condition: dict[str, Any], fars: Sequence[float]) -> dict[str, float]:
    """The statistics of `bootstrap.replicates` that are not refused."""
    known = {name: condition[name] for name in ("accuracy", "auc", "eer")}
    rates_ = condition["tar_at_far"]
    known |= {f"tar@{far:g}": rates_[f"{far:g}"] for far in fars}
    return {name: value for name, value in known.items() if value is not None}


def _drops(
    samples: dict[str, scored.ScoredPairs],
    estimates: dict[str, dict[str, float]],
    drawn: dict[str, dict[str, np.ndarray]],
) -> dict[str, Any]:
    """What each condition has less than the base, under the same draws of people."""
    if BASE not in samples:
        return {}
    return {
        name: {
            "same_pairs": np.array_equal(samples[name].pair, samples[BASE].pair),
            **{
                statistic: bootstrap.interval(
                    estimates[BASE][statistic] - value,
                    drawn[BASE][statistic] - drawn[name][statistic],
                ).to_json()
                for statistic, value in estimates[name].items()
                if statistic in estimates[BASE]
            },
        }
        for name in samples
        if name != BASE
    }


def _groups(
    name: str,
    samples: dict[str, scored.ScoredPairs],
    conditions: dict[str, Any],
    *,
    draws: int,
    seed: int,
) -> dict[str, dict[str, dict[str, Any]]]:
    sample, base = samples[name], samples.get(BASE)
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for label in (key for key in GROUPS if key in sample.labels):
        values = [v for v in np.unique(sample.labels[label]).tolist() if v]
        tables[label] = {}
        for value in values:
            group = sample.rows(sample.labels[label] == value)
            row = _group(group, conditions[name]["threshold"])
            if base is not None and name != BASE:
                threshold = conditions[BASE]["threshold"]
                there = rates.at_threshold(group.similarity, group.is_same, threshold)
                row["at_base_threshold"] = _plain(there)
                bare = base.rows(np.isin(base.pair, group.pair))
                if len(bare) == len(group) and _is_large(group):
                    row["auc_drop"] = _auc_drop(bare, group, draws, seed)
            tables[label][value] = row
    return {label: table for label, table in tables.items() if table}


def _group(group: scored.ScoredPairs, threshold: float) -> dict[str, Any]:
    is_mixed = group.is_same.any() and not group.is_same.all()
    return {
        "pairs": len(group),
        "genuine": int(group.is_same.sum()),
        "impostors": int((~group.is_same).sum()),
        "failed_pairs": int(group.failed.sum()),
        "at_threshold": _plain(
            rates.at_threshold(group.similarity, group.is_same, threshold)
        ),
        "auc": verification.auc(group.similarity, group.is_same) if is_mixed else None,
    }


def _auc_drop(
    bare: scored.ScoredPairs, group: scored.ScoredPairs, draws: int, seed: int
) -> dict[str, Any]:
    drawn = bootstrap.replicates(
        {"bare": bare, "group": group},
        fars=(),
        with_accuracy=False,
        draws=draws,
        seed=seed,
    )
    difference = verification.auc(bare.similarity, bare.is_same) - verification.auc(
        group.similarity, group.is_same
    )
    return bootstrap.interval(
        difference, drawn["bare"]["auc"] - drawn["group"]["auc"]
    ).to_json()


def _is_large(group: scored.ScoredPairs) -> bool:
    genuine = int(group.is_same.sum())
    return min(genuine, len(group) - genuine) >= _FEWEST


def _plain(values: dict[str, float]) -> dict[str, float | None]:
    """With None for NaN, which JSON has not."""
    return {key: v if np.isfinite(v) else None for key, v in values.items()}
