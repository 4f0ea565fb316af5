"""Light on a synthetic head, and the reach of its hair.

The head is a pair of ellipsoids, one of the face and one of the hair. The rays of a
grid of half the photo's resolution meet them in closed form; what is found there is
smooth, so it is enlarged to the photo afterwards.
"""

import functools

import numpy as np

from maskarc.data.synthetic import hair, shape, shots
from maskarc.opencv import cv2

# Light reaches a little around the edge between lit and shaded skin.
_WRAP = 0.35

# Skin that lies at another angle than the ellipsoid: three landmarks or points of
# `shape` that give its plane, clockwise as seen from outside, and its outline.
_PLANES = (
    ((27, 30, 31), (27, 76, 31, 30)),  # sides of the nose
    ((27, 35, 30), (27, 30, 35, 95)),
    ((30, 35, 31), (30, 31, 33, 35)),  # its base
    ((18, 20, 38), (18, 19, 20, 21, 39, 38, 37, 36)),  # between brows and eyes
    ((23, 25, 43), (22, 23, 24, 25, 45, 44, 43, 42)),
    ((50, 52, 62), (48, 49, 50, 51, 52, 53, 54, 64, 62, 60)),  # lips
    ((66, 56, 58), (60, 66, 64, 54, 55, 56, 57, 58, 59, 48)),
    ((58, 56, 96), (59, 58, 57, 56, 55, 96, 77)),  # the hollow above the chin
)
_CORNERS = np.array([plane for plane, _ in _PLANES])
_OUTLINES = [list(outline) for _, outline in _PLANES]


def skin_light(scene: shots.Scene) -> np.ndarray:
    """Share of the key light on the skin, float32[size, size], in 0..1."""
    centre, radii = shape.FACE
    sphere, outside = _cast(scene, centre, radii)
    lit = _lambert(_along(sphere, radii, scene.light))
    # Beyond the face lies the neck: in shadow near the chin, then evenly lit.
    lit += (0.55 - lit) * np.clip(1.6 * outside, 0, 0.9)
    a, b, c = scene.points[_CORNERS.T]
    normals = np.cross(c - a, b - a)
    along = normals @ scene.light / np.sqrt((normals * normals).sum(axis=1))
    # The grid's first cell has its centre half a pixel in; its cells are 2 TICKS wide.
    seen = (scene.seen - shots.TICKS / 2).astype(np.int32)
    for value, outline in zip(_lambert(along), _OUTLINES, strict=True):
        cv2.fillPoly(lit, [seen[outline]], float(value), cv2.LINE_8, 6)
    lit = cv2.GaussianBlur(lit, (0, 0), 0.075 * scene.unit / (2 * shots.TICKS))
    return cv2.resize(lit, (scene.size, scene.size), interpolation=cv2.INTER_LINEAR)


def hair_light(scene: shots.Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Opacity of the hair on the head, share of the key light on it, and its texture.

    Returns:
      three float32[size, size]: in 0..1, in 0..1, and about 1.
    """
    style, size = scene.person.hair, scene.size
    centre, radii = shape.SKULL
    radii = radii + style.volume
    sphere, outside = _cast(scene, centre, radii)
    # Stereographic coordinates, as `hair.Hair.table` has them.
    step = np.float32((hair.TABLE_SIZE - 1) / (2 * hair.TABLE_RANGE))
    middle = np.float32((hair.TABLE_SIZE - 1) / 2)
    x, y = sphere[:2] * (step / np.maximum(1 - sphere[2], np.float32(0.1))) + middle
    border = cv2.BORDER_REPLICATE
    found = cv2.remap(style.table, x, y, cv2.INTER_LINEAR, borderMode=border)
    height, texture = cv2.split(found)
    # Both edges in pixels: the hairline, and the outline, which tufts break.
    outline = np.float32(style.volume) * (texture - 1) - outside * np.float32(radii[0])
    inside = np.minimum(height, outline) * np.float32(scene.unit / shots.TICKS)
    lit = _lambert(_along(sphere, radii, scene.light))
    maps = cv2.resize(
        cv2.merge([inside, lit, texture]), (size, size), interpolation=cv2.INTER_LINEAR
    )
    reach, lit, texture = cv2.split(maps)
    return np.clip(reach + np.float32(0.5), 0, 1), lit, texture


def _lambert(along: np.ndarray) -> np.ndarray:
    """Share of the light that skin reflects, from cosines normal · light."""
    dtype = along.dtype.type
    return np.clip((along + dtype(_WRAP)) * dtype(1 / (1 + _WRAP)), 0, 1)


def _along(sphere: np.ndarray, radii: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Cosines float32[G, G] between an ellipsoid's normals and the light."""
    normals = sphere / radii.astype(np.float32)[:, None, None]
    length = np.sqrt(np.einsum("kij,kij->ij", normals, normals))
    return _dot(light, normals) / length


def _cast(
    scene: shots.Scene, centre: np.ndarray, radii: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where rays through the photo meet an ellipsoid of the head.

    Returns:
      float32[3, G, G], the points on the unit sphere that the ellipsoid becomes when
      divided by its radii, and float32[G, G], how far the ray passes outside it, in
      radii (negative inside). A ray that misses gives its nearest point.
    """
    radii = radii * [scene.person.width, 1, 1]
    # The camera's axes and a ray's origin, in the sphere's coordinates.
    right, down, away = (scene.rotation / radii).astype(np.float32)
    start = ((shots.PIVOT - centre) / radii).astype(np.float32)
    pixels = (_grid(scene.size)[:, None] - scene.centre) / scene.unit
    across, along = pixels.astype(np.float32).T
    row = start[:, None] + right[:, None] * across
    origin = row[:, None, :] + (down[:, None] * along)[:, :, None]
    squared = away @ away
    nearest = origin - away[:, None, None] * (_dot(away, origin) / squared)
    miss = np.einsum("kij,kij->ij", nearest, nearest)
    distance = np.sqrt(miss)
    half_chord = np.sqrt(np.maximum(1 - miss, 0) / squared)
    sphere = nearest - away[:, None, None] * half_chord
    return sphere / np.maximum(distance, 1), distance - 1


def _dot(vector: np.ndarray, field: np.ndarray) -> np.ndarray:
    """The products float32[G, G] of a vector [3] with vectors float32[3, G, G]."""
    # As one matrix product: np.tensordot takes longer to get there than to do it.
    return (vector.astype(np.float32) @ field.reshape(3, -1)).reshape(field.shape[1:])


@functools.lru_cache(maxsize=4)
def _grid(size: int) -> np.ndarray:
    """Where the grid's cells lie, in ticks."""
    return shots.TICKS * (2 * np.arange((size + 1) // 2) + 0.5)
