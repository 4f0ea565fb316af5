"""Putting a mask on a face: one piecewise-affine warp, feather, light, blend.

The triangles of `topology` are rasterised once into the part of the photo that the
mask can reach; each pixel looks up the affine map of its triangle, and one remap
fetches premultiplied colour and alpha.
"""

import dataclasses
import functools

import cv2
import numpy as np

from maskarc import geometry
from maskarc.masks import light, topology, types

# Pixels beyond which coordinates cannot be rasterised, nor belong to a photo.
_FAR = 1e5
# Fractional bits of the coordinates that OpenCV rasterises.
_SHIFT = 4
# Least height of a triangle that is drawn, in pixels.
_THIN = 0.7
# Least share of its frontal area that a triangle shows in the mask's own picture.
_EDGE_ON = 0.05


def render(
    image: np.ndarray,
    landmarks: np.ndarray,
    mask: types.Mask,
    *,
    feather: float = 0.01,
    match_light: bool = True,
) -> np.ndarray:
    """Returns a new photo uint8[H, W, 3]: see `render_with_alpha`."""
    return render_with_alpha(
        image, landmarks, mask, feather=feather, match_light=match_light
    )[0]


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
      feather: softness of the mask's edge as a share of the mask's width; 0 keeps the
        mask's own alpha.
      match_light: scale the mask's brightness to that of the face (`light.gain`).

    Returns:
      The photo with the mask, uint8[H, W, 3], and the mask's alpha, uint8[H, W].

    Raises:
      TypeError: the image is not uint8.
      ValueError: the image is not [H, W, 3], or the landmarks are not 68 finite points
        that span a face seen from the front.
    """
    landmarks = _checked(image, landmarks)
    mesh, source = _sheet(mask)
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
    left, top, right, bottom = _region(target, image.shape)
    if right <= left or bottom <= top:
        return result, alpha
    shrink = np.abs(geometry.signed_areas(source)).sum() / areas[order].sum()
    # Half octaves: the warp then neither shrinks nor enlarges by more than 19 %.
    level = max(0, round(np.log2(shrink)))
    layer, ratio, highlight = _layer(mask, level, feather)
    warped = _warp(
        layer,
        (source + 0.5) * ratio - 0.5,
        target - (left, top),
        (bottom - top, right - left),
    )
    factor = 1.0
    if match_light:
        brightness = light.skin_luminance(image, landmarks)
        if brightness is not None:
            # White masks keep their shading: the highlights stay below 255.
            factor = light.gain(brightness, mask.luminance)
            factor = max(min(factor, 250 / highlight), min(factor, 1.0))
    region = np.s_[top:bottom, left:right]
    result[region] = _blend(image[region], warped, factor)
    alpha[region] = warped[..., 3]
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


def _region(triangles: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Left, top, right, bottom of the photo's part under the triangles [T, 3, 2]."""
    low = np.floor(triangles.min(axis=(0, 1))).astype(int)
    high = np.ceil(triangles.max(axis=(0, 1))).astype(int) + 1
    limits = (shape[1], shape[0])
    return (*np.clip(low, 0, limits).tolist(), *np.clip(high, 0, limits).tolist())


def _longest_sides(triangles: np.ndarray) -> np.ndarray:
    """float64[T] of triangles [T, 3, 2]."""
    sides = triangles - triangles[:, [1, 2, 0]]
    return np.sqrt((sides * sides).sum(axis=2).max(axis=1))


@functools.lru_cache(maxsize=2048)
def _sheet(mask: types.Mask) -> tuple[topology.Mesh, np.ndarray]:
    """The mesh of those triangles that show a part of the mask in its own picture.

    Returns:
      The mesh, and its triangles float64[T, 3, 2] in pixels of `mask.rgba`.
    """
    mesh = topology.mesh(tuple(mask.indices.tolist()))
    source = (mesh.weights @ mask.landmarks)[mesh.triangles]
    facing = geometry.signed_areas(source) / mesh.areas
    kept = [
        _is_covered(triangle, mask.rgba[..., 3])
        if share > _EDGE_ON * facing.max()
        else False
        for triangle, share in zip(source, facing, strict=True)
    ]
    if not any(kept):
        raise ValueError(f"mask {mask.name} has no opaque pixel on the face")
    return dataclasses.replace(mesh, triangles=mesh.triangles[kept]), source[kept]


