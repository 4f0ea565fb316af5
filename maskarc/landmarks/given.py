"""The `given` back end: the user's own landmarks."""

import dataclasses
import functools
import os
import pathlib

import numpy as np

from maskarc.landmarks import files, layouts, table, types


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GivenLandmarks:
    """Returns landmarks that are known already; looks at the image's name only.

    Attributes:
      landmarks: one of
        - an array [K, 2], or [N, K, 2] for N faces, that holds for every image;
        - a `LandmarkTable`;
        - a path: .npy with such an array, or .npz, .csv or .json with landmarks by
          image name, in the formats of `maskarc.landmarks.files`.

    K is 5, 68 or 468; where 68 are needed, 5 are an error (`layouts.to_landmarks`).
    An image that the table or file does not name has no faces.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: the file or the array does not hold landmarks.
    """

    landmarks: np.ndarray | table.LandmarkTable | str | os.PathLike[str]

    def __post_init__(self):
        _ = self._faces

    def __call__(self, image: np.ndarray, name: str = "") -> list[types.Face]:
        """Returns the faces of the image of this name; score 1."""
        del image
        if isinstance(self._faces, list):
            return list(self._faces)
        return [self._faces[name]] if name in self._faces else []

    @functools.cached_property
    def _faces(self) -> list[types.Face] | dict[str, types.Face]:
        """The faces of every image, or by name."""
        given = self.landmarks
        if isinstance(given, table.LandmarkTable):
            points = {name: given.get(name) for name in given.names}
        elif isinstance(given, str | os.PathLike):
            path = pathlib.Path(given)
            if path.suffix.lower() == ".npy":
                return _faces_of_array(files.read_array(path))
            points = {row.name: row.points for row in files.read(path)}
        else:
            return _faces_of_array(np.asarray(given))
        return {name: _face(p) for name, p in points.items() if p is not None}


def _faces_of_array(points: np.ndarray) -> list[types.Face]:
    if points.ndim not in (2, 3) or points.shape[-1] != 2:
        raise ValueError(f"expected landmarks [K, 2] or [N, K, 2], got {points.shape}")
    if points.ndim == 2:
        points = points[None]
    return [_face(p) for p in points]


def _face(points: np.ndarray) -> types.Face:
    points = np.asarray(points, np.float32)
    if not np.isfinite(points).all():
        raise ValueError("expected finite landmarks, some are NaN or infinite")
    return types.Face(
        box=types.box_of(points),
        score=1.0,
        points=points,
        layout=layouts.layout_of(len(points)),
    )
