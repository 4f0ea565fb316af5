"""The surface on which drawn masks lie: a sheet draped over the mean face.

Sheet coordinates are (u, v): u runs across from the middle of the face to the ears,
v down the middle from the nose bridge over nose and chin to the neck. Both count in
face units, in which the eye centres are 1 apart; at the middle v is about y.

The sheet is under tension, as cloth is: it spans from the nose to the cheeks and from
the nose to the chin instead of following the hollows. It goes on over the jaw to the
ears and the neck, for straps and for masks that are pulled down.
"""

import functools

import numpy as np
import scipy.interpolate

# Left, top, right, bottom of the sheet in (u, v).
EXTENT = (-2.0, -0.1, 2.0, 2.5)

_U = np.array([0.00, 0.30, 0.62, 0.95, 1.35, 1.70, 2.00])
# v → points (x, y, z) on the mean face's right half at the u above. Read off the mean
# of 911 face meshes in the frame of `layouts.MEAN_FACE`, lifted by 0.05 and made
# convex; the neck, which meshes lack, is a guess.
_ROWS = {
    -0.10: ((0.00, -0.10, -0.31), (0.25, -0.05, -0.14), (0.50, 0.00, -0.10),
            (0.78, 0.05, 0.02), (1.00, 0.10, 0.36), (1.11, 0.15, 0.68),
            (1.15, 0.20, 1.00)),
    0.12: ((0.00, 0.12, -0.50), (0.24, 0.17, -0.24), (0.50, 0.22, -0.14),
           (0.80, 0.26, 0.00), (1.02, 0.28, 0.36), (1.12, 0.29, 0.68),
           (1.16, 0.30, 1.00)),
    0.40: ((0.00, 0.40, -0.74), (0.28, 0.42, -0.48), (0.56, 0.44, -0.22),
           (0.83, 0.45, 0.00), (1.05, 0.44, 0.37), (1.13, 0.42, 0.70),
           (1.16, 0.40, 1.00)),
    0.65: ((0.00, 0.65, -0.69), (0.29, 0.65, -0.51), (0.58, 0.65, -0.26),
           (0.84, 0.65, 0.00), (1.06, 0.62, 0.37), (1.13, 0.56, 0.70),
           (1.16, 0.48, 1.00)),
    0.95: ((0.00, 0.95, -0.59), (0.29, 0.95, -0.47), (0.57, 0.94, -0.24),
           (0.83, 0.91, 0.06), (1.04, 0.85, 0.41), (1.12, 0.74, 0.72),
           (1.16, 0.58, 1.00)),
    1.25: ((0.00, 1.25, -0.52), (0.29, 1.25, -0.42), (0.55, 1.23, -0.19),
           (0.79, 1.18, 0.12), (1.00, 1.07, 0.46), (1.10, 0.90, 0.75),
           (1.16, 0.68, 1.00)),
    1.50: ((0.00, 1.52, -0.45), (0.29, 1.51, -0.35), (0.53, 1.47, -0.11),
           (0.75, 1.39, 0.21), (0.95, 1.24, 0.53), (1.07, 1.03, 0.80),
           (1.15, 0.80, 1.02)),
    1.72: ((0.00, 1.75, -0.30), (0.27, 1.72, -0.22), (0.50, 1.65, 0.00),
           (0.70, 1.54, 0.30), (0.90, 1.37, 0.60), (1.04, 1.15, 0.86),
           (1.13, 0.90, 1.06)),
    1.92: ((0.00, 1.83, -0.04), (0.25, 1.81, 0.03), (0.46, 1.75, 0.21),
           (0.65, 1.65, 0.47), (0.84, 1.49, 0.74), (0.99, 1.29, 0.96),
           (1.09, 1.05, 1.12)),
    2.15: ((0.00, 1.92, 0.22), (0.24, 1.91, 0.27), (0.43, 1.87, 0.41),
           (0.60, 1.79, 0.63), (0.77, 1.67, 0.86), (0.90, 1.50, 1.05),
           (0.99, 1.30, 1.20)),
    2.50: ((0.00, 2.22, 0.34), (0.23, 2.21, 0.38), (0.42, 2.18, 0.51),
           (0.58, 2.12, 0.71), (0.72, 2.00, 0.93), (0.82, 1.83, 1.12),
           (0.88, 1.62, 1.25)),
}  # fmt: skip


def drape(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Points float64[..., 3] of the mean face's frame at sheet coordinates [...].

    Coordinates beyond `EXTENT` give the points on its border.
    """
    u, v = np.broadcast_arrays(u, v)
    return np.stack([spline.ev(v, u) for spline in _splines()], axis=-1)


@functools.lru_cache(maxsize=1)
def _splines() -> list[scipy.interpolate.RectBivariateSpline]:
    right = np.array(list(_ROWS.values()))  # [rows, columns, 3]
    left = right[:, :0:-1] * [-1, 1, 1]
    table = np.concatenate([left, right], axis=1)
    u, v = np.concatenate([-_U[:0:-1], _U]), np.array(list(_ROWS))
    return [
        scipy.interpolate.RectBivariateSpline(v, u, table[..., k]) for k in range(3)
    ]