def _is_covered(triangle: np.ndarray, alpha: np.ndarray) -> bool:
    """Whether a triangle [3, 2] holds a pixel that is not wholly transparent."""
    left, top, right, bottom = _region(triangle[None], alpha.shape)
    inside = np.zeros((bottom - top, right - left), np.uint8)
    if not inside.size:
        return False
    corners = np.rint((triangle - (left, top)) * 2**_SHIFT).astype(np.int32)
    cv2.fillConvexPoly(inside, corners, 1, shift=_SHIFT)
    return bool((alpha[top:bottom, left:right] * inside).any())


@functools.lru_cache(maxsize=2048)
def _layer(
    mask: types.Mask, level: int, feather: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """The mask, feathered, premultiplied and shrunk by 2^(level / 2).

    Returns:
      uint8[h, w, 4], the exact ratios (x, y) of its size to the mask's, and the
      brightness of its highlights, 1..255.
    """
    rgba = mask.rgba.astype(np.float32)
    if feather:
        rgba[..., 3] = _feathered(rgba[..., 3], feather * rgba.shape[1])
    rgba[..., :3] *= rgba[..., 3:] / 255
    height, width = rgba.shape[:2]
    size = [max(1, round(side / 2 ** (level / 2))) for side in (width, height)]
    small = cv2.resize(rgba, size, interpolation=cv2.INTER_AREA) if level else rgba
    bright = small[..., :3].max(axis=2)[small[..., 3] > 127]
    highlight = np.percentile(bright, 98) if bright.size else 255.0
    ratio = np.array(size) / (width, height)
    return np.rint(small).astype(np.uint8), ratio, max(1.0, float(highlight))


def _feathered(alpha: np.ndarray, softness: float) -> np.ndarray:
    """Alpha that rises inwards from the edge over about 2·softness pixels."""
    # Outside the picture there is no mask; a blur then only ever takes from alpha.
    reach = int(np.ceil(3 * softness))
    padded = cv2.copyMakeBorder(alpha, *[reach] * 4, cv2.BORDER_CONSTANT)
    blurred = cv2.GaussianBlur(padded, (0, 0), softness)[reach:-reach, reach:-reach]
    return np.minimum(alpha, np.clip(2 * blurred - 255, 0, 255))


def _warp(
    layer: np.ndarray, source: np.ndarray, target: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Fetches uint8[h, w, 4] for a region; later triangles cover earlier ones."""
    labels = np.zeros(shape, np.uint8)
    corners = np.rint(target * 2**_SHIFT).astype(np.int32)
    for label, triangle in enumerate(corners, 1):
        cv2.fillConvexPoly(labels, triangle, label, shift=_SHIFT)
    # Pinholes where a triangle seen edge-on was left out.
    closed = cv2.morphologyEx(labels, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    np.copyto(labels, closed, where=labels == 0)
    table = np.empty((6, len(source) + 1), np.float32)
    table[:, 0] = (0, 0, -10, 0, 0, -10)  # off all triangles: from outside the layer
    table[:, 1:] = geometry.fit_triangles(target, source).reshape(-1, 6).T
    x = np.arange(shape[1], dtype=np.float32)
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    map_x, by_y, shift, map_y, by_y2, shift2 = table.take(labels, axis=1)
    for total, slope, offset in ((map_x, by_y, shift), (map_y, by_y2, shift2)):
        total *= x
        slope *= y
        total += slope
        total += offset
    warped = cv2.remap(layer, map_x, map_y, cv2.INTER_LINEAR)
    # Soften the outline where the sheet turns away from the camera: full one pixel in.
    covered = cv2.blur(cv2.min(labels, 1) * 255, (3, 3), borderType=cv2.BORDER_REPLICATE)
    soft = cv2.subtract(covered, 255 - covered)
    return cv2.multiply(warped, cv2.merge([soft] * 4), scale=1 / 255)


def _blend(region: np.ndarray, warped: np.ndarray, factor: float) -> np.ndarray:
    """Lays premultiplied colours, times a factor, over a region."""
    alpha = cv2.merge([warped[..., 3]] * 3)
    colour = cv2.convertScaleAbs(cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB), alpha=factor)
    rest = cv2.multiply(region, cv2.bitwise_not(alpha), scale=1 / 255)
    return cv2.add(rest, cv2.min(colour, alpha))
