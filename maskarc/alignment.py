"""The crop that a network sees, a key of `CROPS`: of a face upright and centred.

Training and evaluation call the same function, so a photo gives the same crop, bit
for bit, wherever it is used.
"""

from collections.abc import Callable

import numpy as np

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.opencv import cv2

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

# dlib's chip: its side, the border around the face as a share of the face, which of the
# 68 points are fitted, and where in the unit square their mean face has them.
CHIP_SIZE = 150
_CHIP_PADDING = 0.25
_CHIP_POINTS = np.r_[27:55, 60:65]
_CHIP_TEMPLATE = np.array([
    [0.490127, 0.203352], [0.490127, 0.307009], [0.490127, 0.409805],
    [0.490127, 0.515625], [0.36688, 0.587326], [0.426036, 0.609345],
    [0.490127, 0.628106], [0.554217, 0.609345], [0.613373, 0.587326],
    [0.121737, 0.216423], [0.187122, 0.178758], [0.265825, 0.179852],
    [0.334606, 0.231733], [0.260918, 0.245099], [0.182743, 0.244077],
    [0.645647, 0.231733], [0.714428, 0.179852], [0.793132, 0.178758],
    [0.858516, 0.216423], [0.79751, 0.244077], [0.719335, 0.245099],
    [0.254149, 0.780233], [0.340985, 0.745405], [0.428858, 0.727388],
    [0.490127, 0.742578], [0.551395, 0.727388], [0.639268, 0.745405],
    [0.726104, 0.780233], [0.290379, 0.784792], [0.428096, 0.778746],
    [0.490127, 0.785343], [0.552157, 0.778746], [0.689874, 0.784792],
])  # fmt: skip
# The same chip by nose and eyes alone, as the `mesh` back end sees them: the median of
# 700 bare faces of CelebA in chips that were placed by dlib's landmarks, as shares.
_UPPER_POINTS = np.r_[27:48]
# The eyes among them; in the crop "eyes", their enlargement and place.
_EYES_OF_UPPER = np.r_[9:21]
_EYES_ZOOM, _EYES_AT = 1.6, (0.5, 0.42)
_UPPER_TEMPLATE = np.array([
    [0.4910, 0.2873], [0.4906, 0.3798], [0.4896, 0.4615], [0.4899, 0.5119],
    [0.4138, 0.5533], [0.4457, 0.5756], [0.4911, 0.5775], [0.5374, 0.5757],
    [0.5704, 0.5526], [0.2315, 0.3017], [0.2696, 0.2827], [0.3321, 0.2796],
    [0.3934, 0.3150], [0.3433, 0.3246], [0.2833, 0.3232], [0.5900, 0.3145],
    [0.6509, 0.2783], [0.7135, 0.2808], [0.7527, 0.3000], [0.7011, 0.3228],
    [0.6402, 0.3240],
])  # fmt: skip
# Where the five points of 4,000 training faces lie in the upper chip, as shares: the
# median, made symmetric, such that the chip by these agrees in the median with it.
_FIVE_TEMPLATE = np.array([
    [0.3052, 0.3016], [0.6786, 0.3016], [0.4919, 0.5146], [0.3303, 0.6905],
    [0.6535, 0.6905],
])  # fmt: skip


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


def chip_matrix(landmarks: np.ndarray, *, size: int = CHIP_SIZE) -> np.ndarray:
    """The similarity float64[2, 3] from photo pixels to those of dlib's face chip.

    dlib fits nose, eyes and upper lip, and leaves a quarter of the face around them.

    Args:
      landmarks: float[68, 2], (x, y) in the photo.
      size: side of the chip in pixels.

    Raises:
      ValueError: the points coincide, are not finite, or are not 68.
    """
    landmarks = _checked(landmarks)
    template = (_CHIP_PADDING + _CHIP_TEMPLATE) / (2 * _CHIP_PADDING + 1) * size
    # From chip to photo, as dlib does: the other way the least squares differ.
    points = landmarks[_CHIP_POINTS]
    to_photo = geometry.fit_similarity(template, points)
    matrix = geometry.invert(to_photo)
    # dlib cuts a rectangle of width - 1 pixels of the photo into size - 1 of the chip.
    width = size * float(np.hypot(to_photo[0, 0], to_photo[1, 0]))
    grown = (size - 1) / size * width / max(width - 1, 0.5)
    matrix[:, 2] -= size / 2
    matrix *= grown
    matrix[:, 2] += (size - 1) / 2
    return matrix


