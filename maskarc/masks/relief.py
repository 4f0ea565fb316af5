"""A drawn mask in space: a mesh that follows the landmarks and stands off the face.

Each vertex is a fixed linear combination of the landmarks, of two parts: where the
affine camera that fits the mean face to the landmarks sees the vertex, which carries
what stands off the face; and the landmarks' residuals, spread smoothly around them,
which make it follow the person's own face.
"""

import dataclasses
import functools

import numpy as np

from maskarc.landmarks import layouts
from maskarc.masks import forms, surface, wear

# Vertices across and down the sheet, on small faces and on others, and how many more
# times a sheet with knobs has each way.
COARSE, FINE = (13, 11), (21, 17)
_WITH_KNOBS = 2
# Cells of the map of normals.
_NORMAL_COLUMNS, _NORMAL_ROWS = 64, 44
# Landmarks that hold the mesh: all but the lips, which move beneath a mask.
_HOLD = np.array([*range(48), 48, 54])
# How far a residual reaches, in face units, and how little a single one is trusted.
_REACH, _DOUBT = 0.45, 0.3
# Fewer pixels per face unit are no face, nor is a head seen from farther behind.
_LEAST_UNIT, _BEHIND = 1.5, -0.25
# How far knobs stand out, in face units.
_KNOB = 0.2

Knobs = tuple[float, float, float] | None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Relief:
    """A mask's mesh in the mean face's frame, tied to the landmarks.

    Attributes:
      weights: float64[P, 68]; ``weights @ landmarks`` are the vertices in the photo.
      source: float64[P, 2], where the vertices lie in the picture, as shares of its
        width and height; (0, 0) is the outer corner of its first pixel.
      triangles: int32[T, 3], rows of vertices; of positive area where their outside is
        seen.
      solid: float64[P, 3], the vertices on the mean face.
      outwards: float64[P, 3], unit normals at the vertices.
      normals: float32[R, C, 3], outward unit normals at the centres of R × C cells that
        tile the picture.
    """

    weights: np.ndarray
    source: np.ndarray
    triangles: np.ndarray
    solid: np.ndarray
    outwards: np.ndarray
    normals: np.ndarray

    @functools.cached_property
    def _centres(self) -> np.ndarray:
        return self.solid[self.triangles].mean(axis=1)

    def depths(self, away: np.ndarray) -> np.ndarray:
        """How far each triangle is from the camera, float64[T], in face units.

        Args:
          away: float[3], as `view_axis` gives it.
        """
        return self._centres @ away

    def facing(self, away: np.ndarray) -> np.ndarray:
        """Which triangles bool[T] turn at least a corner towards the camera.

        Those along the outline of the mask turn one away: drawn too, they make the
        outline as smooth as the mesh, instead of a saw.
        """
        is_seen = self.outwards @ away < 0
        return is_seen[self.triangles].any(axis=1)

    def only(self, kept: np.ndarray) -> "Relief":
        """The relief with some of its triangles, bool[T]."""
        return dataclasses.replace(self, triangles=self.triangles[kept])

    def mirrored(self) -> "Relief":
        """The relief of the left-right mirrored mask."""
        return Relief(
            weights=self.weights[:, layouts.MIRROR_68],
            source=[1, 0] + self.source * [-1, 1],
            triangles=self.triangles[:, ::-1],
            solid=self.solid * [-1, 1, 1],
            outwards=self.outwards * [-1, 1, 1],
            normals=self.normals[:, ::-1] * np.array([-1, 1, 1], np.float32),
        )


@functools.lru_cache(maxsize=256)
def relief(
    form: str,
    worn: wear.Wear,
    knobs: Knobs = None,
    detail: tuple[int, int] = FINE,
) -> Relief:
    """The mesh of the whole sheet of a form, worn in some way.

    Args:
      form: a name in `forms.FORMS`.
      worn: where the sheet lies.
      knobs: (u, v, radius) of a round part on either side, or None.
      detail: vertices across and down.
    """
    left, top, right, bottom = surface.EXTENT
    columns, rows = (
        (count - 1) * (1 if knobs is None else _WITH_KNOBS) + 1 for count in detail
    )
    x, y = np.linspace(0, 1, columns), np.linspace(0, 1, rows)
    source = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    u, v = (source * (right - left, bottom - top) + (left, top)).T
    solid = _standing(form, worn, knobs, u, v)
    anchored = surface.drape(*wear.displaced(u, v, worn))
    return Relief(
        weights=_follow(solid, anchored),
        source=source,
        triangles=_cells(columns, rows),
        solid=solid,
        outwards=_normals(form, worn, knobs, u, v),
        normals=_normals(form, worn, knobs, *_middles()).astype(np.float32),
    )


