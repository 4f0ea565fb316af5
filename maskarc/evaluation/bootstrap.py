"""Confidence intervals by drawing people, not pairs.

The pairs of one person go wrong together, so intervals that draw pairs are too narrow.
Here people are drawn with replacement, as many as there are. A pair of two people
counts as often as the first was drawn times the second; a pair of one person as often
as that one. Errors are shared by pairs of a person then. No such way is exact: an
impostor pair's own chance is drawn twice, so what hangs on false accepts gets intervals
somewhat too wide where few pairs share a person (Owen 2007).
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from maskarc.evaluation import scored, verification

DRAWS = 1000
# Elements of the largest array that is held, draws × pairs.
_BLOCK = 2**21


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate and its interval.

    Attributes:
      estimate: on the pairs as they are.
      low: lower end of the interval; None where all draws agree, as they do when there
        is no error to draw: then nothing is known of how rare errors are.
      high: upper end, or None.
    """

    estimate: float
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return dataclasses.asdict(self)


def interval(estimate: float, values: np.ndarray, *, level: float = 0.95) -> Interval:
    """The interval between the percentiles of a statistic's draws.

    Args:
      estimate: the statistic itself.
      values: float[draws]; NaN, of draws without one kind of pair, are left out.
      level: share of the draws that the interval holds.
    """
    values = values[np.isfinite(values)]
    if not len(values) or np.ptp(values) == 0:
        return Interval(estimate=estimate, low=None, high=None)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate=estimate, low=float(low), high=float(high))


