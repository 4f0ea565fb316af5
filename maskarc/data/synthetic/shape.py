"""The shape of synthetic heads: deformations of the mean face by named traits."""

import numpy as np

from maskarc.landmarks import layouts

_FLIP = np.array([-1.0, 1.0, 1.0])

# Points that no landmark marks, on the side of the image's right.
_OUTLINE = [  # the face's edge as a turned head shows it, from chin to forehead
    [0.40, 1.44, -0.06],
    [0.66, 1.14, 0.04],
    [0.83, 0.84, 0.14],
    [0.93, 0.46, 0.22],
    [0.92, 0.10, 0.22],
    [0.90, -0.30, 0.24],
    [0.84, -0.70, 0.26],
    [0.62, -1.05, 0.22],
]
_HOLLOWS = [  # beside the nose, under the lip
    [0.27, 0.24, -0.13],
    [0.20, 1.26, -0.24],
]
_NECK = [[0.66, 1.05, 1.00]]
_EAR = [
    [1.05, 0.05, 0.86],
    [1.14, -0.10, 0.98],
    [1.24, -0.08, 1.12],
    [1.26, 0.12, 1.18],
    [1.19, 0.34, 1.12],
    [1.12, 0.50, 1.00],
    [1.06, 0.58, 0.90],
    [1.05, 0.46, 0.84],
]
_HALF = np.array(_OUTLINE + _HOLLOWS + _NECK + _EAR)

# The mean head: the 68 landmarks, then the points above, left and right.
REST = np.concatenate([layouts.MEAN_FACE, _HALF * _FLIP, _HALF])
# The mean of many faces has its lips apart; at rest they meet.
REST[[61, 62, 63], 1] += 0.035
REST[[65, 66, 67], 1] -= 0.035
REST.flags.writeable = False

OUTLINE = (slice(68, 76), slice(87, 95))
NOSE_SIDE, UNDER_LIP, NECK = (76, 95), (77, 96), (78, 97)
EAR = (slice(79, 87), slice(98, 106))
LEFT_BROW, RIGHT_BROW = slice(17, 22), slice(22, 27)
NOSE, MOUTH = slice(27, 36), slice(48, 68)

# Ellipsoids of the head, centre and radii: what is under the hair, and the face.
SKULL = (np.array([0.0, -0.38, 1.08]), np.array([1.12, 1.22, 1.36]))
FACE = (np.array([0.0, 0.18, 0.95]), np.array([1.16, 1.72, 1.26]))

# Trait: (standard deviation, mean of men minus mean of women), mostly in head units.
_TRAITS = {
    "head_width": (0.055, 0.02),
    "jaw_width": (0.055, 0.05),
    "chin_width": (0.16, 0.10),
    "face_length": (0.07, 0.0),
    "chin_length": (0.09, 0.04),
    "chin_forward": (0.07, 0.03),
    "eye_distance": (0.045, 0.0),
    "eye_height": (0.03, 0.0),
    "eye_width": (0.10, -0.04),
    "eye_opening": (0.24, -0.10),
    "eye_slant": (0.11, -0.04),
    "brow_height": (0.045, 0.04),
    "brow_slant": (0.12, 0.0),
    "brow_arch": (0.05, -0.03),
    "brow_length": (0.10, 0.0),
    "nose_width": (0.16, 0.05),
    "nose_length": (0.08, 0.03),
    "nose_bridge": (0.06, 0.03),
    "nose_tip": (0.04, 0.0),
    "mouth_width": (0.12, 0.0),
    "mouth_height": (0.04, 0.0),
    "mouth_corners": (0.03, 0.0),
    "upper_lip": (0.28, -0.15),
    "lower_lip": (0.28, -0.10),
    "ear_size": (0.15, 0.0),
    "ear_angle": (0.03, 0.0),
}


