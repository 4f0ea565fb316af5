"""Cutting masks out of photos of people who wear one."""

import numpy as np

from maskarc import geometry
from maskarc.landmarks import layouts, pose
from maskarc.masks import light, separation, types
from maskarc.opencv import cv2

# Landmarks that a mask leaves bare: top of the jaw, brows, nose root, eyes.
VISIBLE = np.array([0, 1, 15, 16, *range(17, 28), *range(36, 48)])
# Least width and height of the lower face in pixels.
MIN_FACE = 32
# Least brightness of the skin, of 255: darker photos give noise.
MIN_LUMINANCE = 60
# Longer side of a cut-out in pixels; larger faces are scaled down.
MAX_SIDE = 288
# Width of the border around the landmarks of the lower face, as a share of its width.
_MARGIN = 0.2


def extract(
    photo: np.ndarray, landmarks: np.ndarray, *, name: str, source: str = ""
) -> types.Mask:
    """Cuts the mask off one face of a photo and turns it upright.

    Args:
      photo: uint8[H, W, 3], RGB; not written to.
      landmarks: float[68, 2] of the masked face, (x, y) in pixels. Only the `VISIBLE`
        ones are used: those under a mask are guesses, often too high.
      name: for the mask.
      source: file name of the photo.

    Returns:
      A `Mask` of kind "photo" with all 68 landmarks; the hidden ones are those of the
      mean face, turned and placed to fit the visible ones.

    Raises:
      separation.NoMaskError: no whole mask can be told from the skin, or the lower face
        reaches out of the photo, is smaller than MIN_FACE, or too dark.
    """
    landmarks = complete(np.asarray(landmarks, np.float64))
    crop, points = upright_crop(photo, landmarks)
    alpha = separation.separate(crop, points)
    skin = light.skin_luminance(photo, landmarks)
    if skin is None or skin < MIN_LUMINANCE:
        raise separation.NoMaskError("the eyes are outside the photo, or too dark")
    return types.Mask(
        name=name,
        kind=types.PHOTO,
        rgba=np.dstack([crop, alpha]),
        landmarks=points,
        indices=np.arange(68),
        pose=pose.head_pose(points),
        luminance=skin,
        source=source,
        source_size=(photo.shape[1], photo.shape[0]),
    )


def complete(landmarks: np.ndarray) -> np.ndarray:
    """Replaces the landmarks [68, 2] that are not `VISIBLE` by a fitted mean face's.

    On bare faces the chin lands within 6 % of the length from nose bridge to chin.
    """
    visible, model = landmarks[VISIBLE], layouts.MEAN_FACE
    turned = model @ geometry.fit_pose(visible, model[VISIBLE]).rotation().T
    matrix = geometry.fit_similarity(turned[VISIBLE, :2], visible)
    completed = geometry.transform(turned[:, :2], matrix)
    completed[VISIBLE] = visible
    return completed


def upright_crop(
    photo: np.ndarray, landmarks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts out the lower face with its roll undone.

    Returns:
      uint8[h, w, 3] with sides of at most MAX_SIDE, and all landmarks in its pixels,
      float64[68, 2].

    Raises:
      separation.NoMaskError: see `extract`.
    """
    limits = np.array([photo.shape[1], photo.shape[0]]) - 0.5
    outline = landmarks[separation.OUTLINE]
    if not ((outline >= -0.5) & (outline <= limits)).all():
        raise separation.NoMaskError("the lower face reaches out of the photo")
    roll = pose.head_pose(landmarks).roll
    cos, sin = np.cos(roll), np.sin(roll)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0]])
    outline = geometry.transform(landmarks[[27, *range(17)]], turn)
    low, high = outline.min(axis=0), outline.max(axis=0)
    if min(high - low) < MIN_FACE:
        raise separation.NoMaskError(
            f"the lower face is smaller than {MIN_FACE} pixels"
        )
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
