"""How sharp and how noisy a photo is, so that a mask is no better than its face."""

import dataclasses

import numpy as np

from maskarc.opencv import cv2

# What rendering itself softens: deviation of a Gaussian in pixels.
_RENDERED_BLUR = 0.6
# Less than this is not seen, and a mask is never blurred more than this share of the
# distance between the eyes.
_LEAST_BLUR, _MOST_BLUR = 0.35, 0.05
# Grey levels of a step below which sharpness cannot be told.
_LEAST_STEP = 5.0
# Most noise, in grey levels: beyond it is texture, not noise.
_MOST_NOISE = 14.0
# Most pixels of a side of the region that is looked at.
_REGION = 224


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quality:
    """What a camera did to a face.

    Attributes:
      blur: deviation in pixels by which a rendered mask is to be blurred.
      noise: deviation of the noise, in grey levels.
    """

    blur: float = 0.0
    noise: float = 0.0


PERFECT = Quality()


def measure(image: np.ndarray, landmarks: np.ndarray) -> Quality:
    """Measures sharpness and noise around the eyes.

    A blurred step has a first derivative of height / (σ √2π) and a second one of
    height / (σ² √2πe): the ratio of the largest tells σ, whatever the height.

    Args:
      image: uint8[H, W, 3], RGB.
      landmarks: float[68, 2], (x, y) in pixels.

    Returns:
      `PERFECT` where less than 8 × 8 pixels of the eyes' region lie in the image.
    """
    around = landmarks[17:48]
    low, high = around.min(axis=0), around.max(axis=0)
    middle, half = (low + high) / 2, np.minimum((high - low) / 2, _REGION / 2)
    left, top = np.maximum(middle - half, 0).astype(int)
    right, bottom = np.maximum(middle + half, 0).astype(int)
    part = image[top:bottom, left:right]
    if min(part.shape[:2]) < 8:
        return PERFECT
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.int16)
    rows = np.abs(cv2.filter2D(grey, cv2.CV_16S, _CHECKER))
    noise = float(np.median(rows)) / 4.05  # 6 · 0.6745
    first = np.abs(grey[:, 2:] - grey[:, :-2])  # twice the derivative
    second = np.abs(grey[:, 2:] + grey[:, :-2] - 2 * grey[:, 1:-1])
    rank = first.size - 1 - first.size // 40
    steepest = np.partition(first.ravel(), rank)[rank] / 2
    sharpest = max(np.partition(second.ravel(), rank)[rank], 1)
    eyes = float(np.linalg.norm(landmarks[45] - landmarks[36])) / 1.42
    blur = 0.0
    if steepest >= _LEAST_STEP:
        sigma = steepest / sharpest / 1.65
        squared = sigma**2 - _RENDERED_BLUR**2
        blur = min(float(np.sqrt(max(squared, 0))), _MOST_BLUR * eyes)
    return Quality(
        blur=blur if blur > _LEAST_BLUR else 0.0, noise=min(noise, _MOST_NOISE)
    )


def degrade(layer: np.ndarray, quality: Quality, place: tuple[int, int]) -> np.ndarray:
    """Blurs and roughens a premultiplied layer uint8[h, w, 4].

    Args:
      layer: not written to.
      quality: of the photo.
      place: pixels by which the noise is shifted; the same place, the same noise.
    """
    if quality.blur:
        layer = cv2.GaussianBlur(layer, (0, 0), quality.blur)
    if quality.noise < 0.5:
        return layer
    height, width = layer.shape[:2]
    y, x = (np.arange(n) + at for n, at in zip((height, width), place, strict=True))
    noise = _NOISE[(y % len(_NOISE))[:, None], x % len(_NOISE)]
    strength = layer[..., 3] * np.float32(quality.noise / 255)
    rough = noise * strength
    colour = layer[..., :3] + rough[..., None]
    result = layer.copy()
    np.clip(colour, 0, layer[..., 3:], out=colour)
    result[..., :3] = colour + 0.5
    return result


_CHECKER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_NOISE = np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)
