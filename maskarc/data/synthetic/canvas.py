"""A canvas for synthetic faces: smooth curves, drawn fine and averaged down."""

import contextlib
import functools
from collections.abc import Iterator

import numpy as np

from maskarc.data.synthetic import shots
from maskarc.opencv import cv2

# The drawing has twice the photo's pixels; its coordinates have 4 fractional bits, so
# a tick is a tick: TICKS = 2 · 2⁴. The first pixel's centre lies at 8 ticks.
_ZOOM, _SHIFT = 2, 4
_ORIGIN = (_ZOOM - 1) * shots.TICKS // (2 * _ZOOM)


class Canvas:
    """A premultiplied RGBA drawing. Points are [N, 2] and widths are in ticks.

    Attributes:
      pixels: uint8[2·size, 2·size, 4].
    """

    def __init__(self, size: int):
        self.pixels = np.zeros((_ZOOM * size, _ZOOM * size, 4), np.uint8)

    def fill(self, points: np.ndarray, colour: np.ndarray) -> None:
        """Fills a polygon with an RGB colour."""
        fixed = _fixed(points)
        cv2.fillPoly(self.pixels, [fixed], (*colour, 255), cv2.LINE_8, _SHIFT)

    def line(
        self, points: np.ndarray, colour: np.ndarray, width: float, closed: bool = False
    ) -> None:
        """Draws a line, at least half a photo pixel wide."""
        thick = max(1, round(width / 2**_SHIFT))
        cv2.polylines(
            self.pixels,
            [_fixed(points)],
            closed,
            (*colour, 255),
            thick,
            cv2.LINE_8,
            _SHIFT,
        )

    def disc(self, centre: np.ndarray, colour: np.ndarray, radius: float) -> None:
        """Fills a circle around a point [2]."""
        x, y = centre
        cv2.circle(
            self.pixels,
            (int(x) + _ORIGIN, int(y) + _ORIGIN),
            int(radius),
            (*colour, 255),
            -1,
            cv2.LINE_8,
            _SHIFT,
        )

    @contextlib.contextmanager
    def inside(self, outline: np.ndarray) -> Iterator[None]:
        """Keeps what is drawn meanwhile only inside a polygon.

        It may stand out of the polygon's box by half the box's longer side.
        """
        fixed = _fixed(outline)
        low, high = fixed.min(axis=0) >> _SHIFT, (fixed.max(axis=0) >> _SHIFT) + 1
        reach = (high - low).max() // 2 + 1
        low = np.maximum(low - reach, 0)
        high = np.maximum(high + reach, low)
        view = self.pixels[low[1] : high[1], low[0] : high[0]]
        before = view.copy()
        yield
        if view.size:
            outside = np.full(view.shape[:2], 255, np.uint8)
            cv2.fillPoly(outside, [fixed - (low << _SHIFT)], 0, cv2.LINE_8, _SHIFT)
            cv2.copyTo(before, outside, view)

    def reduced(self) -> np.ndarray:
        """The drawing at the photo's size, uint8[size, size, 4]."""
        size = self.pixels.shape[0] // _ZOOM
        return cv2.resize(self.pixels, (size, size), interpolation=cv2.INTER_AREA)


def _fixed(points: np.ndarray) -> np.ndarray:
    return (points + _ORIGIN).astype(np.int32)


def smooth(points: np.ndarray, *, closed: bool = False) -> np.ndarray:
    """A dense Catmull–Rom curve through points [N, D]."""
    return _spline(len(points), closed) @ points


@functools.cache
def _spline(count: int, closed: bool, steps: int = 5) -> np.ndarray:
    """Weights float64[M, count] of the points on the curve."""
    t = np.arange(steps) / steps
    basis = 0.5 * np.stack(
        [
            -t + 2 * t**2 - t**3,
            2 - 5 * t**2 + 3 * t**3,
            t + 4 * t**2 - 3 * t**3,
            -(t**2) + t**3,
        ],
        axis=1,
    )
    segments = count if closed else count - 1
    weights = np.zeros((segments * steps, count))
    for segment in range(segments):
        rows = slice(segment * steps, (segment + 1) * steps)
        for offset in range(4):
            index = segment + offset - 1
            index = index % count if closed else min(max(index, 0), count - 1)
            weights[rows, index] += basis[:, offset]
    return weights if closed else np.concatenate([weights, np.eye(count)[-1:]])