def upper_chip_matrix(landmarks: np.ndarray, *, size: int = CHIP_SIZE) -> np.ndarray:
    """The similarity float64[2, 3] to a chip that is placed by nose and eyes alone.

    What a mask hides has no say in it. Arguments and errors as for `chip_matrix`.
    """
    template = _UPPER_TEMPLATE * size - 0.5
    points = _checked(landmarks)[_UPPER_POINTS]
    return geometry.invert(geometry.fit_similarity(template, points))


def balanced_chip_matrix(landmarks: np.ndarray, *, size: int = CHIP_SIZE) -> np.ndarray:
    """The similarity float64[2, 3] to a chip placed by two fits, half each.

    One is the upper chip's, the other is of the five points; on real masks and on bare
    faces networks tell people apart better in it than in either (docs/recogniser.md).
    Arguments and errors as for `chip_matrix`.
    """
    by_upper = upper_chip_matrix(landmarks, size=size)
    five_points = layouts.to_five(landmarks, "68")
    by_five = geometry.fit_similarity(five_points, _FIVE_TEMPLATE * size - 0.5)
    return (by_upper + by_five) / 2


def eyes_matrix(landmarks: np.ndarray, *, size: int = CHIP_SIZE) -> np.ndarray:
    """The similarity float64[2, 3] to a crop of brows, eyes and nose.

    It is the upper chip, enlarged about the eyes: of the mean face's mouth only the
    upper lip is inside.
    Arguments and errors as for `chip_matrix`.
    """
    matrix = upper_chip_matrix(landmarks, size=size)
    eyes = _UPPER_TEMPLATE[_EYES_OF_UPPER].mean(axis=0) * size - 0.5
    matrix *= _EYES_ZOOM
    matrix[:, 2] += np.array(_EYES_AT) * size - 0.5 - _EYES_ZOOM * eyes
    return matrix


def _arcface_matrix(landmarks: np.ndarray, *, size: int) -> np.ndarray:
    return crop_matrix(layouts.to_five(_checked(landmarks), "68"), size=size)


def _checked(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks that span a face, or ValueError."""
    landmarks = np.asarray(landmarks, float)
    if landmarks.shape != (68, 2):
        raise ValueError(f"expected landmarks [68, 2], got {list(landmarks.shape)}")
    # NaN compares false.
    if not (np.ptp(landmarks[_UPPER_POINTS], axis=0).max() > 0):
        raise ValueError(
            "expected landmarks that span a face; they coincide or are NaN"
        )
    return landmarks


# Name → matrix from a photo's pixels to the crop's, of landmarks [68, 2] and a size.
CROPS: dict[str, Callable[..., np.ndarray]] = {
    "arcface": _arcface_matrix,
    "dlib": chip_matrix,
    "upper": upper_chip_matrix,
    "balanced": balanced_chip_matrix,
    "eyes": eyes_matrix,
}


def crop_face(
    image: np.ndarray,
    landmarks: np.ndarray,
    *,
    size: int = CROP_SIZE,
    crop: str = "arcface",
) -> np.ndarray:
    """Cuts the face out of a photo as a network wants it.

    Args:
      image: uint8[H, W, 3].
      landmarks: float[68, 2], (x, y) in the photo.
      size: side of the crop in pixels.
      crop: a key of `CROPS`.

    Returns:
      uint8[size, size, 3], black outside the photo.

    Raises:
      ValueError: an unknown crop, or landmarks that do not span a face.
    """
    if crop not in CROPS:
        raise ValueError(f"unknown crop {crop!r}; expected one of {', '.join(CROPS)}")
    return warp(image, CROPS[crop](landmarks, size=size), size)


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
