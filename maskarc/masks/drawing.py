"""Masks drawn by code, so that everything works without a photo of a mask.

A drawing is painted flat, in the sheet coordinates of `surface`; `relief` gives it its
form. What the fabric shows and what else lies on it are kept apart, so that a mask is
dyed without being drawn again.
"""

import functools
from collections.abc import Sequence

import numpy as np

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.masks import (
    dyeing,
    light,
    painting,
    styles,
    surface,
    textures,
    types,
    variation,
)
from maskarc.opencv import cv2

STYLES = styles.STYLES
# Pixels per face unit of a drawing, and how much finer it is painted before averaging.
SCALE = 96
_FINER = 2
# Opacity of the shadow on the skin beside a mask's edge, and its reach in face units.
# Below `types.SHADOW`, which tells shadow from mask.
_SHADOW, _SHADOW_REACH = 0.20, 0.045


@functools.lru_cache(maxsize=1)
def builtin_masks() -> tuple[types.Mask, ...]:
    """The built-in drawings, one a style, drawn once a process."""
    return tuple(draw(name, style) for name, style in STYLES.items())


@functools.lru_cache(maxsize=1)
def holes() -> tuple[types.Mask, ...]:
    """What is worn in comparisons with masks: `styles.HOLES`."""
    return tuple(draw(name, style) for name, style in styles.HOLES.items())


