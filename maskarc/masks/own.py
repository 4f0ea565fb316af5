"""A mask of your own: a PNG of a mask seen from the front, hung on a face by anchors.

Six anchors say how the picture sits on a face. They are found in its outline, or given:

  top           middle of the upper edge, on the bridge of the nose
  left, right   upper corners, before the ears (as the picture shows them)
  lower_left, lower_right
                lower corners, at the jaw
  chin          middle of the lower edge, under the chin

A smooth warp through them carries all 68 landmarks of the mean face into the picture.
"""

import math
from collections.abc import Mapping

import numpy as np
import scipy.interpolate

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.masks import database, light, topology, types
from maskarc.opencv import cv2

# name → where a mask has it on the frontal mean face, in its units: (x, y) from between
# the eyes, which are 1 apart.
ANCHORS = {
    "top": (0.0, 0.09),
    "left": (-0.89, 0.49),
    "right": (0.89, 0.49),
    "lower_left": (-0.72, 1.51),
    "lower_right": (0.72, 1.51),
    "chin": (0.0, 1.79),
}
# The others may be left out.
REQUIRED = ("top", "left", "right", "chin")
# Larger pictures are scaled down to this longer side, in pixels.
MAX_SIDE = 800
# Straps are thinner than this share of the picture's width; at its middle, the top and
# the chin are looked for in a band of this half width.
_STRAP, _BAND = 0.06, 0.02
# A corner is the middle of what reaches at most this much less far, as a share of the
# sum of width and height: steadier than a point where the corner is round.
_ROUND = 0.02

Anchors = Mapping[str, tuple[float, float]]


def mask_of_png(
    png: bytes,
    name: str,
    *,
    kind: str = "own",
    anchors: Anchors | None = None,
) -> types.Mask:
    """Makes a mask of a PNG with a transparent background.

    Args:
      png: content of the file.
      name: of the mask, unique in its database.
      kind: what it is, such as "cloth"; not "photo".
      anchors: name → (x, y) in pixels of the PNG, at least those in `REQUIRED`; found
        by `find_anchors` where not given.

    Raises:
      ValueError: not a PNG, nothing or everything transparent, or anchors that are
        missing, unknown or not in the places of a mask's.
    """
    rgba, has_alpha = database.decode_png(png)
    if not has_alpha or rgba[..., 3].min() > 0:
        raise ValueError(
            "the picture has no transparent background; cut the mask out, and save it "
            "as a PNG with transparency"
        )
    if anchors is None:
        anchors = find_anchors(rgba)
    landmarks = _landmarks(anchors)
    scale = min(1.0, MAX_SIDE / max(rgba.shape[:2]))
    if scale < 1:
        rgba, ratio = _shrunk(rgba, scale)
        landmarks = (landmarks + 0.5) * ratio - 0.5
    return types.Mask(
        name=name,
        kind=kind,
        rgba=rgba,
        landmarks=landmarks,
        indices=np.arange(68),
        pose=geometry.Pose(yaw=0.0, pitch=0.0, roll=0.0),
        luminance=light.USUAL,
    )


def find_anchors(rgba: np.ndarray) -> dict[str, tuple[float, float]]:
    """Finds the anchors of a frontal, upright mask in its outline, without its straps.

    Top and chin lie on the middle column; the corners are where the outline reaches
    farthest along the diagonals.

    Args:
      rgba: uint8[h, w, 4].

    Returns:
      Name → (x, y) in pixels.

    Raises:
      ValueError: nothing in the picture is opaque.
    """
    sheet = _without_straps(rgba[..., 3] >= 128)
    rows, columns = np.nonzero(sheet)
    if not rows.size:
        raise ValueError("nothing in the picture is opaque")
    left, right = columns.min(), columns.max()
    top, bottom = rows.min(), rows.max()
    across = (columns - (left + right) / 2) / max(right - left, 1)
    down = (rows - (top + bottom) / 2) / max(bottom - top, 1)
    middle = np.abs(across) <= _BAND
    centre = float(left + right) / 2
    anchors = {
        "top": (centre, float(rows[middle].min())),
        "chin": (centre, float(rows[middle].max())),
    }
    for name, x, y in (
        ("left", -1, -1),
        ("right", 1, -1),
        ("lower_left", -1, 1),
        ("lower_right", 1, 1),
    ):
        reach = x * across + y * down
        corner = reach >= reach.max() - _ROUND
        anchors[name] = float(columns[corner].mean()), float(rows[corner].mean())
    return {name: anchors[name] for name in ANCHORS}


def _without_straps(opaque: np.ndarray) -> np.ndarray:
    """The largest piece of a shape bool[h, w] once thin parts are gone."""
    radius = _STRAP * opaque.shape[1] / 2
    # The border is no part of the shape, so its pixels at the picture's edge count too.
    padded = np.pad(opaque.astype(np.uint8), 1)
    core = cv2.distanceTransform(padded, cv2.DIST_L2, 5) > radius
    beyond = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 5)
    opened = ((beyond <= radius) & core.any())[1:-1, 1:-1].astype(np.uint8)
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return opaque
    return pieces == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])


def _landmarks(anchors: Anchors) -> np.ndarray:
    """The 68 landmarks float64[68, 2] in the picture's pixels."""
    if unknown := set(anchors) - set(ANCHORS):
        raise ValueError(
            f"unknown anchors {', '.join(sorted(unknown))}; expected "
            f"{', '.join(ANCHORS)}"
        )
    if missing := [name for name in REQUIRED if name not in anchors]:
        raise ValueError(f"the anchors {', '.join(missing)} are missing")
    if not all(len(p) == 2 and all(map(math.isfinite, p)) for p in anchors.values()):
        raise ValueError("expected two finite numbers (x, y) for each anchor")
    picture = np.array(list(anchors.values()), np.float64)
    face = np.array([ANCHORS[name] for name in anchors])
    wrong = ValueError(
        "the anchors are not where a mask has them: expected left and right of the top "
        "as the picture shows them, the chin below, all apart"
    )
    try:
        warp = scipy.interpolate.RBFInterpolator(face, picture)
    except np.linalg.LinAlgError as error:
        raise wrong from error
    landmarks = warp(layouts.MEAN_FACE[:, :2])
    mesh = topology.mesh(tuple(range(68)))
    areas = geometry.signed_areas((mesh.weights @ landmarks)[mesh.triangles])
    if areas.min() <= 0:  # a fold: some part would show its back
        raise wrong
    return landmarks


def _shrunk(rgba: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A smaller picture, its colours weighted by alpha, and the exact ratios (x, y)."""
    height, width = rgba.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    layer = rgba.astype(np.float32)
    layer[..., :3] *= layer[..., 3:] / 255
    small = cv2.resize(layer, size, interpolation=cv2.INTER_AREA)
    colour = small[..., :3] * (255 / np.maximum(small[..., 3:], 1))
    small = np.dstack([np.clip(colour, 0, 255), small[..., 3]])
    return np.rint(small).astype(np.uint8), np.array(size) / (width, height)
