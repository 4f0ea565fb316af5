"""Choosing a mask for a face: at random among those worn at a similar pose."""

import functools
from collections.abc import Sequence

import numpy as np

from maskarc import geometry
from maskarc.masks import types

# A mask seen this far from the face's pose, in radians, still looks right on it.
TOLERANCE = 0.2


def choose(
    masks: Sequence[types.Mask],
    pose: geometry.Pose,
    rng: np.random.Generator,
    *,
    tolerance: float = TOLERANCE,
    candidates: int = 10,
) -> types.Mask:
    """Draws a mask, mirrored where that brings its pose nearer to the face's.

    Drawings fit every pose. Cut-outs qualify when their yaw and pitch lie within the
    tolerance; where too few do, the nearest are drawn from, so that no pose always
    gets the same mask.

    Args:
      masks: what to choose from; a tuple is fastest, its poses are then cached.
      pose: of the face.
      rng: the source of randomness; one number is drawn.
      tolerance: radians, see above.
      candidates: draw from at least so many masks (or all, if there are fewer).

    Returns:
      One of the masks, or its mirror image.

    Raises:
      ValueError: there are no masks.
    """
    if not masks:
        raise ValueError("there are no masks to choose from")
    angles, is_drawing = _angles(tuple(masks))
    face = np.array([pose.yaw, pose.pitch])
    as_is = np.hypot(*(angles - face).T)
    mirrored = np.hypot(*(angles * [-1, 1] - face).T)
    distance = np.where(is_drawing, 0, np.minimum(as_is, mirrored))
    nearest = np.argsort(distance, kind="stable")
    count = max(int((distance <= tolerance).sum()), min(candidates, len(masks)))
    index = nearest[rng.integers(count)]
    mask = masks[index]
    if is_drawing[index] or as_is[index] <= mirrored[index]:
        return mask
    return mask.mirrored()


@functools.lru_cache(maxsize=64)
def _angles(masks: tuple[types.Mask, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Yaw and pitch float64[M, 2], and which masks are drawings bool[M]."""
    angles = np.array([[mask.pose.yaw, mask.pose.pitch] for mask in masks])
    return angles, np.array([mask.kind != types.PHOTO for mask in masks])
