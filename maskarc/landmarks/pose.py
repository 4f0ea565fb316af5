"""Head pose from landmarks."""

import numpy as np

from maskarc import geometry
from maskarc.landmarks import layouts

# Points that expressions move least: brows and jaw above the mouth, nose, eye corners.
RIGID = np.array([0, 1, 2, 3, 13, 14, 15, 16, *range(27, 36), 36, 39, 42, 45, 8])


def head_pose(
    landmarks: np.ndarray, indices: np.ndarray | None = None
) -> geometry.Pose:
    """Yaw, pitch and roll of a face, by fitting the mean face to its landmarks.

    Pitch counts from where bridge and chin are at one depth: photos taken from the
    front have about -0.25.

    Args:
      landmarks: float[K, 2], in pixels.
      indices: int[K], which of the 68 landmarks these are; all 68 by default, of
        which the fit then uses the ones that expressions move little.

    Returns:
      `geometry.Pose`, radians.

    Raises:
      ValueError: the landmarks coincide or are not finite.
    """
    if indices is None:
        landmarks, indices = np.asarray(landmarks)[RIGID], RIGID
    return geometry.fit_pose(landmarks, layouts.MEAN_FACE[indices])
