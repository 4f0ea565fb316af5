"""Putting a mask on a face: warp, feathered edge, light, blend.

Only the part of the photo that the mask reaches is computed.
"""

import cv2
import numpy as np

from maskarc import geometry
from maskarc.masks import light, types, warping

# Pixels beyond which coordinates cannot be rasterised, nor belong to a photo.
_FAR = 1e5
# Least height of a triangle that is drawn, in pixels.
_THIN = 0.7
# Lit masks stay below this, so that white ones keep their shading.
_HIGHLIGHT = 250.0


def render(
    image: np.ndarray,
    landmarks: np.ndarray,
    mask: types.Mask,
    *,
    feather: float = 0.01,
    match_light: bool = True,
) -> np.ndarray:
    """Returns a new photo uint8[H, W, 3]; see `render_with_alpha`."""
    result, _ = render_with_alpha(
        image, landmarks, mask, feather=feather, match_light=match_light
    )
    return result


def render_with_alpha(
    image: np.ndarray,
    landmarks: np.ndarray,
    mask: types.Mask,
    *,
    feather: float = 0.01,
    match_light: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Puts a mask on one face of a photo.

    Parts that fall outside the photo, or on the side of the face that is turned away,
    are left out.

    Args:
      image: uint8[H, W, 3], RGB; not written to.
      landmarks: float[68, 2], (x, y) in pixels; may lie outside the photo.
      mask: what to put on.
      feather: softness of the mask's edge as a share of its picture's width; 0 keeps
        the mask's own alpha.
      match_light: scale the mask's brightness to that of the face (`light.gain`).

    Returns:
      The photo with the mask, uint8[H, W, 3], and the mask's alpha, uint8[H, W].

    Raises:
      TypeError: the image is not uint8.
      ValueError: the image is not [H, W, 3], the landmarks are not 68 finite points
        that span a face seen from the front, or the mask shows nothing.
    """
    landmarks = _checked(image, landmarks)
    mesh, source = warping.sheet(mask)
    points = mesh.weights @ landmarks[mask.indices]
    target = points[mesh.triangles]
    areas = geometry.signed_areas(target)
    # Triangles thinner than a pixel are covered by their neighbours' borders.
    visible = np.flatnonzero(2 * areas > _THIN * _longest_sides(target))
    if not visible.size:
        raise ValueError(
            "the landmarks do not span a face: expected 68 points in the order of "
            "layout '68', not mirrored, of a face larger than a few pixels"
        )
    # The farthest first: nearer ones cover what they hide.
    order = visible[np.argsort(-mesh.depths(points)[visible], kind="stable")]
    source, target = source[order], target[order]
    result, alpha = image.copy(), np.zeros(image.shape[:2], np.uint8)
    left, top, right, bottom = warping.region(target, image.shape)
    if left == right or top == bottom:
        return result, alpha
    shrink = geometry.signed_areas(source).sum() / areas[order].sum()
    # Half octaves: the warp then neither shrinks nor enlarges by more than 19 %.
    level = max(0, round(np.log2(shrink)))
    layer, ratio, highlight = warping.layer(mask, level, feather)
    # Pixel p of the mask's picture lies at (p + 0.5)·ratio − 0.5 of the layer.
    warped = warping.warp(
        layer,
        (source + 0.5) * ratio - 0.5,
        target - (left, top),
        (bottom - top, right - left),
    )
    gain = _gain(image, landmarks, mask, highlight) if match_light else 1.0
    part = np.s_[top:bottom, left:right]
    result[part] = _blend(image[part], warped, gain)
    alpha[part] = warped[..., 3]
    return result, alpha


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


def _longest_sides(triangles: np.ndarray) -> np.ndarray:
    """float64[T] of triangles [T, 3, 2]."""
    sides = triangles - triangles[:, [1, 2, 0]]
    return np.sqrt((sides * sides).sum(axis=2).max(axis=1))


def _gain(
    image: np.ndarray, landmarks: np.ndarray, mask: types.Mask, highlight: float
) -> float:
    """The factor on the mask's colours that fits it to the face's light."""
    brightness = light.skin_luminance(image, landmarks)
    if brightness is None:
        return 1.0
    gain = light.gain(brightness, mask.luminance)
    return min(gain, max(1.0, _HIGHLIGHT / highlight))


def _blend(region: np.ndarray, warped: np.ndarray, gain: float) -> np.ndarray:
    """Lays premultiplied colours, times a gain, over a region."""
    alpha = cv2.merge([warped[..., 3]] * 3)
    colour = cv2.convertScaleAbs(cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB), alpha=gain)
    rest = cv2.multiply(region, cv2.bitwise_not(alpha), scale=1 / 255)
    return cv2.add(rest, cv2.min(colour, alpha))