def camera_of(landmarks: np.ndarray) -> np.ndarray:
    """The affine camera float64[3, 2] under which the mean face fits landmarks.

    Args:
      landmarks: float64[68, 2].

    Returns:
      How one face unit along x, y and z (of the mean face's frame) moves in pixels.
    """
    return (_camera_fit() @ landmarks[_HOLD])[:3]


def spans_a_face(camera: np.ndarray) -> bool:
    """Whether a camera [3, 2] shows a face from before, larger than a few pixels."""
    unit = unit_of(camera)
    return unit > _LEAST_UNIT and bool(view_axis(camera)[2] > _BEHIND)


def unit_of(camera: np.ndarray) -> float:
    """Pixels of one face unit under a camera [3, 2]."""
    away = _away(camera)
    return float(np.sqrt(np.sqrt(away @ away)))


def view_axis(camera: np.ndarray) -> np.ndarray:
    """The direction float64[3] away from a camera [3, 2], of unit length.

    Zero where the camera flattens the face to a line.
    """
    away = _away(camera)
    length = np.sqrt(away @ away)
    return away / length if length else away


def _away(camera: np.ndarray) -> np.ndarray:
    """The cross product of a camera's axes; np.cross takes five times as long."""
    (ax, bx), (ay, by), (az, bz) = camera.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def _standing(
    form: str, worn: wear.Wear, knobs: Knobs, u: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """Points float64[..., 3] of a worn mask at sheet coordinates [...]."""
    shape = surface.drape(u, v)[..., 2]
    off = forms.FORMS[form](u, v, shape) - shape
    placed = surface.drape(*wear.displaced(u, v, worn))
    # A slack sheet hangs away from the head's axis.
    outwards = placed - [0, 0, 0.6]
    outwards[..., 1] = 0
    outwards /= np.linalg.norm(outwards, axis=-1, keepdims=True)
    lift = worn.slack * np.clip(6 * (1.5 - np.abs(u)), 0, 1)
    if knobs is not None:
        middle, height, radius = knobs
        distance = np.hypot(np.abs(u) - middle, v - height)
        lift += _KNOB * np.clip((radius - distance) / 0.08 + 0.5, 0, 1)
    placed += lift[..., None] * outwards
    placed[..., 2] += worn.bulge * off
    return placed


def _cells(columns: int, rows: int) -> np.ndarray:
    """Two triangles a cell of a grid of vertices, mirror-symmetric."""
    row, column = np.mgrid[: rows - 1, : columns - 1]
    a = (row * columns + column).ravel()  # upper left
    b, c, d = a + 1, a + columns, a + columns + 1
    is_left = (column < (columns - 1) / 2).ravel()
    falling = np.stack([[a, b, d], [a, d, c]])
    rising = np.stack([[a, b, c], [b, d, c]])
    triangles = np.where(is_left, falling, rising)  # [2, 3, cells]
    return triangles.transpose(2, 0, 1).reshape(-1, 3).astype(np.int32)


def _middles() -> tuple[np.ndarray, np.ndarray]:
    """(u, v) of the middles of the cells that carry normals, two float64[R, C]."""
    left, top, right, bottom = surface.EXTENT
    x = (np.arange(_NORMAL_COLUMNS) + 0.5) / _NORMAL_COLUMNS
    y = (np.arange(_NORMAL_ROWS) + 0.5) / _NORMAL_ROWS
    u, v = np.meshgrid(left + x * (right - left), top + y * (bottom - top))
    return u, v


def _normals(
    form: str, worn: wear.Wear, knobs: Knobs, u: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """Outward unit normals float64[..., 3] of a worn mask."""
    place = functools.partial(_standing, form, worn, knobs)
    step = 1e-2
    across = place(u + step, v) - place(u - step, v)
    down = place(u, v + step) - place(u, v - step)
    normals = np.cross(down, across)
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)


@functools.lru_cache(maxsize=1)
def _camera_fit() -> np.ndarray:
    """float64[4, K], from the held landmarks to a camera's axes and origin."""
    return np.linalg.pinv(_homogeneous(layouts.MEAN_FACE[_HOLD]))


def _follow(solid: np.ndarray, anchored: np.ndarray) -> np.ndarray:
    """Weights float64[P, 68] of vertices `solid` that cling to the face at `anchored`.

    Both are float64[P, 3] on the mean face.
    """
    held = layouts.MEAN_FACE[_HOLD]
    seen = _homogeneous(solid) @ _camera_fit()
    residual = np.eye(len(held)) - _homogeneous(held) @ _camera_fit()
    among = _kernel(held, held) + _DOUBT * np.eye(len(held))
    spread = np.linalg.solve(among, _kernel(held, anchored)).T
    weights = np.zeros((len(solid), 68))
    weights[:, _HOLD] = seen + spread @ residual
    return weights


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return np.exp(-0.5 * squared / _REACH**2)


def _homogeneous(points: np.ndarray) -> np.ndarray:
    return np.column_stack([points, np.ones(len(points))])
