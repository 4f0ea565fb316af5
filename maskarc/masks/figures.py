"""Pictures to judge masks by: landmarks, triangles, cut-outs, before and after."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from maskarc.masks import topology, types
from maskarc.opencv import cv2

_JAW, _REST, _LINE = (255, 200, 0), (0, 220, 255), (0, 255, 0)
_BOX = (255, 60, 60)
_PAPER = 255


def draw_landmarks(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A copy of uint8[H, W, 3] with the 68 landmarks; the jaw in another colour."""
    drawn = image.copy()
    radius = max(1, round(np.ptp(landmarks[:, 0]) / 100))
    for index, point in enumerate(landmarks):
        colour = _JAW if index < 17 else _REST
        x, y = (int(v) for v in np.rint(point))
        cv2.circle(drawn, (x, y), radius, colour, cv2.FILLED, cv2.LINE_AA)
    return drawn


def draw_triangulation(
    image: np.ndarray, landmarks: np.ndarray, indices: Sequence[int] = range(68)
) -> np.ndarray:
    """A copy of uint8[H, W, 3] with the triangles that carry a mask.

    Args:
      image: the photo.
      landmarks: float[K, 2], (x, y) in pixels.
      indices: which of the 68 landmarks these are.
    """
    mesh = topology.mesh(tuple(indices))
    triangles = (mesh.weights @ landmarks)[mesh.triangles]
    corners = np.rint(triangles * 16).astype(np.int32)
    return cv2.polylines(
        image.copy(), list(corners), True, _LINE, 1, cv2.LINE_AA, shift=4
    )


def draw_overlay(
    image: np.ndarray, covered: np.ndarray, faces: Sequence[dict[str, Any]]
) -> np.ndarray:
    """A copy of a masked photo with outlines of masks, boxes and points of faces.

    Args:
      image: uint8[H, W, 3].
      covered: uint8[H, W], 255 where a mask lies, else 0.
      faces: records of the manifest.
    """
    drawn = image.copy()
    outlines, _ = cv2.findContours(covered, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(drawn, outlines, -1, _LINE, 1, cv2.LINE_AA)
    for face in faces:
        left, top, right, bottom = np.rint(face["box"]).astype(int).tolist()
        cv2.rectangle(drawn, (left, top), (right, bottom), _BOX)
        drawn = draw_landmarks(drawn, np.array(face["landmarks"]))
    return drawn


def flatten(mask: types.Mask) -> np.ndarray:
    """The mask's picture uint8[h, w, 3] on a grey checkerboard."""
    height, width = mask.rgba.shape[:2]
    y, x = np.mgrid[:height, :width] // 8
    paper = np.where((x + y) % 2, 210, 170)[..., None]
    alpha = mask.rgba[..., 3:] / 255
    return np.rint(mask.rgba[..., :3] * alpha + paper * (1 - alpha)).astype(np.uint8)


def grid(
    pictures: Sequence[np.ndarray], *, columns: int, cell: int = 160
) -> np.ndarray:
    """Lays pictures out row by row.

    Args:
      pictures: uint8[H, W, 3], at least one; each is scaled to fit its cell.
      columns: pictures a row, at least one.
      cell: side of a cell in pixels.

    Returns:
      uint8[rows·cell, columns·cell, 3], white where nothing lies.

    Raises:
      ValueError: there are no pictures or no columns.
    """
    if not pictures or columns < 1:
        raise ValueError(
            f"expected pictures and columns, got {len(pictures)} and {columns}"
        )
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * cell, columns * cell, 3), _PAPER, np.uint8)
    for number, picture in enumerate(pictures):
        height, width = picture.shape[:2]
        scale = (cell - 4) / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        top = number // columns * cell + (cell - size[1]) // 2
        left = number % columns * cell + (cell - size[0]) // 2
        sheet[top : top + size[1], left : left + size[0]] = cv2.resize(
            picture, size, interpolation=mode
        )
    return sheet


def before_and_after(
    photos: Sequence[np.ndarray], masked: Sequence[np.ndarray], *, columns: int = 4
) -> np.ndarray:
    """A grid of photos, each with its masked copy on its right.

    Args:
      photos: uint8[H, W, 3], at least one.
      masked: as many.
      columns: pairs a row.

    Raises:
      ValueError: no photos, or not as many of both.
    """
    if len(photos) != len(masked):
        raise ValueError(f"got {len(photos)} photos and {len(masked)} masked ones")
    pairs = [side for pair in zip(photos, masked, strict=True) for side in pair]
    return grid(pairs, columns=2 * columns)
