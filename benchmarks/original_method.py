"""The method that maskarc follows, reimplemented to compare with.

A cut-out is a polygon over nose bridge and jaw. Each of its Delaunay triangles is
warped by itself, over the whole image, and pasted with a hard edge; brightness is left
as it is. Cut-outs are made here from a drawn mask on the mean face, one a yaw.
"""

import dataclasses

import cv2
import numpy as np

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.masks import drawing, rendering

# Nose bridge and jaw.
POINTS = np.array([28, *range(1, 16)])
YAWS = range(-60, 61, 15)
_SIZE, _UNIT = 400, 110


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CutOut:
    """A picture uint8[h, w, 3], the polygon's points float32[16, 2], and its yaw."""

    picture: np.ndarray
    points: np.ndarray
    yaw: float


def cut_outs() -> list[CutOut]:
    """Cut-outs of a surgical mask, one a yaw."""
    [mask] = [m for m in drawing.builtin_masks() if m.name == "surgical_blue"]
    made = []
    for degrees in YAWS:
        pose = geometry.Pose(yaw=float(np.radians(degrees)), pitch=-0.24, roll=0.0)
        turned = layouts.MEAN_FACE @ pose.rotation().T
        landmarks = _UNIT * turned[:, :2] + (_SIZE / 2, 0.3 * _SIZE)
        photo = np.full((_SIZE, _SIZE, 3), (200, 160, 140), np.uint8)
        picture = rendering.render(photo, landmarks, mask)
        points = landmarks[POINTS].astype(np.float32)
        made.append(CutOut(picture=picture, points=points, yaw=pose.yaw))
    return made


def render(
    image: np.ndarray, landmarks: np.ndarray, cut: CutOut
) -> tuple[np.ndarray, np.ndarray]:
    """The photo with the cut-out, and its binary alpha uint8[H, W]."""
    height, width = image.shape[:2]
    target = landmarks[POINTS].astype(np.float32)
    result, alpha = image.copy(), np.zeros((height, width), np.uint8)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(inside, np.rint(target).astype(np.int32), 255)
    for triangle in geometry.triangulate(cut.points):
        matrix = cv2.getAffineTransform(cut.points[triangle], target[triangle])
        warped = cv2.warpAffine(cut.picture, matrix, (width, height))
        area = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(area, np.rint(target[triangle]).astype(np.int32), 255)
        area = cv2.bitwise_and(area, inside)
        result = np.where(area[..., None] > 0, warped, result)
        alpha = cv2.bitwise_or(alpha, area)
    return result, alpha


def nearest(cuts: list[CutOut], yaw: float) -> CutOut:
    """The cut-out of the nearest yaw."""
    return min(cuts, key=lambda cut: abs(cut.yaw - yaw))
