"""Putting a mask on a face: where it lies, its light, the camera's traces, the blend.

Only the part of the photo that the mask reaches is computed.
"""

import math

import numpy as np

from maskarc.masks import cutouts, holes, light, quality, sheets, types
from maskarc.opencv import cv2

# Pixels beyond which coordinates cannot be rasterised, nor belong to a photo.
_FAR = 1e5


def render(
    image: np.ndarray,
    landmarks: np.ndarray,
    mask: types.Mask,
    *,
    feather: float = 0.01,
    match_light: bool = True,
    match_quality: bool = True,
) -> np.ndarray:
    """Returns a new photo uint8[H, W, 3]; see `render_with_alpha`."""
    result, _ = render_with_alpha(
        image,
        landmarks,
        mask,
        feather=feather,
        match_light=match_light,
        match_quality=match_quality,
    )
    return result


def render_with_alpha(
    image: np.ndarray,
    landmarks: np.ndarray,
    mask: types.Mask,
    *,
    feather: float = 0.01,
    match_light: bool = True,
    match_quality: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Puts a mask, and what is worn under it, on one face of a photo.

    Parts that fall outside the photo, or on the side of the face that is turned away,
    are left out.

    Args:
      image: uint8[H, W, 3], RGB; not written to.
      landmarks: float[68, 2], (x, y) in pixels; may lie outside the photo.
      mask: what to put on.
      feather: softness of a cut-out's edge as a share of its picture's width; 0 keeps
        its own alpha. The edge of a drawing is soft as it is.
      match_light: fit brightness, colour and shading to the light on the face.
      match_quality: make the mask as blurred and as noisy as the face.

    Returns:
      The photo with the mask, uint8[H, W, 3], and the mask's alpha, uint8[H, W],
      without the shadow that a drawing throws on the skin.

    Raises:
      TypeError: the image is not uint8.
      ValueError: the image is not [H, W, 3], the landmarks are not 68 finite points
        that span a face seen from the front, or the mask shows nothing.
    """
    landmarks = _checked(image, landmarks)
    seen = quality.measure(image, landmarks) if match_quality else quality.PERFECT
    result, alpha = image.copy(), np.zeros(image.shape[:2], np.uint8)
    for one in _from_below(mask):
        lit = light.EVEN
        if match_light:
            lit = light.read(image, landmarks, one.luminance)
        if one.sheet is None:
            placed, highlight = cutouts.place(
                image.shape, landmarks, one, feather=feather
            )
            # Its own shading was in the photo that it was cut from.
            gain = float(lit.gain @ light.LUMA)
            gain = min(gain, max(1.0, light.HIGHLIGHT / highlight))
        else:
            margin = math.ceil(3 * seen.blur)
            placed = sheets.place(
                image.shape,
                landmarks,
                one.sheet,
                one.variation,
                lit,
                is_mirrored=one.is_mirrored,
                margin=margin,
            )
            gain = 1.0
        left, top, right, bottom = placed.box
        if left == right or top == bottom:
            continue
        part = np.s_[top:bottom, left:right]
        layer = _gained(placed.layer, gain)
        layer = quality.degrade(layer, seen, (top, left))
        opacity = layer[..., 3]
        if one.sheet is not None:
            opacity = types.without_shadow(opacity)
        if one.sheet is not None and one.sheet.fill:
            result[part] = holes.fill(result[part], opacity, one.sheet.fill)
        else:
            result[part] = _blend(result[part], layer)
        alpha[part] = cv2.max(alpha[part], opacity)
    return result, alpha


def _from_below(mask: types.Mask) -> list[types.Mask]:
    """The mask and those under it, the innermost first."""
    layers = [mask]
    while layers[-1].under is not None:
        layers.append(layers[-1].under)
    return layers[::-1]


def _checked(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8:
        raise TypeError(f"expected a uint8 image, got {image.dtype}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected an image [H, W, 3], got {image.shape}")
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.shape != (68, 2):
        raise ValueError(f"expected landmarks [68, 2], got {landmarks.shape}")
    if not (np.abs(landmarks) < _FAR).all():  # false for NaN as well
        raise ValueError(
            f"expected finite landmarks below {_FAR:.0e} pixels; leave out faces that "
            "were not measured"
        )
    return landmarks


def _gained(layer: np.ndarray, gain: float) -> np.ndarray:
    """A premultiplied layer with its colours times a gain."""
    if gain == 1:
        return layer
    alpha = layer[..., 3]
    colour = cv2.convertScaleAbs(cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB), alpha=gain)
    return cv2.merge([*cv2.split(colour), alpha])


def _blend(region: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """Lays premultiplied colours over a region."""
    alpha = cv2.merge([layer[..., 3]] * 3)
    colour = cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB)
    rest = cv2.multiply(region, cv2.bitwise_not(alpha), scale=1 / 255)
    return cv2.add(rest, cv2.min(colour, alpha))
