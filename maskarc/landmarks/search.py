"""A patient search for faces: scales, padding and quarter turns around one finder."""

import dataclasses
from collections.abc import Iterator

import cv2
import numpy as np

from maskarc import geometry
from maskarc.landmarks import types


def find_faces(
    image: np.ndarray,
    finder: types.Detector,
    *,
    max_side: int = 640,
    rotations: bool = True,
) -> list[types.Face]:
    """Looks at a photo in several ways until one shows a face.

    In turn: the photo scaled down to `max_side`; with a wide border, for a crop that
    the face fills; twice as large, for tiny faces; and turned by quarters.

    Args:
      image: uint8[H, W, 3], RGB.
      finder: finds faces at one scale, upright.
      max_side: longer side of what the finder sees first, in pixels.
      rotations: whether to try quarter turns.

    Returns:
      The faces of the first view that shows any, in the photo's pixels, best first.
    """
    for view, to_photo in _views(image, max_side, rotations):
        faces = finder(view)
        if faces:
            return [_moved(face, to_photo) for face in faces]
    return []


def _views(
    image: np.ndarray, max_side: int, rotations: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields views of a photo, each with the 2×3 matrix back to the photo's pixels."""
    side = max(image.shape[:2])
    yield _resized(image, min(1.0, max_side / side))
    border = side // 2
    padded = cv2.copyMakeBorder(
        image, border, border, border, border, cv2.BORDER_CONSTANT, value=(127,) * 3
    )
    view, to_padded = _resized(padded, min(1.0, max_side / (side + 2 * border)))
    to_padded[:, 2] -= border
    yield view, to_padded
    yield _resized(image, min(2.0, 2 * max_side / side))
    if rotations:
        upright, to_photo = _resized(image, min(1.0, max_side / side))
        for turns in (1, 3, 2):
            view = np.ascontiguousarray(np.rot90(upright, turns))
            yield view, _compose(to_photo, _unturned(upright.shape, turns))


def _resized(image: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The image at about this scale, and the matrix from its pixels to the image's."""
    if scale == 1.0:
        return image, np.eye(2, 3)
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    ratio = np.array([width / size[0], height / size[1]])
    matrix = np.column_stack([np.diag(ratio), (ratio - 1) / 2])
    return cv2.resize(image, size, interpolation=mode), matrix


def _unturned(shape: tuple[int, ...], turns: int) -> np.ndarray:
    """The matrix from the pixels of np.rot90(image, turns) to those of the image."""
    right, bottom = shape[1] - 1.0, shape[0] - 1.0
    return {
        1: np.array([[0.0, -1, right], [1, 0, 0]]),
        2: np.array([[-1.0, 0, right], [0, -1, bottom]]),
        3: np.array([[0.0, 1, 0], [-1, 0, bottom]]),
    }[turns]


def _compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The 2×3 matrix that applies `inner`, then `outer`."""
    return np.column_stack(
        [outer[:, :2] @ inner[:, :2], geometry.transform(inner[:, 2], outer)]
    )


def _moved(face: types.Face, matrix: np.ndarray) -> types.Face:
    corners = geometry.transform(face.box.reshape(2, 2), matrix)
    return dataclasses.replace(
        face,
        box=types.box_of(corners),
        points=geometry.transform(face.points, matrix).astype(np.float32),
    )
