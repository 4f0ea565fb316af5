"""Masks drawn by code, so that everything works without a photo of a mask.

A drawing lives on the frontal mean face. Its units are the mean face's: x to the right,
y down, the origin between the eyes, the eye centres 1 apart. Each field of `Style` is
one visible property; a new mask is a new `Style`.
"""

import dataclasses
import functools

import cv2
import numpy as np

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.masks import light, types

# Pixels per unit of a drawing, and how much finer it is painted before averaging.
SCALE = 128
_FINER = 2
# The canvas in face units: left, top, right, bottom.
_CANVAS = (-1.3, -0.15, 1.3, 2.05)

# Right halves of outlines, from the top of the nose bridge to below the chin.
_SURGICAL = (
    (0.00, 0.10), (0.14, 0.15), (0.30, 0.30), (0.55, 0.38), (0.80, 0.41), (0.97, 0.43),
    (1.02, 0.70), (1.02, 1.00), (0.98, 1.20), (0.84, 1.40), (0.60, 1.60), (0.35, 1.74),
    (0.00, 1.80),
)  # fmt: skip
_CUP = (
    (0.00, 0.04), (0.16, 0.10), (0.32, 0.28), (0.52, 0.40), (0.74, 0.52), (0.90, 0.68),
    (0.98, 0.92), (0.96, 1.16), (0.86, 1.36), (0.64, 1.56), (0.36, 1.74), (0.00, 1.82),
)  # fmt: skip
_CLOTH = (
    (0.00, 0.08), (0.15, 0.13), (0.32, 0.30), (0.56, 0.36), (0.82, 0.44), (1.00, 0.55),
    (1.05, 0.80), (1.02, 1.08), (0.97, 1.22), (0.84, 1.41), (0.62, 1.61), (0.35, 1.76),
    (0.00, 1.82),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style:
    """How a mask looks.

    Attributes:
      outline: right half of the outline, (x, y) in face units, top to bottom.
      colour: RGB of the sheet in full light.
      band: width of the edge band in face units; 0 for none.
      band_colour: RGB of the band and the ear loops.
      pleats: y of the horizontal folds in the middle of the face, in face units.
      seam: whether a seam runs down the middle.
      checks: side of a check pattern in face units; 0 for plain.
      check_colour: RGB of its dark squares.
      straps: y at which the ear loops leave the mask's sides, in face units.
    """

    outline: tuple[tuple[float, float], ...]
    colour: tuple[int, int, int]
    band: float = 0.0
    band_colour: tuple[int, int, int] = (245, 245, 245)
    pleats: tuple[float, ...] = ()
    seam: bool = False
    checks: float = 0.0
    check_colour: tuple[int, int, int] = (0, 0, 0)
    straps: tuple[float, ...] = ()


# name → (kind, style)
STYLES: dict[str, tuple[str, Style]] = {
    "surgical_blue": (
        "surgical",
        Style(
            outline=_SURGICAL,
            colour=(142, 190, 219),
            band=0.06,
            band_colour=(176, 212, 232),
            pleats=(0.72, 0.98, 1.24),
            straps=(0.5, 1.18),
        ),
    ),
    "surgical_white": (
        "surgical",
        Style(
            outline=_SURGICAL,
            colour=(228, 232, 233),
            band=0.06,
            band_colour=(240, 242, 242),
            pleats=(0.72, 0.98, 1.24),
            straps=(0.5, 1.18),
        ),
    ),
    "n95_white": (
        "n95",
        Style(
            outline=_CUP,
            colour=(236, 235, 230),
            band=0.07,
            band_colour=(226, 225, 220),
            seam=True,
        ),
    ),
    "cloth_black": (
        "cloth",
        Style(
            outline=_CLOTH,
            colour=(38, 38, 42),
            band=0.04,
            band_colour=(30, 30, 34),
            seam=True,
            straps=(0.62, 1.1),
        ),
    ),
    "cloth_checked": (
        "cloth",
        Style(
            outline=_CLOTH,
            colour=(205, 196, 186),
            band=0.05,
            band_colour=(150, 60, 60),
            checks=0.16,
            check_colour=(150, 60, 60),
            straps=(0.62, 1.1),
        ),
    ),
}


@functools.lru_cache(maxsize=1)
def builtin_masks() -> tuple[types.Mask, ...]:
    """The built-in drawings, one a style, drawn once a process."""
    return tuple(draw(name, kind, style) for name, (kind, style) in STYLES.items())


def draw(name: str, kind: str, style: Style) -> types.Mask:
    """Draws one mask on the frontal mean face, with all 68 landmarks."""
    x, y = _grid()
    outline = _smooth_closed(_mirrored_outline(style.outline))
    alpha, distance = _sheet(outline, x.shape)
    colour = np.broadcast_to(np.array(style.colour, np.float32), (*x.shape, 3))
    if style.checks:
        colour = _mix(colour, style.check_colour, _checks(x, y, style.checks))
    if style.band:
        band = np.clip((style.band - distance) / 0.01 + 0.5, 0, 1)
        colour = _mix(colour, style.band_colour, band)
    colour = colour * _shade(x, y, distance, style)[..., None]
    for height in style.straps:
        strap = _strap(x, y, height) * (1 - alpha)
        colour = _mix(colour, style.band_colour, strap)
        alpha = np.maximum(alpha, strap)
    rgba = np.dstack([np.clip(colour, 0, 255), 255 * alpha]).astype(np.float32)
    size = (x.shape[1] // _FINER, x.shape[0] // _FINER)
    rgba = np.rint(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA))
    return types.Mask(
        name=name,
        kind=kind,
        rgba=rgba.astype(np.uint8),
        landmarks=(layouts.MEAN_FACE[:, :2] - _CANVAS[:2]) * SCALE - 0.5,
        indices=np.arange(68),
        pose=geometry.Pose(yaw=0.0, pitch=0.0, roll=0.0),
        luminance=light.USUAL,
    )


def _mix(
    colour: np.ndarray, other: tuple[int, int, int], share: np.ndarray
) -> np.ndarray:
    """Colours [h, w, 3] with a share [h, w] in [0, 1] of another one."""
    return colour + share[..., None] * (np.array(other, np.float32) - colour)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """Face coordinates float32[h, w] of the fine canvas's pixel centres."""
    step = 1 / (SCALE * _FINER)
    left, top, right, bottom = _CANVAS
    width, height = round((right - left) / step), round((bottom - top) / step)
    x = left + (np.arange(width, dtype=np.float32) + 0.5) * step
    y = top + (np.arange(height, dtype=np.float32) + 0.5) * step
    return np.meshgrid(x, y)


def _mirrored_outline(half: tuple[tuple[float, float], ...]) -> np.ndarray:
    """The closed outline float64[N, 2] of a right half between two points at x = 0."""
    right = np.array(half)
    return np.concatenate([right, right[-2:0:-1] * [-1, 1]])


def _smooth_closed(points: np.ndarray) -> np.ndarray:
    """Chaikin's corner cutting of a closed polygon [N, 2]: eight points for each."""
    for _ in range(3):
        following = np.roll(points, -1, axis=0)
        cut = [0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following]
        points = np.stack(cut, axis=1).reshape(-1, 2)
    return points


def _sheet(
    outline: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage in [0, 1] and distance to the edge in face units, both float32[h, w]."""
    pixels = (outline - _CANVAS[:2]) * (SCALE * _FINER) - 0.5
    filled = np.zeros(shape, np.uint8)
    fixed = np.rint(pixels * 16).astype(np.int32)
    cv2.fillPoly(filled, [fixed], 255, lineType=cv2.LINE_AA, shift=4)
    distance = cv2.distanceTransform(filled // 128, cv2.DIST_L2, 5)
    return filled.astype(np.float32) / 255, distance / np.float32(SCALE * _FINER)


def _ridge(offset: np.ndarray, width: float) -> np.ndarray:
    """A fold's profile across: dark on one side, bright on the other, in [-1, 1]."""
    z = offset / width
    return np.float32(np.e**0.5) * z * np.exp(-0.5 * z * z)


def _shade(
    x: np.ndarray, y: np.ndarray, distance: np.ndarray, style: Style
) -> np.ndarray:
    """Brightness factors float32[h, w]: a bulging sheet, its folds and its edge."""
    shade = 1.04 - 0.22 * np.abs(x) ** 2.2
    # Lit from above: darker towards the chin, bright along the nose.
    shade -= 0.16 / (1 + np.exp(-(y - 1.35) / 0.12))
    shade += 0.05 * np.exp(-((x / 0.16) ** 2) - ((y - 0.38) / 0.28) ** 2)
    # Hollows beside the nose.
    hollow = np.exp(-(((np.abs(x) - 0.33) / 0.12) ** 2) - ((y - 0.45) / 0.18) ** 2)
    shade -= 0.07 * hollow
    for height in style.pleats:
        # Pleats hang towards the middle and flatten out at the sides.
        offset = y - (height + 0.07 * np.cos(np.pi / 2 * x) * (height - 0.5))
        shade += 0.09 * _ridge(offset, 0.025)
    if style.seam:
        shade += 0.05 * _ridge(x, 0.018) - 0.05 * np.exp(-((x / 0.012) ** 2))
    # The edge turns towards the skin.
    return shade - 0.12 * np.exp(-distance / 0.03)


def _checks(x: np.ndarray, y: np.ndarray, side: float) -> np.ndarray:
    """A gingham pattern in [0, 1]: stripes both ways, darkest where they cross."""
    softness = 0.02
    across, down = (
        np.clip(np.sin(np.pi * (v / side)) / (softness * np.pi / side) + 0.5, 0, 1)
        for v in (x + side / 2, y)
    )
    return 0.5 * (across + down)


def _strap(x: np.ndarray, y: np.ndarray, height: float) -> np.ndarray:
    """Coverage in [0, 1] of a cord on either side, from the sheet to the ear."""
    start, ear = np.array([0.9, height]), np.array([1.16, 0.36])
    length = np.hypot(*(ear - start))
    along = (ear - start) / length
    right = np.stack([np.abs(x), y], axis=-1) - start
    nearest = np.clip(right @ along, 0, length)[..., None] * along
    distance = np.linalg.norm(right - nearest, axis=-1)
    return np.clip((0.018 - distance) * SCALE + 0.5, 0, 1).astype(np.float32)
