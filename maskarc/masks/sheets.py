"""Carrying a drawn mask onto a face: a lit sheet in space that a camera sees."""

import functools

import numpy as np

from maskarc import geometry
from maskarc.masks import (
    creases,
    cutouts,
    drawing,
    dyeing,
    light,
    relief,
    types,
    variation,
    warping,
    wear,
)
from maskarc.opencv import cv2

# Brightness of a cell that looks away from the light, and of one that looks into it.
_AMBIENT, _BRIGHTEST = 0.46, 1.20
_GLOSS_POWER = 14
# How suddenly bright fabric bends off.
_KNEE = 14
# Pixels per face unit below which a coarse mesh is as good as a fine one.
_SMALL = 60.0
# How far the lower edge goes in a full profile, (x, y, z) in face units.
_PROFILE = np.array([0.0, 0.12, -0.07])
# Pixels that a soft edge needs.
_MARGIN = 3
# Triangles of fewer pixels are covered by their neighbours' borders.
_LEAST_AREA = 0.2


def place(
    shape: tuple[int, ...],
    landmarks: np.ndarray,
    sheet: types.Sheet,
    varied: variation.Variation,
    lit: light.Light,
    *,
    is_mirrored: bool = False,
    margin: int = 0,
) -> cutouts.Placed:
    """Hangs a drawn mask on landmarks.

    Args:
      shape: of the photo.
      landmarks: float64[68, 2].
      sheet: the drawing.
      varied: how it is dyed and worn.
      lit: the light on the face.
      is_mirrored: whether the sheet is the mirror image of the one drawn.
      margin: pixels around the mask that the result has too, beyond its soft edge.

    Returns:
      Where it lies.

    Raises:
      ValueError: the landmarks do not span a face, or the mask shows nothing.
    """
    camera = relief.camera_of(landmarks)
    if not relief.spans_a_face(camera):
        raise cutouts.NoFaceError
    is_small = relief.unit_of(camera) * varied.scale < _SMALL
    detail = relief.COARSE if is_small else relief.FINE
    mesh = _opaque(sheet, varied.worn, is_mirrored, detail)
    away = relief.view_axis(camera)
    points = mesh.weights @ landmarks + _allowance(mesh, away) @ camera
    target = _vary(points, camera, varied)[mesh.triangles]
    areas = geometry.signed_areas(target)
    is_shown = mesh.facing(away) | (areas > 0)
    areas = np.abs(areas)
    shown = np.flatnonzero(is_shown & (areas > _LEAST_AREA))
    if not shown.size:
        raise cutouts.NoFaceError
    # The farthest first: nearer ones cover what they hide.
    order = shown[np.argsort(-mesh.depths(away)[shown], kind="stable")]
    source, target = mesh.source[mesh.triangles[order]], target[order]
    height, width = sheet.fabric.shape
    shrink = (
        np.abs(geometry.signed_areas(source)).sum()
        * width
        * height
        / areas[order].sum()
    )
    level = max(0, round(np.log2(shrink)))
    picture = dyeing.dyed(sheet, varied.dye, level, drawing.SCALE)
    picture = _lit(picture, mesh, camera, lit, sheet, varied, is_mirrored=is_mirrored)
    box = warping.region(target, shape, _MARGIN + margin)
    size = np.array(picture.shape[1::-1])
    layer = warping.warp(picture, source * size - 0.5, target, box)
    return cutouts.Placed(box=box, layer=_soft_edged(layer))


def _soft_edged(layer: np.ndarray) -> np.ndarray:
    """A premultiplied layer whose edges are one pixel soft, and whose inside is not.

    Where the sheet is seen edge-on, its painted edge is narrower than a pixel.
    """
    if not layer.size:
        return layer
    soft = cv2.GaussianBlur(layer, (3, 3), 0.75)
    is_edge = (soft[..., 3] < 250).astype(np.uint8)
    return np.asarray(cv2.copyTo(soft, is_edge, layer.copy()))


@functools.lru_cache(maxsize=1024)
def _opaque(
    sheet: types.Sheet, worn: wear.Wear, is_mirrored: bool, detail: tuple[int, int]
) -> relief.Relief:
    """The mesh of those cells of the sheet that show something."""
    mesh = relief.relief(sheet.form, worn, sheet.knobs, detail)
    if is_mirrored:
        mesh = mesh.mirrored()
    height, width = sheet.fabric.shape
    corners = mesh.source[mesh.triangles] * (width, height)
    low = np.floor(corners.min(axis=1)).astype(int)
    high = np.ceil(corners.max(axis=1)).astype(int)
    opacity = sheet.fixed[..., 3]
    kept = [
        bool((opacity[top:bottom, left:right] > 3).any())
        for (left, top), (right, bottom) in zip(low, high, strict=True)
    ]
    if not any(kept):
        raise ValueError("the drawing has no opaque pixel")
    return mesh.only(np.array(kept))


