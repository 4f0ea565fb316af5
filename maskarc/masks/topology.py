"""Control points and triangles that carry a mask from one face to another.

One triangulation, made on the mean face, serves the source and the target of a warp:
triangles keep their meaning in every pose, and one that is turned away from the camera
shows a negative area.
"""

import dataclasses
import functools

import numpy as np

from maskarc import geometry
from maskarc.landmarks import layouts

# Landmarks that a mask hangs on: jaw, nose bridge to base, mouth corners.
CONTROLS = (*range(17), 27, 28, 29, 30, 33, 48, 54)
# Shares of the distance from the centre of these landmarks, which lies inside the head:
# a mask stands off the face, and a ring beyond the jaw carries what overhangs it.
CENTRE = (28, 4, 12)
STANDOFF = 0.08
OVERHANG = 0.3


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """Triangles over control points that are linear in a set of K landmarks.

    Attributes:
      weights: float64[P, K]; ``weights @ landmarks`` are the control points.
      triangles: int32[T, 3], rows of control points.
      solid: float64[P, 3], the control points on the mean face.
    """

    weights: np.ndarray
    triangles: np.ndarray
    solid: np.ndarray

    @functools.cached_property
    def areas(self) -> np.ndarray:
        """Areas float64[T] on the mean face seen from the front; all positive."""
        return geometry.signed_areas(self.solid[self.triangles, :2])

    @functools.cached_property
    def _camera_fit(self) -> np.ndarray:
        return np.linalg.pinv(self.solid - self.solid.mean(axis=0))

    def depths(self, points: np.ndarray) -> np.ndarray:
        """Distance float64[T] of each triangle behind the face's middle.

        Args:
          points: float[P, 2], the control points as an affine camera sees them.
        """
        (ax, ay, az), (bx, by, bz) = (self._camera_fit @ points).T
        away = np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
        return (self.solid @ away)[self.triangles].sum(axis=1)


@functools.lru_cache(maxsize=64)
def mesh(indices: tuple[int, ...]) -> Mesh:
    """The mesh over those of the landmarks `indices` that a mask hangs on.

    Raises:
      ValueError: one of `CENTRE` is not among them.
    """
    position = {index: row for row, index in enumerate(indices)}
    identity = np.eye(len(indices))
    missing = [i for i in CENTRE if i not in position]
    if missing:
        raise ValueError(f"a mask needs the landmarks {CENTRE}, {missing} are missing")
    centre = identity[[position[i] for i in CENTRE]].mean(axis=0)
    on_face = [identity[position[i]] for i in CONTROLS if i in position]
    jaw = [identity[position[i]] for i in range(17) if i in position]
    weights = np.concatenate(
        [
            centre + (1 + STANDOFF) * (np.stack(on_face) - centre),
            centre + (1 + OVERHANG) * (np.stack(jaw) - centre),
        ]
    )
    solid = weights @ layouts.MEAN_FACE[list(indices)]
    triangles = geometry.triangulate(solid[:, :2])
    return Mesh(weights=weights, triangles=triangles, solid=solid)
