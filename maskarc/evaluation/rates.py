"""Error rates at chosen thresholds, and how far a list of pairs can show them."""

import dataclasses
import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskarc.evaluation import verification

# From so many expected errors on, a rate is known to ±30 % with 90 % confidence.
RULE_OF_30 = 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """The true-accept rate at a false-accept rate, or why there is none.

    Attributes:
      far: the false-accept rate asked for.
      tar: the largest true-accept rate with at most that; None if refused.
      threshold: the lowest threshold that keeps to it; None if refused.
      false_accepts: impostor pairs accepted at that threshold; None if refused.
      impostors: impostor pairs that there are.
      impostors_needed: fewest that can show this rate: 1 / far.
      is_firm: whether `RULE_OF_30` false accepts are allowed; with fewer the rate is a
        matter of a handful of pairs.
    """

    far: float
    tar: float | None
    threshold: float | None
    false_accepts: int | None
    impostors: int
    impostors_needed: int
    is_firm: bool

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        if self.tar is None:
            return (
                f"TAR at FAR {self.far:g}: refused, it takes {self.impostors_needed} "
                f"impostor pairs and there are {self.impostors}"
            )
        firm = (
            "" if self.is_firm else f" ({self.false_accepts} false accepts: not firm)"
        )
        return f"TAR at FAR {self.far:g}: {self.tar:.4f}{firm}"


def operating_points(
    similarities: np.ndarray, is_same: np.ndarray, fars: Sequence[float]
) -> list[OperatingPoint]:
    """True-accept rates at false-accept rates, refused where there is no telling.

    Args:
      similarities: float[N], higher = closer, finite.
      is_same: bool[N], both kinds present.
      fars: false-accept rates in (0, 1].

    Raises:
      ValueError, TypeError: as `verification.tar_at_far`.

    Example:
      >>> same = np.array([True, True, False, False])
      >>> scores = np.array([3.0, 1.0, 2.0, 0.0])
      >>> [half, rare] = operating_points(scores, same, (0.5, 0.1))
      >>> print(half)
      TAR at FAR 0.5: 1.0000 (1 false accepts: not firm)
      >>> print(rare)
      TAR at FAR 0.1: refused, it takes 10 impostor pairs and there are 2
    """
    far, tar, thresholds = verification.roc(similarities, is_same)
    thresholds[0] = np.nextafter(thresholds[1], np.inf)  # finite, for JSON
    impostors = int((~np.asarray(is_same)).sum())
    points = []
    for wanted in fars:
        if not 0 < wanted <= 1:
            raise ValueError(f"expected a false-accept rate in (0, 1], got {wanted}")
        allowed = allowed_errors(wanted, impostors)
        k = np.searchsorted(far * impostors, allowed + 0.5) - 1
        told = allowed > 0
        points.append(
            OperatingPoint(
                far=wanted,
                tar=float(tar[k]) if told else None,
                threshold=float(thresholds[k]) if told else None,
                false_accepts=round(far[k] * impostors) if told else None,
                impostors=impostors,
                impostors_needed=errors_needed(wanted),
                is_firm=allowed >= RULE_OF_30,
            )
        )
    return points


def allowed_errors(rate: float, count: int) -> int:
    """Errors among `count` trials that keep to a rate: 29 of 100 are 0.29."""
    return int(rate * count + 1e-9)  # 0.29 · 100 is 28.999…


def errors_needed(rate: float) -> int:
    """The fewest trials that can show a rate: one error among them is the rate."""
    return math.ceil(1 / rate - 1e-9)


def at_threshold(
    similarities: np.ndarray, is_same: np.ndarray, threshold: float
) -> dict[str, float]:
    """far, frr and accuracy of a threshold that was chosen elsewhere.

    Args:
      similarities: float[N].
      is_same: bool[N]; a rate of a kind that does not occur is NaN.
      threshold: from this similarity on, a pair is taken for genuine.
    """
    # In float64: thresholds may lie between neighbouring float32 numbers.
    accepted = np.asarray(similarities, np.float64) >= threshold
    genuine, impostors = int(is_same.sum()), int((~is_same).sum())
    return {
        "far": float((accepted & ~is_same).sum() / impostors) if impostors else np.nan,
        "frr": float((~accepted & is_same).sum() / genuine) if genuine else np.nan,
        "accuracy": float((accepted == is_same).mean()) if len(is_same) else np.nan,
    }


def det(
    similarities: np.ndarray, is_same: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The curve of detection error trade-off.

    Returns:
      far, frr, thresholds: float64[T], as `verification.roc` with frr = 1 − tar.

    Raises:
      ValueError, TypeError: as `verification.roc`.
    """
    far, tar, thresholds = verification.roc(similarities, is_same)
    return far, 1 - tar, thresholds


def normal_deviates(rates: np.ndarray) -> np.ndarray:
    """Rates on the axes of a DET plot, where normal scores give straight lines.

    Args:
      rates: float[T] in [0, 1]; 0 and 1 become −infinity and infinity.

    Returns:
      float64[T].

    >>> normal_deviates(np.array([0.0, 0.5, 1.0]))
    array([-inf,   0.,  inf])
    """
    normal = statistics.NormalDist()
    ends = {0.0: -math.inf, 1.0: math.inf}
    return np.array(
        [ends[r] if r in ends else normal.inv_cdf(r) for r in np.ravel(rates).tolist()]
    )


def thinned(
    x: np.ndarray, y: np.ndarray, most: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    """At most about `most` points of a curve, equally far apart along it.

    Long curves are drawn as well by few points. The first and last stay.
    """
    if len(x) <= most:
        return x, y
    # Of rates the logarithm is drawn: one step in ten is as long as one in a thousand.
    steps = np.hypot(np.diff(np.log10(np.maximum(x, 1e-8))), np.diff(y))
    along = np.concatenate([[0.0], np.cumsum(steps)])
    kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], most)))
    kept = np.unique(np.concatenate([[0], kept, [len(x) - 1]]))
    return x[kept], y[kept]