def _allowance(mesh: relief.Relief, away: np.ndarray) -> np.ndarray:
    """Shifts float64[P, 3] on the mean face, for profiles.

    Detectors see the chin of a profile too high and too far back.
    """
    amount = min(max((abs(float(away[0])) - 0.55) / 0.35, 0.0), 1.0)
    lower = np.clip((mesh.solid[:, 1:2] - 0.5) / 1.2, 0, 1)
    return amount * lower * _PROFILE


def _vary(
    points: np.ndarray, camera: np.ndarray, varied: variation.Variation
) -> np.ndarray:
    """Vertices [P, 2] moved and scaled about their middle."""
    if varied.scale != 1:
        middle = points.mean(axis=0)
        points = middle + varied.scale * (points - middle)
    return points + np.array(varied.shift) @ camera[:2]


def _lit(
    picture: np.ndarray,
    mesh: relief.Relief,
    camera: np.ndarray,
    lit: light.Light,
    sheet: types.Sheet,
    varied: variation.Variation,
    *,
    is_mirrored: bool,
) -> np.ndarray:
    """The picture uint8[h, w, 4] as the face's light shows it."""
    towards = _towards_light(camera, lit)
    facing = np.maximum(mesh.normals @ towards, 0)
    level = float(lit.gain.mean())
    shade = level * (_AMBIENT + (_BRIGHTEST - _AMBIENT) * facing)
    # Bends off where the brightest fabric would be blown out.
    most = max(1.0, light.HIGHLIGHT / _brightest(sheet, varied))
    shade /= (1 + (shade / most) ** _KNEE) ** (1 / _KNEE)
    size = picture.shape[1::-1]
    shade = cv2.resize(shade, size, interpolation=cv2.INTER_LINEAR)
    if sheet.creases and varied.creases is not None:
        folds = creases.shade(varied.creases, towards, is_mirrored=is_mirrored)
        folds = cv2.resize(folds, size, interpolation=cv2.INTER_LINEAR)
        shade = cv2.scaleAdd(folds, sheet.creases, shade)
    cast = (lit.gain / level).astype(np.float32)
    factors = cv2.merge([*(shade * c for c in cast), np.ones_like(shade)])
    result = cv2.multiply(picture, factors, dtype=cv2.CV_8U)
    if sheet.gloss:
        towards = towards - relief.view_axis(camera)
        towards /= np.linalg.norm(towards)
        shine = np.maximum(mesh.normals @ towards.astype(np.float32), 0) ** _GLOSS_POWER
        shine = cv2.resize(shine, size, interpolation=cv2.INTER_LINEAR)
        shine = shine * (sheet.gloss * level) * picture[..., 3]
        shine = np.minimum(shine, 255).astype(np.uint8)
        result = cv2.add(result, cv2.merge([shine] * 3 + [np.zeros_like(shine)]))
    if lit.saturation < 1:
        rgb = cv2.cvtColor(result, cv2.COLOR_RGBA2RGB)
        grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        rgb = cv2.addWeighted(rgb, lit.saturation, grey, 1 - lit.saturation, 0)
        result = cv2.merge([*cv2.split(rgb), result[..., 3]])
    return result


def _towards_light(camera: np.ndarray, lit: light.Light) -> np.ndarray:
    """The direction float32[3] towards the light, in the mean face's frame."""
    right, down = (axis / max(np.sqrt(axis @ axis), 1e-9) for axis in camera.T)
    x, y, z = lit.direction
    towards = x * right + y * down + z * relief.view_axis(camera)
    return (towards / max(np.sqrt(towards @ towards), 1e-9)).astype(np.float32)


def _brightest(sheet: types.Sheet, varied: variation.Variation) -> float:
    """Roughly the largest channel of the fabric, 1..255."""
    dye = varied.dye or sheet.dye
    if (dye.pattern or sheet.dye.pattern) is not None:
        return 235.0
    colour = dye.colour or sheet.dye.colour or (255, 255, 255)
    return 1.04 * max(*colour, 1)
