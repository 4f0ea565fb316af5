"""Whether a face can be compared at all: its size, sharpness, light and noise.

Faces of few pixels, out of focus, nearly black or drowned in noise look alike to a
network, whoever they are of. All is measured on the photo's own pixels, and all but the
size around the eyes, which masks leave free.
"""

import dataclasses

import numpy as np
from scipy.spatial import distance

from maskarc.landmarks import layouts
from maskarc.opencv import cv2

# What a face needs to be compared, in the units of `Quality`. Chosen on LFW's View 1,
# spoilt in grades, and such that unspoilt photos pass (docs/quality.md).
LEAST_WIDTH = 32
LEAST_CONTRAST = 48
MOST_WHITE = 0.35
LEAST_SHARPNESS = 0.39
LEAST_STEADINESS = 0.345
MOST_NOISE = 0.035

# Brows, eyes and the bridge of the nose, and how far around them is looked at, as a
# share of their longer side.
_EYES = np.r_[17:30, layouts.LEFT_EYE, layouts.RIGHT_EYE]
_MARGIN = 0.22
# From ear to ear, as a share of the greatest distance between two landmarks.
_MEAN = layouts.MEAN_FACE[:, :2]
_WIDTH = float(np.ptp(_MEAN[layouts.JAW, 0]) / distance.pdist(_MEAN).max())
# The width in pixels to which faces are scaled before they are looked at.
_LOOKED_AT = 88
# Deviations of the three Gaussians of each of two measurements of sharpness. The first
# sees blur; noise or a JPEG's blocks on top of it hide it from the first, but not from
# the second. Across a direction in which sharpness is measured, all three are 1.
_OCTAVES = ((0.7, 1.4, 2.8), (1.2, 2.4, 4.8))
_ACROSS = (1.0, 1.0, 1.0)
# Pixels left out along the border, where Gaussians see a mirror image.
_BORDER = 3
# A grey level from which on light is not told from more light.
_WHITE = 250
# What is left of a picture here is noise, of its deviation.
_CHECKER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quality:
    """What can be seen of a face.

    Attributes:
      width: of the face in the photo's pixels, as if it looked straight ahead: from the
        greatest distance between two landmarks, which turning hardly changes.
      contrast: grey levels from the darkest to the brightest twentieth of the eyes'
        region.
      brightness: median grey level of the eyes' region.
      white: share of the eyes' region that is overexposed.
      sharpness: how much of the details of the eyes' region recurs in details half as
        large, at the same places: about 0.48 in a sharp face, 0.3 in one blurred by a
        Gaussian of a 25th of its width; contrast, light and noise do not count.
      steadiness: the same along the photo's rows or its columns, the lesser of both,
        which a shaken camera or head lowers.
      noise: deviation of the noise in the eyes' region, as a share of the contrast.
    """

    width: float
    contrast: float
    brightness: float
    white: float
    sharpness: float
    steadiness: float
    noise: float


def measure(image: np.ndarray, landmarks: np.ndarray) -> Quality:
    """Measures a face in a photo.

    Args:
      image: uint8[H, W, 3], RGB.
      landmarks: float[68, 2], (x, y) in its pixels.

    Raises:
      ValueError: landmarks that are not finite.
    """
    if not np.isfinite(landmarks).all():
        raise ValueError("expected finite landmarks, some are NaN or infinite")
    width = _WIDTH * float(distance.pdist(landmarks).max())
    grey = _eyes(image, landmarks[_EYES], _LOOKED_AT / max(width, 1))
    dark, middle, bright = np.percentile(grey, [5, 50, 95]).tolist()
    rough = np.abs(cv2.filter2D(grey, cv2.CV_32F, _CHECKER))
    return Quality(
        width=width,
        contrast=bright - dark,
        brightness=middle,
        white=float((grey >= _WHITE).mean()),
        sharpness=min(_recurrence(grey, along, along) for along in _OCTAVES),
        steadiness=min(
            min(_recurrence(grey, along, _ACROSS), _recurrence(grey, _ACROSS, along))
            for along in _OCTAVES
        ),
        noise=float(np.median(rough)) / 0.6745 / max(bright - dark, 1),
    )


def doubt(quality: Quality) -> str:
    """Why a face cannot be compared, as a sentence; empty where it can."""
    if quality.width < LEAST_WIDTH:
        return f"the face is {quality.width:.0f} pixels wide, of at least {LEAST_WIDTH}"
    if quality.white > MOST_WHITE:
        return f"the face is too bright to compare: {quality.white:.0%} of it is white"
    if quality.contrast < LEAST_CONTRAST:
        kind = "dark" if quality.brightness < 128 else "pale"
        return (
            f"the face is too {kind} to compare: {quality.contrast:.0f} grey levels "
            f"from dark to bright, of at least {LEAST_CONTRAST}"
        )
    if quality.noise > MOST_NOISE:
        return "the face is too noisy to compare"
    if quality.sharpness < LEAST_SHARPNESS:
        return "the face is too blurred to compare"
    if quality.steadiness < LEAST_STEADINESS:
        return "the face is too blurred to compare, by motion"
    return ""


def _eyes(image: np.ndarray, points: np.ndarray, zoom: float) -> np.ndarray:
    """The photo around the points in grey, scaled, float32[H, W]."""
    low, high = points.min(axis=0), points.max(axis=0)
    around = _MARGIN * (high - low).max()
    most = np.array(image.shape[1::-1]) - 1
    left, top = np.clip(low - around, 0, most).astype(int)
    right, bottom = np.clip(high + around, 0, most).astype(int)
    region = image[top : bottom + 1, left : right + 1]
    size = [max(round(side * zoom), 4 * _BORDER) for side in region.shape[1::-1]]
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    grey = cv2.cvtColor(region, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, size, interpolation=way).astype(np.float32)


def _recurrence(
    grey: np.ndarray, x: tuple[float, float, float], y: tuple[float, float, float]
) -> float:
    """The slope of a band of details on the next coarser one, over all pixels."""
    first, second, third = (
        cv2.GaussianBlur(grey, (0, 0), sigmaX=along_x, sigmaY=along_y)
        for along_x, along_y in zip(x, y, strict=True)
    )
    inner = np.s_[_BORDER:-_BORDER, _BORDER:-_BORDER]
    fine, coarse = (first - second)[inner], (second - third)[inner]
    fine -= fine.mean()
    coarse -= coarse.mean()
    return float(np.vdot(fine, coarse) / max(float(np.vdot(coarse, coarse)), 1e-6))
