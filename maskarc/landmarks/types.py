"""What every landmark back end returns."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Face:
    """One face in a photo.

    Attributes:
      box: float32[4], left, top, right, bottom in pixels; may reach outside.
      score: the detector's confidence in [0, 1].
      points: float32[K, 2], (x, y) in pixels; may lie outside the photo.
      layout: what the points are: "5", "68" or "468" (`maskarc.landmarks.layouts`).
    """

    box: np.ndarray
    score: float
    points: np.ndarray
    layout: str

    @property
    def size(self) -> float:
        """Side of the square with the box's area, in pixels."""
        width, height = np.maximum(self.box[2:] - self.box[:2], 0)
        return float(np.sqrt(width * height))


class Detector(Protocol):
    """Finds the faces of a photo.

    Called with an image uint8[H, W, 3], RGB, and the name under which its folder
    lists it (only ``given`` looks at the name). Returns one `Face` a face, best first;
    an empty list where there is none, never None.
    """

    def __call__(self, image: np.ndarray, name: str = "") -> list[Face]: ...


def box_of(points: np.ndarray) -> np.ndarray:
    """The bounding box float32[4] of points [K, 2]."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)


def main_face(faces: Sequence[Face], image_shape: Sequence[int]) -> Face | None:
    """The face that a photo is of: large and near the centre.

    Args:
      faces: the faces found in one photo.
      image_shape: (height, width, ...) of the photo.

    Returns:
      The face with the greatest score·area − 2·distance², where the distance in pixels
      is from the box's centre to the photo's; None where there are no faces.
    """
    height, width = image_shape[:2]
    photo_centre = np.array([width - 1, height - 1]) / 2

    def prominence(face: Face) -> float:
        offset = (face.box[:2] + face.box[2:]) / 2 - photo_centre
        return face.score * face.size**2 - 2 * float(offset @ offset)

    return max(faces, key=prominence, default=None)