def replicates(
    samples: Mapping[str, scored.ScoredPairs],
    *,
    fars: Sequence[float] = (1e-1, 1e-2, 1e-3),
    with_accuracy: bool = True,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, dict[str, np.ndarray]]:
    """Statistics of each sample under the same draws of people.

    As the draws are the same, the difference of two samples' values is a replicate of
    the difference: its interval is that of a paired comparison.

    Args:
      samples: name → pairs, whose people are numbered alike in all of them.
      fars: false-accept rates for the statistics "tar@0.01" and so on.
      with_accuracy: whether to cross-validate the accuracy, which takes the most time.
      draws: how often people are drawn.
      seed: of the draws.

    Returns:
      Sample → statistic ("accuracy", "auc", "eer", "tar@…") → float64[draws], NaN
      where a draw leaves one kind of pair out.

    Raises:
      ValueError, TypeError: as `verification.evaluate`.

    References:
      Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2), 2007.
    """
    if draws < 1:
        raise ValueError(f"expected at least one draw, got {draws}")
    people = np.unique(np.concatenate([s.people.ravel() for s in samples.values()]))
    numbered = {
        name: (np.searchsorted(people, sample.people), sample)
        for name, sample in samples.items()
    }
    parts: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in samples}
    most = max(len(sample) for sample in samples.values())
    for counts in _draw(len(people), draws, _BLOCK // max(most, 1), seed):
        for name, (ends, sample) in numbered.items():
            weights = pair_weights(counts, ends, sample.is_same)
            parts[name].append(
                weighted_statistics(
                    sample.similarity,
                    sample.is_same,
                    sample.fold if with_accuracy else None,
                    weights,
                    fars=fars,
                )
            )
    return {
        name: {key: np.concatenate([p[key] for p in blocks]) for key in blocks[0]}
        for name, blocks in parts.items()
    }


def mean_replicates(
    values: np.ndarray, people: np.ndarray, *, draws: int = DRAWS, seed: int = 0
) -> np.ndarray:
    """Means float64[draws] of values [N] of people [N], under draws of people.

    Values of the same people under the same seed see the same draws.
    """
    numbers, owner = np.unique(people, return_inverse=True)
    sums = np.bincount(owner, np.asarray(values, float))
    sizes = np.bincount(owner)
    return np.concatenate([
        (counts @ sums) / np.maximum(counts @ sizes, 1)
        for counts in _draw(len(numbers), draws, draws, seed)
    ])  # fmt: skip


def pair_weights(
    counts: np.ndarray, people: np.ndarray, is_same: np.ndarray
) -> np.ndarray:
    """How often each pair counts, int64[B, N].

    Args:
      counts: int[B, P], how often each person was drawn.
      people: int[N, 2], the persons of each pair.
      is_same: bool[N].

    >>> people, is_same = np.array([[0, 0], [0, 1]]), np.array([True, False])
    >>> pair_weights(np.array([[2, 3]]), people, is_same)
    array([[2, 6]])
    """
    weights = counts[:, people[:, 0]]
    return np.where(is_same, weights, weights * counts[:, people[:, 1]])


def _draw(people: int, draws: int, block: int, seed: int) -> Iterator[np.ndarray]:
    """Blocks int64[B, P] of how often each person was drawn."""
    rng = np.random.default_rng(seed)
    block = min(max(block, 1), max(_BLOCK // people, 1), draws)
    for start in range(0, draws, block):
        size = min(block, draws - start)
        drawn = rng.integers(people, size=(size, people))
        drawn += people * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * people).reshape(size, people)


def weighted_statistics(
    similarities: np.ndarray,
    is_same: np.ndarray,
    fold: np.ndarray | None,
    weights: np.ndarray,
    *,
    fars: Sequence[float] = (),
) -> dict[str, np.ndarray]:
    """What `verification` measures, of pairs that count several times or not at all.

    With weights of 1 all values are those of `verification.evaluate`, exactly.

    Args:
      similarities: float[N], finite.
      is_same: bool[N].
      fold: int[N]; one number throughout takes `verification.stratified_folds`. None
        leaves "accuracy" out.
      weights: int[B, N], ≥ 0; one row a draw.
      fars: false-accept rates for "tar@…".

    Returns:
      Statistic → float64[B].
    """
    similarities = np.asarray(similarities, np.float64)
    order = np.argsort(-similarities, kind="stable")
    w, same, ordered = weights[:, order], is_same[order], similarities[order]
    result = {}
    if fold is not None:
        if (fold == fold[0]).all():
            fold = verification.stratified_folds(is_same)
        result["accuracy"] = _accuracy(ordered, same, fold[order], w)
    last = _run_ends(ordered)
    genuine = _cumulated(np.where(same, w, 0))[:, np.append(0, last + 1)]
    impostors = _cumulated(np.where(same, 0, w))[:, np.append(0, last + 1)]
    total_genuine, total_impostors = genuine[:, -1], impostors[:, -1]
    nothing = (total_genuine == 0) | (total_impostors == 0)
    g, i = (
        np.maximum(total_genuine, 1)[:, None],
        np.maximum(total_impostors, 1)[:, None],
    )
    areas = np.trapezoid(genuine.astype(np.float64), impostors, axis=1)
    result["auc"] = areas / (g * i)[:, 0]
    far, tar = impostors / i, genuine / g
    result["eer"] = _crossing(far, 1 - tar)
    for wanted in fars:
        k = (impostors <= wanted * i + 1e-9).sum(axis=1) - 1
        result[f"tar@{wanted:g}"] = np.take_along_axis(tar, k[:, None], 1)[:, 0]
    for values in result.values():
        values[nothing] = np.nan
    return result


def _accuracy(
    similarities: np.ndarray, is_same: np.ndarray, fold: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Mean accuracy of the folds, each at the threshold that the others choose.

    Similarities fall. A fold of which no pair was drawn is left out of the mean.
    """
    total, counted = np.zeros(len(weights)), np.zeros(len(weights))
    sign = np.where(is_same, 1, -1)
    for number in np.unique(fold):
        held_out = fold == number
        train, test = ~held_out, held_out
        thresholds = _best_thresholds(similarities[train], (weights * sign)[:, train])
        # Pairs at or above the threshold come first.
        accepted = np.searchsorted(-similarities[test], -thresholds, side="right")
        w = weights[:, test]
        score = _cumulated(w * sign[test])
        right = np.take_along_axis(score, accepted[:, None], 1)[:, 0]
        right = right + np.where(is_same[test], 0, w).sum(axis=1)
        drawn = w.sum(axis=1)
        total += right / np.maximum(drawn, 1)
        counted += drawn > 0
    return total / np.maximum(counted, 1)


def _best_thresholds(falling: np.ndarray, signed: np.ndarray) -> np.ndarray:
    """The threshold of each draw, chosen as `verification.fit_threshold` does.

    Args:
      falling: float64[N], similarities.
      signed: int[B, N], weights, negative for impostor pairs.
    """
    last = _run_ends(falling)
    ceilings = np.concatenate([[np.inf], falling[last]])
    floors = np.append(ceilings[1:], np.nextafter(ceilings[-1], -np.inf))
    ceilings[0] = np.nextafter(floors[0], np.inf)
    middles = (ceilings + floors) / 2
    middles = np.where(middles > floors, middles, ceilings)
    correct = _cumulated(signed)[:, np.append(0, last + 1)]
    best = correct == correct.max(axis=1, keepdims=True)
    return middles[np.where(best, ceilings - floors, -1.0).argmax(axis=1)]


def _crossing(far: np.ndarray, frr: np.ndarray) -> np.ndarray:
    """far [B, T] where it meets frr, linear between the points."""
    excess = frr - far  # falls from 1 to −1
    k = np.maximum(np.argmax(excess <= 0, axis=1), 1)[:, None]
    before, after = (np.take_along_axis(excess, j, 1) for j in (k - 1, k))
    left, right = (np.take_along_axis(far, j, 1) for j in (k - 1, k))
    share = before / np.where(before == after, 1, before - after)
    return (left + share * (right - left))[:, 0]


def _run_ends(ordered: np.ndarray) -> np.ndarray:
    """The last index of each run of equal similarities."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def _cumulated(values: np.ndarray) -> np.ndarray:
    """Sums [B, N + 1] of the first 0, 1, …, N values of each row."""
    sums = np.zeros((len(values), values.shape[1] + 1), values.dtype)
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
