"""Cutting masks out of photos of people who wear one.

The landmarks bound where the mask can be, a polygon from the nose bridge and the jaw;
inside it GrabCut separates the sheet from the skin, hair and clothes around.

References:
  Rother et al., "GrabCut: Interactive Foreground Extraction using Iterated Graph
  Cuts", SIGGRAPH 2004.
"""

import cv2
import numpy as np

from maskarc import geometry
from maskarc.landmarks import layouts, pose
from maskarc.masks import light, types

# The polygon: nose bridge, then the jaw.
OUTLINE = np.array([28, *range(1, 16)])
# What a well-worn mask covers: nose from above the tip, and mouth.
COVERED = np.array([29, 30, 31, 33, 35, *range(48, 60)])
# Least width and height of the lower face in pixels.
MIN_FACE = 32
# Longer side of a cut-out in pixels; larger faces are scaled down.
MAX_SIDE = 288
# Width of the border around the landmarks of the lower face, as a share of its width.
_MARGIN = 0.2
# How far a mask may reach beyond the polygon, as a share of its width.
_REACH = 0.08
# Distance in Lab, with lightness weighted by 0.4, of colours that one surface may show.
_SAME_SURFACE = 20.0


class NoMaskError(ValueError):
    """A face on which no mask can be made out; the message says why."""


def extract(
    photo: np.ndarray, landmarks: np.ndarray, *, name: str, source: str = ""
) -> types.Mask:
    """Cuts the mask off one face of a photo and turns it upright.

    Args:
      photo: uint8[H, W, 3], RGB.
      landmarks: float[68, 2] of the masked face, (x, y) in pixels.
      name: for the mask.
      source: file name of the photo.

    Returns:
      A `Mask` of kind "photo" with all 68 landmarks.

    Raises:
      NoMaskError: no mask can be told from the skin, something covers it, or the lower
        face reaches out of the photo or is smaller than MIN_FACE.
    """
    height, width = photo.shape[:2]
    upright, points = _upright_crop(photo, landmarks)
    skin = light.skin_luminance(photo, landmarks)
    if skin is None:
        raise NoMaskError("the eyes are outside the photo")
    alpha = _separate(upright, points)
    return types.Mask(
        name=name,
        kind=types.PHOTO,
        rgba=np.dstack([upright, alpha]),
        landmarks=points,
        indices=np.arange(68),
        pose=pose.head_pose(points),
        luminance=skin,
        source=source,
        source_size=(width, height),
    )


def _upright_crop(
    photo: np.ndarray, landmarks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The lower face with the roll undone, at most MAX_SIDE large, and its landmarks."""
    landmarks = np.asarray(landmarks, np.float64)
    limits = np.array([photo.shape[1], photo.shape[0]]) - 0.5
    polygon = landmarks[OUTLINE]
    if (polygon < -0.5).any() or (polygon > limits).any():
        raise NoMaskError("the lower face reaches out of the photo")
    roll = pose.head_pose(landmarks).roll
    cos, sin = np.cos(roll), np.sin(roll)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0]])
    points = geometry.transform(landmarks, turn)
    lower = points[[27, *range(17)]]
    low, high = lower.min(axis=0), lower.max(axis=0)
    if min(high - low) < MIN_FACE:
        raise NoMaskError(f"the lower face is smaller than {MIN_FACE} pixels")
    margin = _MARGIN * (high[0] - low[0])
    size = np.ceil(high - low + 2 * margin).astype(int)
    turn[:, 2] = margin - low
    crop = cv2.warpAffine(photo, turn, size.tolist(), borderMode=cv2.BORDER_REPLICATE)
    points = geometry.transform(landmarks, turn)
    if size.max() > MAX_SIDE:
        small = np.rint(size * (MAX_SIDE / size.max())).astype(int)
        points = (points + 0.5) * (small / size) - 0.5
        crop = cv2.resize(crop, small.tolist(), interpolation=cv2.INTER_AREA)
    return crop, points


def _separate(crop: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Alpha uint8[h, w] of the mask in an upright crop."""
    polygon = _filled(points[OUTLINE], crop.shape)
    width = float(np.sqrt(polygon.sum()))
    core = _core(points, crop.shape)
    if width < MIN_FACE / 2 or not core.any():
        raise NoMaskError("the lower face is turned away")
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB)
    to_skin, to_sheet = _colour_distances(lab, points, core)
    skin_like = (to_skin < to_sheet) & (to_skin < _SAME_SURFACE)
    trimap = _trimap(polygon, core, skin_like, points, width)
    cv2.setRNGSeed(0)
    cv2.grabCut(lab, trimap, None, None, None, 4, cv2.GC_INIT_WITH_MASK)
    sheet = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    sheet = _one_piece(sheet, core, width)
    # A mask is taut: notches in its outline are parts that resemble what lies behind.
    notches = polygon & ~skin_like & (to_sheet < _SAME_SURFACE)
    sheet = _one_piece(sheet | (_hull(sheet) & notches), core, width)
    _check_plausible(sheet, polygon, skin_like | (to_sheet > _SAME_SURFACE), points)
    soft = cv2.GaussianBlur(sheet * 255.0, (0, 0), 0.012 * width)
    return np.clip(2 * soft - 255, 0, 255).astype(np.uint8)


