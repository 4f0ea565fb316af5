"""Point layouts, maps between them, and the mean face.

"5"    eye centres, nose tip, mouth corners; left to right in the image (ArcFace).
"68"   the iBUG 300-W mark-up: 0–16 jaw, 17–26 brows, 27–35 nose, 36–47 eyes,
       48–67 mouth. This is what the library means by *landmarks*.
"468"  the MediaPipe face mesh.

"Left" is the image's left throughout.

References:
  Sagonas et al., "300 Faces in-the-Wild Challenge", ICCV Workshops 2013.
  Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile
  GPUs", CVPR Workshops 2019.
"""

import numpy as np

JAW = slice(0, 17)
LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
NOSE_TIP = 30
MOUTH_LEFT, MOUTH_RIGHT = 48, 54

POINT_COUNTS = {"5": 5, "68": 68, "468": 468}

# The vertex of the 468-point mesh nearest to each of the 68 points: the usual choice
# where it agrees with a 68-point detector on 1,078 bare faces, else the nearest vertex.
MESH_TO_68 = np.array([
    127, 234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454, 356,
    46, 53, 52, 65, 55, 285, 295, 282, 283, 276,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14,
    87,
])  # fmt: skip

# Where each of the 68 points goes when the image is mirrored.
MIRROR_68 = np.r_[
    16:-1:-1,  # jaw
    26:16:-1,  # brows
    27:31, 35:30:-1,  # nose
    45:41:-1, 47, 46, 39:35:-1, 41, 40,  # eyes
    54:47:-1, 59:54:-1, 64:59:-1, 67:64:-1,  # mouth
]  # fmt: skip

# The 68 points of a mean face, facing the camera: x right, y down, z away from the
# camera; the origin lies between the eyes and the eye centres are 1 apart. Mean of
# the aligned meshes of 1,078 faces, made symmetric; bridge and chin at one depth.
MEAN_FACE = np.array(
    [
        # Jaw, from the temple on the image's left over the chin.
        [-1.081, 0.212, 0.815],
        [-1.064, 0.443, 0.850],
        [-1.012, 0.890, 0.754],
        [-0.943, 1.117, 0.634],
        [-0.845, 1.283, 0.455],
        [-0.729, 1.394, 0.270],
        [-0.461, 1.562, -0.005],
        [-0.187, 1.663, -0.211],
        [0.000, 1.678, -0.241],
        [0.187, 1.663, -0.211],
        [0.461, 1.562, -0.005],
        [0.729, 1.394, 0.270],
        [0.845, 1.283, 0.455],
        [0.943, 1.117, 0.634],
        [1.012, 0.890, 0.754],
        [1.064, 0.443, 0.850],
        [1.081, 0.212, 0.815],
        # Brows.
        [-0.828, -0.182, 0.051],
        [-0.735, -0.265, -0.027],
        [-0.602, -0.308, -0.096],
        [-0.426, -0.307, -0.152],
        [-0.196, -0.240, -0.194],
        [0.196, -0.240, -0.194],
        [0.426, -0.307, -0.152],
        [0.602, -0.308, -0.096],
        [0.735, -0.265, -0.027],
        [0.828, -0.182, 0.051],
        # Nose: bridge, then base.
        [0.000, -0.114, -0.241],
        [0.000, 0.088, -0.422],
        [0.000, 0.258, -0.618],
        [0.000, 0.379, -0.677],
        [-0.205, 0.571, -0.377],
        [-0.120, 0.623, -0.413],
        [0.000, 0.622, -0.440],
        [0.120, 0.623, -0.413],
        [0.205, 0.571, -0.377],
        # Eyes.
        [-0.710, 0.016, 0.086],
        [-0.603, -0.061, -0.004],
        [-0.435, -0.075, -0.030],
        [-0.274, 0.026, -0.006],
        [-0.407, 0.044, -0.036],
        [-0.571, 0.049, -0.009],
        [0.274, 0.026, -0.006],
        [0.435, -0.075, -0.030],
        [0.603, -0.061, -0.004],
        [0.710, 0.016, 0.086],
        [0.571, 0.049, -0.009],
        [0.407, 0.044, -0.036],
        # Mouth: outer lip, then inner lip.
        [-0.429, 0.961, -0.146],
        [-0.254, 0.833, -0.384],
        [-0.126, 0.802, -0.440],
        [0.000, 0.815, -0.456],
        [0.126, 0.802, -0.440],
        [0.254, 0.833, -0.384],
        [0.429, 0.961, -0.146],
        [0.231, 1.097, -0.348],
        [0.123, 1.126, -0.401],
        [0.000, 1.136, -0.414],
        [-0.123, 1.126, -0.401],
        [-0.231, 1.097, -0.348],
        [-0.371, 0.954, -0.171],
        [-0.101, 0.915, -0.372],
        [0.000, 0.917, -0.387],
        [0.101, 0.915, -0.372],
        [0.371, 0.954, -0.171],
        [0.103, 0.998, -0.356],
        [0.000, 1.000, -0.370],
        [-0.103, 0.998, -0.356],
    ]
)
MEAN_FACE.flags.writeable = False


def layout_of(count: int) -> str:
    """The layout that has this many points.

    Raises:
      ValueError: no layout has.
    """
    for layout, points in POINT_COUNTS.items():
        if points == count:
            return layout
    raise ValueError(f"expected 5, 68 or 468 points, got {count}")


def to_landmarks(points: np.ndarray, layout: str) -> np.ndarray:
    """The 68 landmarks float32[68, 2] of points in layout "68" or "468".

    Raises:
      ValueError: the layout has no 68 points (such as "5"), is unknown, or the shape
        does not fit it.
    """
    points = _checked(points, layout)
    if layout == "68":
        return points
    if layout == "468":
        return points[MESH_TO_68]
    raise ValueError(
        "five points do not determine the 68 landmarks; use a 68-point or mesh detector"
    )


def to_five(points: np.ndarray, layout: str) -> np.ndarray:
    """The five ArcFace points float32[5, 2]: eye centres, nose tip, mouth corners."""
    if layout == "5":
        return _checked(points, layout)
    return five_of(to_landmarks(points, layout))


def five_of(landmarks: np.ndarray) -> np.ndarray:
    """The five points [5, D] of landmarks [68, D], in the plane or in space."""
    return np.stack(
        [
            landmarks[LEFT_EYE].mean(axis=0),
            landmarks[RIGHT_EYE].mean(axis=0),
            landmarks[NOSE_TIP],
            landmarks[MOUTH_LEFT],
            landmarks[MOUTH_RIGHT],
        ]
    )


def mirror(landmarks: np.ndarray, width: int) -> np.ndarray:
    """The landmarks [68, 2] in the mirrored image of this width in pixels."""
    mirrored = landmarks[MIRROR_68]
    return np.stack([width - 1 - mirrored[:, 0], mirrored[:, 1]], axis=1)


def _checked(points: np.ndarray, layout: str) -> np.ndarray:
    if layout not in POINT_COUNTS:
        raise ValueError(
            f"unknown layout {layout!r}; expected one of {', '.join(POINT_COUNTS)}"
        )
    points = np.asarray(points, np.float32)[:, :2]
    if points.shape[0] != POINT_COUNTS[layout]:
        raise ValueError(
            f"layout {layout!r} has {POINT_COUNTS[layout]} points, got {len(points)}"
        )
    return points
