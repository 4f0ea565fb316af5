"""Telling a worn mask from skin, hair and clothes around it.

The landmarks bound where the mask can be: a polygon from nose bridge and jaw. Colours
say what in it resembles the bare skin and what the middle of the mask; GrabCut, begun
with that, finds the edge; and what it finds has to look like a whole mask.

References:
  Rother et al., "GrabCut: Interactive Foreground Extraction using Iterated Graph
  Cuts", SIGGRAPH 2004.
"""

import numpy as np

from maskarc.landmarks import layouts
from maskarc.masks import light
from maskarc.opencv import cv2

# The polygon: nose bridge, then the jaw.
OUTLINE = np.array([28, *range(1, 16)])
# What a well-worn mask covers: the nose from above its tip, and the mouth.
COVERED = np.array([29, 30, 31, 33, 35, *range(48, 60)])

# How far a mask may reach beyond the polygon, as a share of its width.
_REACH = 0.08
# Width of tails, such as straps, that are cut off; a share of the polygon's width.
_TAIL = 0.06
# Softness of the edge, likewise.
_SOFT = 0.012
# Lab with lightness weighted less: within a surface the light varies, not the colour.
_LAB_WEIGHTS = np.array([0.4, 1, 1], np.float32)
# Distance in weighted Lab of colours that one surface may show.
_SAME_SURFACE = 20.0
# Distance below which a colour in the middle of the mask is a finger's.
_SAME_SKIN = 10.0

# Thresholds of a plausible mask, as shares of: the polygon that it fills, its pixels
# that are unlike it, its convex hull that it lacks, and the points it leaves bare.
_LEAST_FILL, _MOST_FOREIGN, _MOST_RAGGED, _MOST_BARE = 0.5, 0.15, 0.15, 0.12


class NoMaskError(ValueError):
    """A face on which no mask can be made out; the message says why."""