def _check_plausible(
    sheet: np.ndarray, polygon: np.ndarray, foreign: np.ndarray, points: np.ndarray
) -> None:
    """Raises NoMaskError for a sheet that cannot be a whole mask and nothing else."""
    share = (sheet & polygon).sum() / polygon.sum()
    if share < 0.5:
        raise NoMaskError(f"only {share:.0%} of the lower face differs from the skin")
    covered = foreign[sheet > 0].mean()
    if covered > 0.15:
        raise NoMaskError(f"{covered:.0%} of the mask look like skin or something else")
    solidity = sheet.sum() / _hull(sheet).sum()
    if solidity < 0.85:
        raise NoMaskError(f"a ragged outline: {1 - solidity:.0%} of its hull is missing")
    chin = 0.6 * points[7:10] + 0.4 * points[[58, 57, 56]]
    x, y = np.rint(np.concatenate([points[COVERED], chin])).astype(int).T
    bare = 1 - sheet[y, x].mean()
    if bare > 0.17:
        raise NoMaskError(f"{bare:.0%} of nose, mouth and chin are bare")


def _filled(polygon: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inside of a polygon [K, 2], concave or not, as 0 and 1, uint8[h, w]."""
    inside = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(polygon * 16).astype(np.int32)], 1, shift=4)
    return inside


def _hull(sheet: np.ndarray) -> np.ndarray:
    """The convex hull of a binary image's ones, uint8[h, w]."""
    ones = cv2.findNonZero(sheet)
    return sheet if ones is None else _filled(cv2.convexHull(ones)[:, 0], sheet.shape)


def _core(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What every mask covers: from the nose tip over the mouth half-way to the jaw."""
    mouth = points[[48, 54, 51, 57]].mean(axis=0)
    jaw = mouth + 0.5 * (points[4:13] - mouth)
    hull = cv2.convexHull(np.float32([points[30], points[48], points[54], *jaw]))
    return _filled(hull[:, 0], shape)


def _colour_distances(
    lab: np.ndarray, points: np.ndarray, core: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances float32[h, w] of each pixel's colour to the skin's and to the mask's."""
    height, width = lab.shape[:2]
    skin = np.rint(light.skin_points(points)).astype(int)
    skin = skin[((skin >= 0) & (skin < (width, height))).all(axis=1)]
    if len(skin) < 5:
        raise NoMaskError("too little skin shows to compare the mask with")
    # Within a surface the light varies: lightness tells less than colour.
    colours = cv2.blur(lab, (3, 3)) * np.float32([0.4, 1, 1])
    bare = np.median(colours[skin[:, 1], skin[:, 0]], axis=0)
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0)
    sample = colours[core > 0][:: max(1, core.sum() // 2000)]
    _, _, sheet = cv2.kmeans(sample, 4, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    distances = np.hypot.reduce(sheet - bare, axis=1)
    # A finger on the mask is a cluster of skin.
    sheet = sheet[distances >= min(10.0, distances.max())]
    to_sheet = [np.hypot.reduce(colours - centre, axis=2) for centre in sheet]
    from_skin = colours - bare
    # Skin is often darker, in shadow, and seldom brighter than around the eyes.
    from_skin[..., 0] *= np.where(from_skin[..., 0] < 0, 0.4, 1)
    return np.hypot.reduce(from_skin, axis=2), np.min(to_sheet, axis=0)


def _trimap(
    polygon: np.ndarray,
    core: np.ndarray,
    skin_like: np.ndarray,
    points: np.ndarray,
    width: float,
) -> np.ndarray:
    """GrabCut's start: surely the mask, probably, probably not, surely not."""
    reach = 2 * max(1, round(_REACH * width)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    trimap = np.full(polygon.shape, cv2.GC_BGD, np.uint8)
    trimap[cv2.dilate(polygon, kernel) > 0] = cv2.GC_PR_BGD
    trimap[(polygon > 0) & ~skin_like] = cv2.GC_PR_FGD
    for eye in (layouts.LEFT_EYE, layouts.RIGHT_EYE):
        hull = cv2.convexHull(np.float32(points[eye]))
        trimap[_filled(hull[:, 0], polygon.shape) > 0] = cv2.GC_BGD
    trimap[(core > 0) & ~skin_like] = cv2.GC_FGD
    return trimap


def _one_piece(sheet: np.ndarray, core: np.ndarray, width: float) -> np.ndarray:
    """The part of a binary image around the core, smoothed, without tails and holes."""
    size = 2 * max(1, round(0.03 * width)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    sheet = cv2.morphologyEx(sheet, cv2.MORPH_CLOSE, kernel)
    sheet = cv2.morphologyEx(sheet, cv2.MORPH_OPEN, kernel)
    _, parts = cv2.connectedComponents(sheet)
    sizes = np.bincount(parts[core > 0], minlength=2)
    sizes[0] = 0
    part = np.uint8(parts == sizes.argmax()) if sizes.any() else np.zeros_like(sheet)
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(part, outlines, -1, 1, cv2.FILLED)
