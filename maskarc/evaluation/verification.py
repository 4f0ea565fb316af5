"""Verification: are two photos of one person? LFW's protocol, ROC, AUC and EER.

A pair is accepted as genuine where its similarity is at least the threshold. far is the
share of impostor pairs accepted, tar the share of genuine pairs accepted.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

FOLDS = 10  # of LFW's View 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """What `evaluate` measures. Rates are in [0, 1].

    Attributes:
      accuracy: mean over the folds of the accuracy at the threshold that the other
        folds choose.
      accuracy_std: standard deviation of the folds' accuracies (divided by n, as the
        field reports it). LFW's standard error of the mean is this / √(n − 1), that
        is a third of it for ten folds.
      threshold: the best on all pairs: the one to use elsewhere. No accuracy above was
        measured with it.
      auc: area under the ROC curve.
      eer: equal error rate.
      tar_at_far: the largest tar with far at most the key ("0.01"); None where there
        are too few impostor pairs to tell (fewer than 1 / far).
      pairs: how many pairs.
      genuine: how many of them show the same person.
      impostors: how many do not.
      fold_accuracies: accuracy of each fold, by increasing fold number.
      fold_thresholds: the threshold each fold was scored at.
    """

    accuracy: float
    accuracy_std: float
    threshold: float
    auc: float
    eer: float
    tar_at_far: dict[str, float | None]
    pairs: int
    genuine: int
    impostors: int
    fold_accuracies: tuple[float, ...]
    fold_thresholds: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values that `json.dumps` writes as valid JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


def evaluate(
    similarities: np.ndarray,
    is_same: np.ndarray,
    fold: np.ndarray | None = None,
    *,
    fars: Sequence[float] = (1e-1, 1e-2, 1e-3),
) -> Verification:
    """Scores the similarities of labelled pairs by LFW's cross-validation.

    Args:
      similarities: float[N], higher = closer, finite. The pairs of an image that
        could not be embedded come with `protocol.FAILED`, as different people.
      is_same: bool[N], True for genuine pairs; both kinds must occur.
      fold: int[N], any numbers; None, or one number throughout, takes
        `stratified_folds`.
      fars: false-accept rates in (0, 1] at which the true-accept rate is reported.

    Returns:
      The `Verification`.

    Raises:
      ValueError: shapes differ, a similarity is not finite, only one kind of pair, or
        too few pairs for two folds.
      TypeError: is_same is not bool.

    Example:
      >>> same = np.array([True, True, True, False, False, False])
      >>> result = evaluate(np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.0]), same)
      >>> result.accuracy, result.auc, round(result.threshold, 2)
      (1.0, 1.0, 0.45)

    References:
      Huang et al., "Labeled Faces in the Wild", UMass technical report 07-49, 2007.
    """
    similarities, is_same = _checked(similarities, is_same)
    fold = _folds(fold, is_same)
    thresholds = _fold_thresholds(similarities, is_same, fold)
    right = _accepted(similarities, fold, thresholds) == is_same
    accuracies = [float(right[fold == number].mean()) for number in thresholds]
    return Verification(
        accuracy=float(np.mean(accuracies)),
        accuracy_std=float(np.std(accuracies)),
        threshold=fit_threshold(similarities, is_same),
        auc=auc(similarities, is_same),
        eer=eer(similarities, is_same),
        tar_at_far={f"{far:g}": tar_at_far(similarities, is_same, far) for far in fars},
        pairs=len(is_same),
        genuine=int(is_same.sum()),
        impostors=int((~is_same).sum()),
        fold_accuracies=tuple(accuracies),
        fold_thresholds=tuple(thresholds.values()),
    )


def decide(
    similarities: np.ndarray, is_same: np.ndarray, fold: np.ndarray | None = None
) -> np.ndarray:
    """What the protocol takes each pair for: bool[N], True for genuine.

    The pairs of a fold are held against the threshold that the other folds choose, as
    for `Verification.accuracy`. Arguments and errors as `evaluate`.

    >>> same = np.array([True, True, True, False, False, False])
    >>> decide(np.array([0.9, 0.8, 0.1, 0.2, 0.1, 0.0]), same).tolist()
    [True, True, False, False, False, False]
    """
    similarities, is_same = _checked(similarities, is_same)
    fold = _folds(fold, is_same)
    return _accepted(similarities, fold, _fold_thresholds(similarities, is_same, fold))


def _folds(fold: np.ndarray | None, is_same: np.ndarray) -> np.ndarray:
    fold = stratified_folds(is_same) if fold is None else np.asarray(fold)
    if fold.shape != is_same.shape:
        raise ValueError(f"expected fold {is_same.shape}, got {fold.shape}")
    if (fold == fold[0]).all():
        fold = stratified_folds(is_same)
    if (fold == fold[0]).all():
        raise ValueError(f"too few pairs to cross-validate: {len(is_same)}")
    return fold


def _fold_thresholds(
    similarities: np.ndarray, is_same: np.ndarray, fold: np.ndarray
) -> dict[int, float]:
    """Fold → the threshold that the others choose, by increasing number."""
    return {
        number: fit_threshold(similarities[fold != number], is_same[fold != number])
        for number in np.unique(fold).tolist()
    }


def _accepted(
    similarities: np.ndarray, fold: np.ndarray, thresholds: dict[int, float]
) -> np.ndarray:
    numbers = np.array(list(thresholds))
    values = np.array(list(thresholds.values()))
    return np.asarray(similarities >= values[np.searchsorted(numbers, fold)])


def stratified_folds(is_same: np.ndarray, folds: int = FOLDS) -> np.ndarray:
    """Folds int64[N] that share out both kinds of pair evenly, in runs of the list.

    Runs, because lists name the pairs of one person next to each other, and a person
    should not be in the fold that chooses the threshold and in the one it is scored on.

    >>> stratified_folds(np.array([True, True, False, True, True, False]), folds=2)
    array([0, 0, 0, 1, 1, 1])
    """
    fold = np.zeros(len(is_same), np.int64)
    for kind in (True, False):
        members = np.flatnonzero(is_same == kind)
        fold[members] = np.arange(len(members)) * folds // max(len(members), 1)
    return fold


def fit_threshold(similarities: np.ndarray, is_same: np.ndarray) -> float:
    """The threshold of the best accuracy on these pairs; exact, not on a grid.

    Every threshold between two neighbouring similarities decides alike. Of the best
    such intervals the widest is taken (the highest one if several are), and of it the
    middle. Where it is best to accept all pairs the lowest similarity is returned,
    where none, the next number above the highest.

    Args:
      similarities: float[N], N ≥ 1.
      is_same: bool[N].
    """
    ceilings, genuine, impostors = _sweep(similarities, is_same)
    # Row k accepts what is at or above ceilings[k] and nothing at floors[k].
    floors = np.append(ceilings[1:], np.nextafter(ceilings[-1], -np.inf))
    ceilings[0] = np.nextafter(floors[0], np.inf)
    correct = genuine - impostors  # less the number of impostors, the same for all
    best = np.flatnonzero(correct == correct.max())
    k = best[np.argmax(ceilings[best] - floors[best])]
    middle = (ceilings[k] + floors[k]) / 2
    # Between neighbouring floats the middle may round down to the floor.
    return float(middle if middle > floors[k] else ceilings[k])


def roc(
    similarities: np.ndarray, is_same: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ROC curve, one point for each distinct similarity.

    Args:
      similarities: float[N], higher = closer, finite.
      is_same: bool[N], both kinds present.

    Returns:
      far, tar, thresholds: float64[T]. The threshold falls from infinity (nothing
      accepted) to the lowest similarity (all accepted).

    Raises:
      ValueError, TypeError: as `evaluate`.
    """
    thresholds, genuine, impostors = _sweep(*_checked(similarities, is_same))
    return impostors / impostors[-1], genuine / genuine[-1], thresholds


