"""Creases of a worn mask: no two wearings of one mask lie alike.

A crease field is a small relief on the whole sheet, in the coordinates of `surface`:
long soft folds from the ear loops towards the mouth, short ones across the cheeks, and
dents. Some are made once a process, and a wearing picks one by number.
"""

import functools

import numpy as np

from maskarc.masks import surface
from maskarc.opencv import cv2

# How many different fields there are, and cells of each per face unit.
COUNT = 32
_CELLS = 40
# Where folds begin on the right half, and how far they spread about it, in face units.
_LOOPS, _SPREAD = ((1.28, 0.56), (1.24, 1.44)), 0.12
# Where they end, about the corner of the mouth.
_MOUTH, _MOUTH_SPREAD = (0.35, 1.05), 0.28
# Share of a crease that shows whatever the light's direction: its valleys are darker.
_OCCLUSION = 0.35


def shade(number: int, towards: np.ndarray, *, is_mirrored: bool) -> np.ndarray:
    """What a field adds to the brightness factors of a sheet of unit creases.

    Args:
      number: of the field, any integer.
      towards: float[3], the direction of the light in the mean face's frame.
      is_mirrored: whether the sheet is the mirror image of the one drawn.

    Returns:
      float32[R, C] that tiles the sheet's picture; its deviation is about 1 where the
      light grazes the sheet.
    """
    across, down, height = _field(number % COUNT)
    x, y = (float(v) for v in towards[:2])
    if is_mirrored:
        across, down, height = -across[:, ::-1], down[:, ::-1], height[:, ::-1]
    return np.asarray(-x * across - y * down + _OCCLUSION * height, np.float32)


@functools.lru_cache(maxsize=COUNT)
def _field(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes across and down and the height of a field, each float32[R, C]."""
    rng = np.random.default_rng([11, number])
    left, top, right, bottom = surface.EXTENT
    shape = round((bottom - top) * _CELLS), round((right - left) * _CELLS)
    height = np.zeros(shape, np.float32)
    for side in (-1, 1):
        for start in _LOOPS:
            for _ in range(rng.integers(1, 4)):
                begin = np.array(start) + rng.normal(0, _SPREAD, 2)
                end = np.array(_MOUTH) + rng.normal(0, _MOUTH_SPREAD, 2)
                end = begin + rng.uniform(0.4, 1.1) * (end - begin)
                height += _fold(shape, begin, end, side, rng)
    for _ in range(rng.integers(2, 6)):
        begin = np.array([rng.uniform(-0.2, 1.1), rng.uniform(0.5, 1.7)])
        turn = rng.uniform(0, np.pi)
        reach = rng.uniform(0.15, 0.45) * np.array([np.cos(turn), np.sin(turn)])
        height += _fold(shape, begin, begin + reach, rng.choice((-1, 1)), rng)
    dents = rng.standard_normal(shape, np.float32)
    dents = np.asarray(cv2.GaussianBlur(dents, (0, 0), 0.16 * _CELLS))
    height += dents * np.float32(0.35 / dents.std())
    across = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)
    steepness = np.float32(1 / np.sqrt((across**2 + down**2).mean()))
    return across * steepness, down * steepness, (height - height.mean()) * 1.0


def _fold(
    shape: tuple[int, int],
    begin: np.ndarray,
    end: np.ndarray,
    side: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """One bent fold between two points (u, v) of the right half, or of the left."""
    along = np.linspace(0, 1, 12)[:, None]
    normal = (end - begin)[::-1] * [1, -1]
    bend = rng.normal(0, 0.12) * 4 * along * (1 - along)
    line = (begin + along * (end - begin) + bend * normal) * [side, 1]
    pixels = np.rint((line - surface.EXTENT[:2]) * _CELLS).astype(np.int32)
    canvas = np.full(shape, 255, np.uint8)
    cv2.polylines(canvas, [pixels], False, 0)
    distance = cv2.distanceTransform(canvas, cv2.DIST_L2, 5)
    width = rng.uniform(0.025, 0.07) * _CELLS
    fold = np.exp(-0.5 * np.square(distance / np.float32(width)))
    return fold * np.float32(rng.uniform(0.4, 1.0) * rng.choice((-1, 1)))
