"""Taking away what a mask would cover: left black, or with skin grown over it.

Not masks but what they are compared with: how much a recogniser loses by the hidden
part of a face alone. MaskTheFace has them as its types `empty` and `inpaint`.

References:
  Telea, "An Image Inpainting Technique Based on the Fast Marching Method", Journal of
  Graphics Tools 9(1), 2004.
"""

import numpy as np

from maskarc.opencv import cv2

EMPTY, INPAINT = "empty", "inpaint"
FILLS = (EMPTY, INPAINT)
# Longest side at which a hole is grown over; what grows is smooth anyway.
_SIDE = 160
_RADIUS = 3


def fill(region: np.ndarray, opacity: np.ndarray, how: str) -> np.ndarray:
    """Fills a hole in a part of a photo.

    Args:
      region: uint8[h, w, 3]; not written to.
      opacity: uint8[h, w], of the hole.
      how: "empty" or "inpaint".

    Returns:
      uint8[h, w, 3], the region where opacity is 0.
    """
    content = _inpainted(region, opacity) if how == INPAINT else np.zeros_like(region)
    alpha = cv2.merge([opacity] * 3)
    rest = cv2.multiply(region, cv2.bitwise_not(alpha), scale=1 / 255)
    return np.asarray(cv2.add(rest, cv2.multiply(content, alpha, scale=1 / 255)))


def _inpainted(region: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    scale = min(1.0, _SIDE / max(region.shape[:2]))
    size = [max(1, round(side * scale)) for side in region.shape[1::-1]]
    small = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
    hole = cv2.resize(opacity, size, interpolation=cv2.INTER_AREA)
    hole = (hole > 0).astype(np.uint8)
    if hole.all():  # nothing to grow from
        return np.zeros_like(region)
    grown = cv2.inpaint(small, hole, _RADIUS, cv2.INPAINT_TELEA)
    return np.asarray(
        cv2.resize(grown, region.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    )
