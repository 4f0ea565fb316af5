"""Point sets in the plane: transforms between them, triangles, and pose.

Points are (x, y) in pixels, pixel centres at integers, x to the right and y down.
Matrices are 2×3 and act as ``points @ matrix[:, :2].T + matrix[:, 2]``.
"""

import dataclasses

import numpy as np
import scipy.spatial


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pose:
    """Orientation of a head as the camera sees it, in radians.

    Attributes:
      yaw: positive when the face is turned towards the right edge of the image.
      pitch: positive when the face looks up.
      roll: positive when the head leans clockwise in the image.
    """

    yaw: float
    pitch: float
    roll: float

    def mirrored(self) -> "Pose":
        """Returns the pose of the same head in the left-right mirrored image."""
        return Pose(yaw=-self.yaw, pitch=self.pitch, roll=-self.roll)

    def rotation(self) -> np.ndarray:
        """The 3×3 rotation Rz(roll)·Ry(yaw)·Rx(pitch), z away from the camera."""
        (cx, cy, cz), (sx, sy, sz) = (
            [f(a) for a in (self.pitch, self.yaw, self.roll)] for f in (np.cos, np.sin)
        )
        rotate_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
        rotate_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
        rotate_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
        return rotate_z @ rotate_y @ rotate_x

    @classmethod
    def from_rotation(cls, rotation: np.ndarray) -> "Pose":
        """Inverts `rotation`; exact for |yaw| < π/2.

        >>> pose = Pose(yaw=0.5, pitch=-0.2, roll=0.1)
        >>> back = Pose.from_rotation(pose.rotation())
        >>> [round(a, 6) for a in (back.yaw, back.pitch, back.roll)]
        [0.5, -0.2, 0.1]
        """
        return cls(
            yaw=float(np.arcsin(np.clip(rotation[2, 0], -1, 1))),
            pitch=float(np.arctan2(-rotation[2, 1], rotation[2, 2])),
            roll=float(np.arctan2(rotation[1, 0], rotation[0, 0])),
        )


def transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Applies a 2×3 matrix to points [..., 2]; returns float64[..., 2]."""
    return np.asarray(points) @ matrix[:, :2].T + matrix[:, 2]


def invert(matrix: np.ndarray) -> np.ndarray:
    """Returns the 2×3 inverse of an invertible 2×3 matrix."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def fit_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares rotation, uniform scale and shift from source to target.

    Args:
      source: float[K, 2], K ≥ 2 points, not all equal.
      target: float[K, 2].

    Returns:
      float64[2, 3], never a reflection.

    Raises:
      ValueError: the shapes differ, or the points do not determine a similarity.

    References:
      Umeyama, "Least-squares estimation of transformation parameters between two
      point patterns", TPAMI 1991.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
        raise ValueError(
            f"expected two [K, 2] point sets, got {source.shape} and {target.shape}"
        )
    if not np.isfinite(source).all() or not np.isfinite(target).all():
        raise ValueError("expected finite points, some are NaN or infinite")
    # A planar similarity is multiplication by one complex number.
    x, y = (points[:, 0] + 1j * points[:, 1] for points in (source, target))
    x_centred, y_centred = x - x.mean(), y - y.mean()
    spread = np.vdot(x_centred, x_centred).real
    if spread < 1e-12:
        raise ValueError("expected points that are not all equal")
    factor = np.vdot(x_centred, y_centred) / spread
    shift = y.mean() - factor * x.mean()
    return np.array(
        [
            [factor.real, -factor.imag, shift.real],
            [factor.imag, factor.real, shift.imag],
        ]
    )


def fit_triangles(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Affine maps float64[T, 2, 3] that send triangles [T, 3, 2] onto others."""
    origin, corner = source[:, 0], target[:, 0]
    (ax, ay), (bx, by) = (source[:, 1] - origin).T, (source[:, 2] - origin).T
    to_a, to_b = target[:, 1] - corner, target[:, 2] - corner
    # Cramer's rule, for all triangles at once.
    scale = (1 / (ax * by - ay * bx))[:, None]
    by_x = (by[:, None] * to_a - ay[:, None] * to_b) * scale
    by_y = (ax[:, None] * to_b - bx[:, None] * to_a) * scale
    shift = corner - by_x * origin[:, :1] - by_y * origin[:, 1:]
    return np.stack([by_x, by_y, shift], axis=-1)


def signed_areas(triangles: np.ndarray) -> np.ndarray:
    """Areas float64[T] of triangles [T, 3, 2]; the sign tells the orientation."""
    corners = np.asarray(triangles, np.float64)
    sides = corners[..., 1:, :] - corners[..., :1, :]
    across, down = sides[..., 0], sides[..., 1]
    return 0.5 * (across[..., 0] * down[..., 1] - down[..., 0] * across[..., 1])


def triangulate(points: np.ndarray) -> np.ndarray:
    """Delaunay triangles int32[T, 3] of points [K, 2], all with positive area.

    Raises:
      ValueError: fewer than three points, or all on one line.
    """
    try:
        triangles = scipy.spatial.Delaunay(np.asarray(points)).simplices
    except (scipy.spatial.QhullError, ValueError) as error:
        raise ValueError(
            f"cannot triangulate {len(points)} points: they need to be three or more, "
            "finite, and not on one line"
        ) from error
    flipped = signed_areas(np.asarray(points)[triangles]) < 0
    triangles[flipped] = triangles[flipped][:, ::-1]
    return triangles.astype(np.int32)


def fit_pose(
    points: np.ndarray,
    model: np.ndarray,
    *,
    iterations: int = 50,
    tolerance: float = 3e-4,
) -> Pose:
    """Pose of a rigid 3-D model seen in scaled-orthographic projection.

    Alternates between the depth that the current rotation implies and the rigid fit
    (orthogonal Procrustes) of the model to the points with that depth.

    Args:
      points: float[K, 2], K ≥ 4, in pixels.
      model: float[K, 3], not in one plane; x right, y down, z away from the camera.
      iterations: at most so many rounds.
      tolerance: stop when no entry of the rotation changes by more than this.

    Returns:
      The `Pose` with z towards the camera side on which the model's front lies.

    Raises:
      ValueError: the points coincide or are not finite.
    """
    flat = np.asarray(points, np.float64) - np.mean(points, axis=0)
    solid = np.asarray(model, np.float64) - np.mean(model, axis=0)
    if not np.isfinite(flat).all() or np.abs(flat).max() < 1e-9:
        raise ValueError("expected finite points that are not all equal")
    # All that the rounds need of the K points are these two matrices.
    seen, spread = flat.T @ solid, solid.T @ solid  # [2, 3], [3, 3]
    # The rounds start from the affine fit, made orthogonal.
    u, stretch, vt = np.linalg.svd(
        np.linalg.solve(spread, seen.T).T, full_matrices=False
    )
    rotation, scale = np.vstack([u @ vt, np.cross(*(u @ vt))]), stretch.mean()
    for _ in range(iterations):
        before = rotation
        depth = scale * rotation[2] @ spread
        u, _, vt = np.linalg.svd(np.vstack([seen, depth]))
        u[:, 2] *= np.sign(np.linalg.det(u @ vt))
        rotation = u @ vt
        turned = rotation[:2] @ spread
        scale = (rotation[:2] * seen).sum() / (rotation[:2] * turned).sum()
        if np.abs(rotation - before).max() < tolerance:
            break
    return Pose.from_rotation(rotation)