def draw(name: str, style: styles.Style) -> types.Mask:
    """Draws one mask."""
    grid = painting.Grid(scale=SCALE * _FINER)
    outline = painting.outline(style.outline)
    cover = grid.filled(outline)
    inside = _distance_inside(cover, grid.scale)
    shade = _shade(grid, inside, style)
    dyed = cover * shade
    fixed = np.zeros((4, *grid.shape), np.float32)
    if style.band:
        band = np.clip((style.band - inside) / 0.01 + 0.5, 0, 1) * cover
        _lay(fixed, dyed, style.band_colour, band, shade)
    _hardware(grid, style, fixed, dyed, shade)
    # What is not dyed is opaque where it lies; the fabric is where it does not.
    alpha = np.maximum(cover, fixed[3])
    alpha = _straps(grid, style, fixed, alpha)
    shadow = _shadow(grid, cover, outline) * (1 - alpha)
    picture = cv2.merge([*fixed[:3], 255 * (alpha + shadow)])
    size = (grid.shape[1] // _FINER, grid.shape[0] // _FINER)
    picture, dyed = (
        cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (picture, dyed)
    )
    sheet = types.Sheet(
        form=style.form,
        knobs=style.filters,
        fixed=np.rint(np.clip(picture, 0, 255)).astype(np.uint8),
        fabric=np.rint(np.clip(dyed * types.FULL, 0, 255)).astype(np.uint8),
        dye=_own_dye(style),
        gloss=style.gloss,
        creases=style.creases,
        fill=style.fill,
    )
    return types.Mask(
        name=name,
        kind=style.kind,
        rgba=_straight(sheet),
        landmarks=_landmarks_on_sheet(),
        indices=np.arange(68),
        pose=geometry.Pose(yaw=0.0, pitch=0.0, roll=0.0),
        luminance=light.USUAL,
        sheet=sheet,
    )


def _own_dye(style: styles.Style) -> variation.Dye:
    pattern = textures.pattern(style.pattern) if style.pattern else None
    return variation.Dye(colour=style.colour, pattern=pattern)


def _lay(
    fixed: np.ndarray,
    dyed: np.ndarray,
    colour: Sequence[float],
    share: np.ndarray,
    shade: np.ndarray | float = 1.0,
) -> None:
    """Lays a colour on top of fabric and all else, in place."""
    rest = 1 - share
    fixed *= rest
    dyed *= rest
    fixed[3] += share
    lit = share * shade
    for plane, channel in zip(fixed, colour, strict=False):
        plane += lit * np.float32(channel)


def _distance_inside(cover: np.ndarray, scale: int) -> np.ndarray:
    """Distance to the mask's edge in face units, 0 outside."""
    inside = (cover > 0.5).astype(np.uint8)
    return cv2.distanceTransform(inside, cv2.DIST_L2, 5) / np.float32(scale)


def _shade(grid: painting.Grid, inside: np.ndarray, style: styles.Style) -> np.ndarray:
    """Brightness factors of folds, seams and weave; the form itself is lit later."""
    u, v = grid.u, grid.v
    shade = 1.0 + 0.012 * style.bumps * painting.grain(grid, style.kind == "cloth")
    for height in style.pleats:
        # Pleats open over the mouth and flatten out at the sides.
        sag = 0.07 * np.cos(np.clip(1.1 * u, -1.5, 1.5)) * (height - 0.5)
        flat = 1 - 0.5 * np.clip(np.abs(u) / 1.3, 0, 1)
        shade = shade + 0.13 * flat * painting.ridge(v - height - sag, 0.022)
    if style.pleats:
        # Gathered at the ear loops.
        rays = np.sin(9 * np.arctan2(v - 0.98, 1.9 - np.abs(u)) * 2)
        shade = shade + 0.03 * rays * np.clip((np.abs(u) - 0.7) / 0.6, 0, 1)
    lines = [line for seam in style.seams for line in painting.both_sides(seam)]
    if lines:
        distance = grid.distance(lines)
        shade = shade - 0.16 * painting.bell(distance, 0.010)
        shade = shade + 0.05 * painting.bell(distance - 0.03, 0.012)
        if style.stitched:
            shade = shade - 0.10 * painting.dashes(distance, u + v, 0.032)
    if style.stitched and style.band:
        shade = shade - 0.07 * painting.dashes(inside, u + 0.7 * v, 0.75 * style.band)
    if style.band:
        shade = shade - 0.07 * painting.bell(inside - style.band, 0.012)
    if style.wire:
        below = np.clip(1 - np.abs(u) / 0.42, 0, 1) ** 0.3 * (v < 0.6)
        shade = shade + 0.07 * below * painting.ridge(inside - 0.085, 0.018)
    # The edge turns towards the skin.
    return shade - 0.14 * np.exp(-inside / 0.018)


def _hardware(
    grid: painting.Grid,
    style: styles.Style,
    fixed: np.ndarray,
    dyed: np.ndarray,
    shade: np.ndarray,
) -> None:
    """Valve and filters, in place."""
    if style.valve is not None:
        u, v, radius = style.valve
        colour = tuple(
            0.93 * c if sum(style.colour) > 250 else c + 22 for c in style.colour
        )
        _disc(grid, fixed, dyed, (u, v, radius), colour, rings=3)
    if style.filters is not None:
        u, v, radius = style.filters
        for side in (-1, 1):
            _disc(grid, fixed, dyed, (side * u, v, radius), (66, 67, 72), rings=6)


def _disc(
    grid: painting.Grid,
    fixed: np.ndarray,
    dyed: np.ndarray,
    place: tuple[float, float, float],
    colour: Sequence[float],
    *,
    rings: int,
) -> None:
    """A round cap with a rim and concentric rings."""
    u, v, radius = place
    distance = np.hypot(grid.u - u, grid.v - v) / np.float32(radius)
    share = np.clip((1 - distance) * radius * grid.scale / 2 + 0.5, 0, 1)
    lit = 1 + 0.16 * painting.ridge(distance - 0.86, 0.05) * np.sign(v - grid.v)
    lit += 0.10 * np.cos(distance * np.pi * 2 * rings / 2) * (distance < 0.78)
    lit -= 0.25 * painting.bell(distance - 1.0, 0.04)
    fallen = painting.bell(np.maximum(distance - 1, 0), 0.10) * (grid.v > v - radius)
    dyed *= 1 - 0.25 * fallen * (1 - share)
    _lay(fixed, dyed, colour, share, lit)


def _straps(
    grid: painting.Grid, style: styles.Style, fixed: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    """Draws the straps beneath the sheet, in place; returns alpha with them."""
    lines = [line for strap in style.straps for line in painting.both_sides(strap)]
    if not lines:
        return alpha
    distance = grid.distance(lines)
    half = style.strap_width / 2
    share = np.clip((half - distance) * grid.scale / 2 + 0.5, 0, 1) * (1 - alpha)
    lit = 1.02 - 0.35 * np.square(np.clip(distance / half, 0, 1))
    lit *= share
    for plane, channel in zip(fixed, style.strap_colour, strict=False):
        plane += lit * np.float32(channel)
    return alpha + share


def _shadow(grid: painting.Grid, cover: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Opacity of the shadow on the skin above and beside the sheet."""
    outside = (cover <= 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, 5) / np.float32(grid.scale)
    # Below the jaw there may be background instead of skin.
    height = np.clip((1.35 - grid.v) / 0.3, 0, 1)
    return _SHADOW * np.exp(-distance / _SHADOW_REACH) * height * (distance < 0.25)


def _straight(sheet: types.Sheet) -> np.ndarray:
    """The drawing in its own colours, straight alpha, without shadow."""
    picture = dyeing.dyed(sheet, None, 0, SCALE)
    alpha = types.without_shadow(picture[..., 3]).astype(np.float32)
    colour = picture[..., :3] * (
        255 / np.maximum(picture[..., 3:], 1).astype(np.float32)
    )
    rgba = np.dstack([np.clip(colour, 0, 255), alpha])
    rgba[alpha == 0] = 0
    return np.rint(rgba).astype(np.uint8)


@functools.lru_cache(maxsize=1)
def _landmarks_on_sheet() -> np.ndarray:
    """Where on the picture the mean face's landmarks lie, float32[68, 2]."""
    grid = painting.Grid(scale=32)
    u, v = np.meshgrid(grid.u[0], grid.v[:, 0])
    points = surface.drape(u, v).reshape(-1, 3)
    nearest = [
        int(((points - mark) ** 2 * [1, 1, 0.3]).sum(axis=1).argmin())
        for mark in layouts.MEAN_FACE
    ]
    flat = np.stack([u.ravel()[nearest], v.ravel()[nearest]], axis=1)
    # Above the sheet there is nothing to find: brows and eyes go on as on the face.
    above = layouts.MEAN_FACE[:, 1] < 0.1
    flat[above] = layouts.MEAN_FACE[above, :2]
    return ((flat - surface.EXTENT[:2]) * SCALE - 0.5).astype(np.float32)
