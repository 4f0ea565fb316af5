"""The `canonical` back end: the mean face, for crops that are already aligned."""

import dataclasses

import numpy as np

from maskarc import alignment, geometry
from maskarc.landmarks import layouts, types

# How photos taken from the front show the mean face: the median pitch of 288 of them.
_FRONTAL = geometry.Pose(yaw=0.0, pitch=-0.24, roll=0.0).rotation()


@dataclasses.dataclass(frozen=True, kw_only=True)
class CanonicalLandmarks:
    """Puts the mean face where ArcFace's template has its five points.

    For crops made by `alignment.align` or another tool with that template, of any
    size; in one that is not square the template lies in the middle of the longer side's
    square (so 112×96 crops fit too).

    Attributes:
      margin: the crop's extra border, as in `alignment.crop_matrix`.
    """

    margin: float = 0.0

    def __call__(self, image: np.ndarray, name: str = "") -> list[types.Face]:
        """Returns one face, whatever the image shows; score 1, layout "68"."""
        del name
        height, width = image.shape[:2]
        size = max(height, width)
        mean_face = (layouts.MEAN_FACE @ _FRONTAL.T)[:, :2]
        matrix = alignment.crop_matrix(
            layouts.to_five(mean_face, "68"), size=size, margin=self.margin
        )
        shift = (np.array([width, height]) - size) / 2
        points = (geometry.transform(mean_face, matrix) + shift).astype(np.float32)
        return [
            types.Face(box=types.box_of(points), score=1.0, points=points, layout="68")
        ]
