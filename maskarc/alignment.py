"""The crop that every network sees: ArcFace's five-point similarity to 112×112.

Training and evaluation call the same function, so a photo gives the same crop, bit
for bit, wherever it is used.
"""

import cv2
import numpy as np

from maskarc import geometry

CROP_SIZE = 112

# Where ArcFace puts the five points in its 112×112 crop: eye centres, nose tip, mouth
# corners. Source: Deng et al., "ArcFace", CVPR 2019, and its published code.
ARCFACE_TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)


def crop_matrix(
    five_points: np.ndarray, *, size: int = CROP_SIZE, margin: float = 0.0
) -> np.ndarray:
    """The similarity float64[2, 3] that maps photo pixels to crop pixels.

    Args:
      five_points: float[5, 2], (x, y) in the photo.
      size: side of the crop in pixels.
      margin: extra border on each side, as a share of the 112-pixel template; 0 is the
        tight ArcFace crop, 0.25 a loose one with hair and chin.

    Raises:
      ValueError: the points coincide, are not finite, or are not five.
    """
    if np.shape(five_points) != (5, 2):
        raise ValueError(f"expected points [5, 2], got {np.shape(five_points)}")
    # Pixel centres are at integers: the template's canvas spans -0.5 to 111.5.
    scale = size / (CROP_SIZE * (1 + 2 * margin))
    centre = (CROP_SIZE - 1) / 2
    template = (ARCFACE_TEMPLATE - centre) * scale + (size - 1) / 2
    return geometry.fit_similarity(five_points, template)


def align(
    image: np.ndarray,
    five_points: np.ndarray,
    *,
    size: int = CROP_SIZE,
    margin: float = 0.0,
) -> np.ndarray:
    """Cuts the aligned face out of a photo.

    Pixels outside the photo are black. Faces more than twice the crop's scale are
    shrunk with averaging first, so that large photos do not alias.

    Args:
      image: uint8[H, W, 3].
      five_points: float[5, 2], (x, y) in the photo.
      size: side of the crop in pixels.
      margin: see `crop_matrix`.

    Returns:
      uint8[size, size, 3].

    Raises:
      ValueError: see `crop_matrix`.

    References:
      Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition",
      CVPR 2019.
    """
    return warp(image, crop_matrix(five_points, size=size, margin=margin), size)


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Cuts a square region out of a photo; large ones are averaged, so none aliases.

    Args:
      image: uint8[H, W, 3].
      matrix: float[2, 3], the similarity from the photo's pixels to the region's.
      size: side of the region in pixels.

    Returns:
      uint8[size, size, 3], black outside the photo.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    shrink = int(1 / scale)
    if shrink >= 2:
        image, matrix = _shrunk_region(image, matrix, size, shrink)
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)


def _shrunk_region(
    image: np.ndarray, matrix: np.ndarray, size: int, factor: int
) -> tuple[np.ndarray, np.ndarray]:
    """The region that the crop needs, averaged over factor×factor blocks."""
    corners = np.array([[0, 0], [size, 0], [size, size], [0, size]]) - 0.5
    seen = geometry.transform(corners, geometry.invert(matrix))
    height, width = image.shape[:2]
    left, top = np.clip(np.floor(seen.min(axis=0)), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(seen.max(axis=0)) + 1, 1, (width, height))
    left, top, right, bottom = (int(v) for v in (left, top, right, bottom))
    region = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    out_height = max(1, round(region.shape[0] / factor))
    out_width = max(1, round(region.shape[1] / factor))
    ratio = np.array([region.shape[1] / out_width, region.shape[0] / out_height])
    small = cv2.resize(region, (out_width, out_height), interpolation=cv2.INTER_AREA)
    # Pixel p of the small image covers photo pixels (p + 0.5)·ratio − 0.5 + corner.
    linear = matrix[:, :2] * ratio
    shift = matrix[:, :2] @ ((ratio - 1) / 2 + [left, top]) + matrix[:, 2]
    return small, np.column_stack([linear, shift])
