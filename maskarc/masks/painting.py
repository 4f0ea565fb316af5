"""Brushes for drawn masks: fields over a grid of sheet coordinates (see `surface`).

A field is float32[h, w]; shares lie in [0, 1].
"""

import dataclasses
import functools

import numpy as np

from maskarc.masks import styles, surface
from maskarc.opencv import cv2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """A canvas of the whole sheet.

    Attributes:
      scale: pixels per face unit.
    """

    scale: int

    @functools.cached_property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        left, top, right, bottom = surface.EXTENT
        return round((bottom - top) * self.scale), round((right - left) * self.scale)

    @functools.cached_property
    def u(self) -> np.ndarray:
        """u of the pixels' centres, float32[1, w]."""
        x = (np.arange(self.shape[1], dtype=np.float32) + 0.5) / self.scale
        return (x + np.float32(surface.EXTENT[0]))[None]

    @functools.cached_property
    def v(self) -> np.ndarray:
        """v of the pixels' centres, float32[h, 1]."""
        y = (np.arange(self.shape[0], dtype=np.float32) + 0.5) / self.scale
        return (y + np.float32(surface.EXTENT[1]))[:, None]

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Sheet coordinates [N, 2] in this canvas's pixels, 4 fractional bits."""
        flat = (np.asarray(points) - surface.EXTENT[:2]) * self.scale - 0.5
        return np.rint(flat * 16).astype(np.int32)

    def filled(self, outline: np.ndarray) -> np.ndarray:
        """Coverage of a polygon [N, 2]."""
        canvas = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(canvas, [self.pixels(outline)], 255, cv2.LINE_AA, 4)
        return canvas.astype(np.float32) / 255

    def distance(self, lines: list[np.ndarray]) -> np.ndarray:
        """Distance in face units from lines, each [N, 2]."""
        canvas = np.full(self.shape, 255, np.uint8)
        for line in lines:
            cv2.polylines(canvas, [self.pixels(line)], False, 0, 1, cv2.LINE_8, 4)
        return cv2.distanceTransform(canvas, cv2.DIST_L2, 5) / np.float32(self.scale)


def both_sides(half: styles.Points) -> list[np.ndarray]:
    """A line of the right half and its mirror image, made smooth."""
    right = smooth(np.array(half))
    return [right, right * [-1, 1]]


def outline(half: styles.Points) -> np.ndarray:
    """The closed outline float64[N, 2] of a right half between two points at u = 0."""
    right = np.array(half)
    points = np.concatenate([right, right[-2:0:-1] * [-1, 1]])
    for _ in range(3):
        following = np.roll(points, -1, axis=0)
        cut = [0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following]
        points = np.stack(cut, axis=1).reshape(-1, 2)
    return points


def smooth(points: np.ndarray) -> np.ndarray:
    """Chaikin's corner cutting of an open line [N, 2]; its ends stay."""
    for _ in range(3):
        before, after = points[:-1], points[1:]
        cut = [0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after]
        inner = np.stack(cut, axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], inner, points[-1:]])
    return points


def ridge(offset: np.ndarray, width: float) -> np.ndarray:
    """A fold's profile across: dark on one side, bright on the other, in [-1, 1]."""
    z = offset / width
    return np.float32(np.e**0.5) * z * np.exp(np.float32(-0.5) * z * z)


def bell(offset: np.ndarray, width: float) -> np.ndarray:
    """A soft line: 1 in its middle, none beyond about two widths."""
    return np.exp(np.float32(-0.5) * np.square(offset / np.float32(width)))


def dashes(distance: np.ndarray, along: np.ndarray, offset: float) -> np.ndarray:
    """Stitches at a distance from a line; `along` counts in face units."""
    return bell(distance - offset, 0.006) * (np.sin(along * 2 * np.pi / 0.05) > -0.3)


@functools.lru_cache(maxsize=2)
def grain(grid: Grid, is_woven: bool) -> np.ndarray:
    """The fabric's own relief about 0, with a deviation of about 1; read-only."""
    rng = np.random.default_rng(7)
    noise = rng.standard_normal(grid.shape, np.float32)
    fine, coarse = (
        np.asarray(cv2.GaussianBlur(noise, (0, 0), grid.scale / divisor))
        for divisor in (90, 7)
    )
    fine, coarse = fine / fine.std(), coarse / coarse.std()
    if is_woven:
        weave = np.sin(grid.u * 2 * np.pi / 0.035) * np.sin(grid.v * 2 * np.pi / 0.035)
        return 0.5 * fine + 0.8 * coarse + 0.5 * weave
    return 0.4 * fine + 0.9 * coarse
