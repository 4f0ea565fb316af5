"""The piecewise-affine warp: a mask's picture onto triangles in a photo, in one pass.

What depends on the mask alone is prepared once: the triangles that show a part of it,
and its picture feathered, premultiplied and shrunk to the size at which it is needed.
"""

import dataclasses
import functools

import numpy as np

from maskarc import geometry
from maskarc.masks import topology, types
from maskarc.opencv import cv2

# Fractional bits of the coordinates that OpenCV rasterises.
_SHIFT = 4
# Least share of its frontal area that a triangle shows in the mask's own picture.
_EDGE_ON = 0.05
# Least height of a triangle that is drawn, in pixels.
_THIN = 0.7


@functools.lru_cache(maxsize=2048)
def sheet(mask: types.Mask) -> tuple[topology.Mesh, np.ndarray]:
    """The mesh of those triangles that show a part of the mask in its own picture.

    Returns:
      The mesh, and its triangles float64[T, 3, 2] in pixels of `mask.rgba`.

    Raises:
      ValueError: the mask lacks needed landmarks, or has no opaque pixel near them.
    """
    mesh = topology.mesh(tuple(mask.indices.tolist()))
    source = (mesh.weights @ mask.landmarks)[mesh.triangles]
    shares = geometry.signed_areas(source) / mesh.areas
    kept = [
        bool(share > _EDGE_ON * shares.max())
        and _is_covered(triangle, mask.rgba[..., 3])
        for triangle, share in zip(source, shares, strict=True)
    ]
    if not any(kept):
        raise ValueError(f"mask {mask.name} has no opaque pixel on its landmarks' face")
    return dataclasses.replace(mesh, triangles=mesh.triangles[kept]), source[kept]


@functools.lru_cache(maxsize=2048)
def layer(
    mask: types.Mask, level: int, feather: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """The mask's picture, feathered, premultiplied and shrunk by 2^(level / 2).

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
    highlight = float(np.percentile(bright, 98)) if bright.size else 255.0
    ratio = np.array(size) / (width, height)
    return np.rint(small).astype(np.uint8), ratio, max(1.0, highlight)


def visible(triangles: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Which triangles [T, 3, 2] of signed areas [T] face the camera, int64[V].

    Those thinner than a pixel are left out: their neighbours' borders cover them.
    """
    sides = triangles - triangles[:, [1, 2, 0]]
    longest = np.sqrt((sides * sides).sum(axis=2).max(axis=1))
    return np.flatnonzero(2 * areas > _THIN * longest)


def region(
    triangles: np.ndarray, shape: tuple[int, ...], margin: int = 0
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part of a picture under triangles [T, 3, 2].

    Right and bottom are exclusive; the part is empty where the triangles lie outside.
    """
    corners = triangles.reshape(-1, 2)
    low_x, low_y = corners.min(axis=0) - margin
    high_x, high_y = corners.max(axis=0) + margin
    left, right = (min(max(int(x), 0), shape[1]) for x in (low_x // 1, high_x // 1 + 2))
    top, bottom = (min(max(int(y), 0), shape[0]) for y in (low_y // 1, high_y // 1 + 2))
    return left, top, right, bottom


def warp(
    picture: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    box: tuple[int, int, int, int],
) -> np.ndarray:
    """Draws a picture's triangles elsewhere.

    Args:
      picture: uint8[h, w, 4], premultiplied.
      source: float[T, 3, 2], triangles in the picture, T < 65,535.
      target: float[T, 3, 2], where they go, of positive area; later ones cover earlier.
      box: left, top, right, bottom of the part of the target that is drawn.

    Returns:
      uint8[bottom − top, right − left, 4], transparent off the triangles.
    """
    left, top, right, bottom = box
    shape = bottom - top, right - left
    if 0 in shape:
        return np.zeros((*shape, 4), np.uint8)
    target = target - (left, top)
    labels = np.zeros(shape, np.uint8 if len(source) < 255 else np.uint16)
    for label, corners in enumerate(_fixed_point(target), 1):
        cv2.fillConvexPoly(labels, corners, label, shift=_SHIFT)
    # Pinholes, where a triangle seen edge-on was left out.
    closed = cv2.morphologyEx(labels, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    np.copyto(labels, closed, where=labels == 0)
    table = np.empty((6, len(source) + 1), np.float32)
    table[:, 0] = (0, 0, -10, 0, 0, -10)  # off the triangles: outside the picture
    table[:, 1:] = geometry.fit_triangles(target, source).reshape(-1, 6).T
    maps = table.take(labels, axis=1, mode="clip").reshape(2, 3, *shape)
    x = np.arange(shape[1], dtype=np.float32)
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    map_x, map_y = (by_x * x + by_y * y + shift for by_x, by_y, shift in maps)
    warped = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR)
    # Soften the outline where the sheet turns away from the camera: full one pixel in.
    covered = np.multiply(labels > 0, 255, dtype=np.uint8)
    covered = cv2.blur(covered, (3, 3), borderType=cv2.BORDER_REPLICATE)
    soft = cv2.subtract(covered, cv2.bitwise_not(covered))
    return cv2.multiply(warped, cv2.merge([soft] * 4), scale=1 / 255)


def _feathered(alpha: np.ndarray, softness: float) -> np.ndarray:
    """Alpha that rises inwards from the edge over about 2·softness pixels."""
    # Outside the picture there is no mask. The blur only ever takes from alpha.
    reach = int(np.ceil(3 * softness))
    padded = np.pad(alpha, reach)
    blurred = cv2.GaussianBlur(padded, (0, 0), softness)[reach:-reach, reach:-reach]
    return np.minimum(alpha, np.clip(2 * blurred - 255, 0, 255))


def _is_covered(triangle: np.ndarray, alpha: np.ndarray) -> bool:
    """Whether a triangle [3, 2] holds a pixel that is not wholly transparent."""
    left, top, right, bottom = region(triangle, alpha.shape)
    inside = np.zeros((bottom - top, right - left), np.uint8)
    if not inside.size:
        return False
    cv2.fillConvexPoly(inside, _fixed_point(triangle - (left, top)), 1, shift=_SHIFT)
    return bool((alpha[top:bottom, left:right] * inside).any())


def _fixed_point(points: np.ndarray) -> np.ndarray:
    return np.rint(points * 2**_SHIFT).astype(np.int32)