def separate(crop: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Finds the mask in an upright picture of a lower face.

    Args:
      crop: uint8[h, w, 3], RGB.
      points: float[68, 2], the landmarks, (x, y) in pixels.

    Returns:
      The mask's alpha, uint8[h, w], soft at the edge.

    Raises:
      NoMaskError: no whole mask is to be seen.
    """
    polygon = _filled(points[OUTLINE], crop.shape)
    core = _core(points, crop.shape)
    if core.sum() < 64:
        raise NoMaskError("the lower face is turned away")
    width = float(np.sqrt(polygon.sum()))
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB)
    to_skin, to_sheet = _colour_distances(lab, points, core)
    skin_like = (to_skin < to_sheet) & (to_skin < _SAME_SURFACE)
    trimap = _trimap(polygon, core, skin_like, points, width)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(lab, trimap, (0, 0, 0, 0), *models, 4, cv2.GC_INIT_WITH_MASK)
    sheet = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    sheet = _one_piece(sheet, core, width)
    # A mask is taut: notches in its outline are parts that resemble what lies behind.
    notches = polygon * (~skin_like & (to_sheet < _SAME_SURFACE))
    sheet = _one_piece(sheet | (_hull(sheet) & notches), core, width)
    foreign = skin_like | (to_sheet > _SAME_SURFACE)
    _check_plausible(sheet, polygon, foreign, points)
    soft = cv2.GaussianBlur(sheet * 255.0, (0, 0), _SOFT * width)
    return np.clip(np.rint(2 * soft - 255), 0, 255).astype(np.uint8)


def _check_plausible(
    sheet: np.ndarray, polygon: np.ndarray, foreign: np.ndarray, points: np.ndarray
) -> None:
    """Raises NoMaskError for a sheet that cannot be a whole mask and nothing else."""
    fill = (sheet & polygon).sum() / polygon.sum()
    if fill < _LEAST_FILL:
        raise NoMaskError(f"only {fill:.0%} of the lower face differs from the skin")
    unlike = foreign[sheet > 0].mean()
    if unlike > _MOST_FOREIGN:
        raise NoMaskError(f"{unlike:.0%} of the mask look like skin or something else")
    ragged = 1 - sheet.sum() / _hull(sheet).sum()
    if ragged > _MOST_RAGGED:
        raise NoMaskError(f"a ragged outline: {ragged:.0%} of its hull is missing")
    chin = 0.6 * points[[7, 8, 9]] + 0.4 * points[[58, 57, 56]]
    x, y = np.rint(np.concatenate([points[COVERED], chin])).astype(int).T
    bare = 1 - sheet[y, x].mean()
    if bare > _MOST_BARE:
        raise NoMaskError(f"{bare:.0%} of nose, mouth and chin are bare")


def _core(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What every mask covers: from the nose tip over the mouth half-way to the jaw."""
    mouth = points[[48, 54, 51, 57]].mean(axis=0)
    jaw = mouth + 0.5 * (points[4:13] - mouth)
    return _filled_hull(np.concatenate([points[[30, 48, 54]], jaw]), shape)


def _colour_distances(
    lab: np.ndarray, points: np.ndarray, core: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances float32[h, w] of each pixel's colour from the skin's and the mask's."""
    height, width = lab.shape[:2]
    skin = np.rint(light.skin_points(points)).astype(int)
    skin = skin[((skin >= 0) & (skin < (width, height))).all(axis=1)]
    if len(skin) < 5:
        raise NoMaskError("too little skin shows to compare the mask with")
    colours = cv2.blur(lab, (3, 3)) * _LAB_WEIGHTS
    bare = np.median(colours[skin[:, 1], skin[:, 0]], axis=0)
    sheet = _main_colours(colours[core > 0])
    distances = np.linalg.norm(sheet - bare, axis=1)
    sheet = sheet[distances >= min(_SAME_SKIN, distances.max())]
    to_sheet = np.min([np.linalg.norm(colours - c, axis=2) for c in sheet], axis=0)
    from_skin = colours - bare
    # Skin is often darker, in shadow, and seldom brighter than around the eyes.
    from_skin[..., 0] *= np.where(from_skin[..., 0] < 0, 0.4, 1)
    return np.linalg.norm(from_skin, axis=2), to_sheet


def _main_colours(colours: np.ndarray) -> np.ndarray:
    """Four cluster centres float32[4, 3] of colours float32[N, 3]."""
    sample = colours[:: max(1, len(colours) // 2000)]
    labels = np.zeros((len(sample), 1), np.int32)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0.0)
    cv2.setRNGSeed(0)
    _, _, centres = cv2.kmeans(sample, 4, labels, stop, 1, cv2.KMEANS_PP_CENTERS)
    return np.asarray(centres)


def _trimap(
    polygon: np.ndarray,
    core: np.ndarray,
    skin_like: np.ndarray,
    points: np.ndarray,
    width: float,
) -> np.ndarray:
    """GrabCut's start: surely the mask, probably, probably not, surely not."""
    trimap = np.full(polygon.shape, cv2.GC_BGD, np.uint8)
    trimap[cv2.dilate(polygon, _disc(_REACH * width)) > 0] = cv2.GC_PR_BGD
    trimap[(polygon > 0) & ~skin_like] = cv2.GC_PR_FGD
    for eye in (layouts.LEFT_EYE, layouts.RIGHT_EYE):
        trimap[_filled_hull(points[eye], polygon.shape) > 0] = cv2.GC_BGD
    trimap[(core > 0) & ~skin_like] = cv2.GC_FGD
    return trimap


def _one_piece(sheet: np.ndarray, core: np.ndarray, width: float) -> np.ndarray:
    """The part of a binary image around the core, smoothed, without tails and holes."""
    kernel = _disc(_TAIL / 2 * width)
    sheet = cv2.morphologyEx(sheet, cv2.MORPH_CLOSE, kernel)
    sheet = cv2.morphologyEx(sheet, cv2.MORPH_OPEN, kernel)
    _, parts = cv2.connectedComponents(sheet)
    sizes = np.bincount(np.asarray(parts)[core > 0], minlength=2)
    sizes[0] = 0
    part = (parts == (sizes.argmax() or -1)).astype(np.uint8)
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(part, outlines, -1, 1, cv2.FILLED)
    return part


def _disc(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def _hull(sheet: np.ndarray) -> np.ndarray:
    """The convex hull of a binary image's ones, uint8[h, w]."""
    y, x = np.nonzero(sheet)
    return _filled_hull(np.stack([x, y], axis=1), sheet.shape) if len(x) else sheet


def _filled_hull(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inside of the convex hull of points [K, 2] as 0 and 1, uint8[h, w]."""
    return _filled(cv2.convexHull(points.astype(np.float32))[:, 0], shape)


def _filled(polygon: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inside of a polygon [K, 2], concave or not, as 0 and 1, uint8[h, w]."""
    inside = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(polygon * 16).astype(np.int32)], (1,), shift=4)
    return inside