def auc(similarities: np.ndarray, is_same: np.ndarray) -> float:
    """Area under the ROC curve: P(genuine > impostor) + P(genuine = impostor) / 2.

    Arguments and errors as `roc`.

    >>> auc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]))
    0.875
    """
    _, genuine, impostors = _sweep(*_checked(similarities, is_same))
    # Of counts the trapezoids are exact.
    return float(np.trapezoid(genuine, impostors) / (genuine[-1] * impostors[-1]))


def eer(similarities: np.ndarray, is_same: np.ndarray) -> float:
    """Equal error rate: far where the ROC curve meets far = 1 − tar.

    Linear between the points of the curve. Arguments and errors as `roc`.
    """
    far, tar, _ = roc(similarities, is_same)
    excess = (1 - tar) - far  # falls from 1 to −1
    k = int(np.argmax(excess <= 0))
    share = excess[k - 1] / (excess[k - 1] - excess[k])
    return float(far[k - 1] + share * (far[k] - far[k - 1]))


def tar_at_far(
    similarities: np.ndarray, is_same: np.ndarray, far: float
) -> float | None:
    """The largest tar of any threshold with a false-accept rate of at most `far`.

    None where `far` is below 1 / impostors: the list cannot measure it. Arguments and
    errors as `roc`; a `far` outside (0, 1] is a ValueError too.
    """
    if not 0 < far <= 1:
        raise ValueError(f"expected a false-accept rate in (0, 1], got {far}")
    _, genuine, impostors = _sweep(*_checked(similarities, is_same))
    allowed = int(far * impostors[-1] + 1e-9)  # 0.29 · 100 is 28.999…
    if allowed == 0:
        return None
    k = np.searchsorted(impostors, allowed, side="right") - 1
    return float(genuine[k] / genuine[-1])


def _sweep(
    similarities: np.ndarray, is_same: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thresholds from infinity down, with the genuine and impostor pairs accepted.

    Equal similarities are accepted together, so a tie is one step.
    """
    order = np.argsort(-similarities, kind="stable")
    ordered, genuine = similarities[order], np.cumsum(is_same[order])
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    accepted = last + 1
    return (
        np.concatenate([[np.inf], ordered[last]]),
        np.concatenate([[0], genuine[last]]),
        np.concatenate([[0], accepted - genuine[last]]),
    )


def _checked(
    similarities: np.ndarray, is_same: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # float64, so that midpoints of neighbouring float32 numbers exist.
    similarities, is_same = np.asarray(similarities, np.float64), np.asarray(is_same)
    if similarities.ndim != 1 or similarities.shape != is_same.shape:
        raise ValueError(
            "expected similarities [N] and is_same [N], got "
            f"{similarities.shape} and {is_same.shape}"
        )
    if is_same.dtype != np.bool_:
        raise TypeError(f"expected is_same of dtype bool, got {is_same.dtype}")
    bad = np.flatnonzero(~np.isfinite(similarities))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of {len(similarities)} similarities are not finite, the first "
            f"at index {bad[0]}; score a failed image's pairs as protocol.FAILED"
        )
    if is_same.all() or not is_same.any():
        raise ValueError(
            f"expected genuine and impostor pairs, got {int(is_same.sum())} genuine of "
            f"{len(is_same)}"
        )
    return similarities, is_same