def create_face(rng: np.random.Generator, woman: bool) -> tuple[np.ndarray, float]:
    """Draws a face at rest, float64[106, 3], and the factor of the head's width."""
    normal = np.clip(rng.standard_normal(len(_TRAITS)), -2.2, 2.2)
    traits = {
        name: deviation * value + (-0.5 if woman else 0.5) * difference
        for value, (name, (deviation, difference)) in zip(
            normal, _TRAITS.items(), strict=True
        )
    }
    points = REST.copy()
    _shape_head(points, traits)
    _shape_eyes(points, traits)
    _shape_nose(points, traits)
    _shape_mouth(points, traits)
    # What no trait names: each point a little its own, and a little asymmetry.
    own = rng.normal(0, 0.012, (68, 3))
    own += own[layouts.MIRROR_68] * _FLIP + rng.normal(0, 0.005, (68, 3))
    own[36:] *= 0.5  # lids and lips lie close together
    points[:68] += own
    return points, 1 + traits["head_width"]


def _shape_head(points: np.ndarray, traits: dict[str, float]) -> None:
    x, y, _ = REST.T
    middle, lower = np.clip(y / 0.6, 0, 1), np.clip((y - 0.4) / 0.8, 0, 1)
    chin = np.clip((y - 1.1) / 0.55, 0, 1)
    points[:, 0] += x * (
        traits["head_width"]
        + lower * traits["jaw_width"]
        + chin * (1 - 0.3 * chin) * traits["chin_width"]
    )
    points[:, 1] += middle * traits["face_length"] + chin * traits["chin_length"]
    points[:, 2] -= chin * traits["chin_forward"]
    for ear, side in zip(EAR, (-1, 1), strict=True):
        points[ear] += (points[ear] - points[ear].mean(axis=0)) * traits["ear_size"]
        points[ear, 0] += side * abs(traits["ear_angle"])


def _shape_eyes(points: np.ndarray, traits: dict[str, float]) -> None:
    # Drawn eyes want to be a little larger than the mean face has them.
    grow = [1.18 + traits["eye_width"], 1.9 + traits["eye_opening"], 1.0]
    eyes = (layouts.LEFT_EYE, layouts.RIGHT_EYE)
    brows = (LEFT_BROW, RIGHT_BROW)
    for eye, brow, side in zip(eyes, brows, (-1, 1), strict=True):
        centre = points[eye].mean(axis=0)
        points[eye] = centre + (points[eye] - centre) * grow
        points[eye, 1] -= traits["eye_slant"] * side * (points[eye, 0] - centre[0])
        points[eye, 1] += traits["eye_height"]
        points[eye, 0] += side * traits["eye_distance"]
        outwards = np.abs(REST[brow, 0]) - 0.5  # from the middle of the brow
        points[brow, 0] += side * outwards * traits["brow_length"]
        points[brow, 0] += side * 0.7 * traits["eye_distance"]
        points[brow, 1] += traits["brow_height"] - traits["brow_slant"] * outwards
        points[brow, 1] -= traits["brow_arch"] * (1 - (outwards / 0.33) ** 2)


def _shape_nose(points: np.ndarray, traits: dict[str, float]) -> None:
    points[NOSE, 0] *= 1 + traits["nose_width"]
    points[28:31, 1] += traits["nose_length"] * np.array([0.3, 0.6, 1.0])
    points[31:36, 1] += traits["nose_length"]
    points[29:31, 1] += traits["nose_tip"]
    points[27:31, 2] -= traits["nose_bridge"] * np.array([0.3, 0.8, 1.0, 1.0])


def _shape_mouth(points: np.ndarray, traits: dict[str, float]) -> None:
    line = points[[60, 64], 1].mean()
    for trait, lip in (("upper_lip", slice(49, 54)), ("lower_lip", slice(55, 60))):
        points[lip, 1] += (points[lip, 1] - line) * traits[trait]
    points[MOUTH, 0] *= 1 + traits["mouth_width"]
    points[MOUTH, 1] += traits["mouth_height"] + 0.5 * traits["nose_length"]
    points[[48, 54, 60, 64], 1] += traits["mouth_corners"]
