"""Carrying a cut-out onto a face: its picture warped by triangles between landmarks."""

import dataclasses

import numpy as np

from maskarc import geometry
from maskarc.masks import types, warping


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """A mask where it lies on a photo.

    Attributes:
      box: left, top, right, bottom of the part of the photo that is reached; empty
        where the mask lies outside.
      layer: uint8[bottom − top, right − left, 4], premultiplied.
    """

    box: tuple[int, int, int, int]
    layer: np.ndarray


class NoFaceError(ValueError):
    """Landmarks that do not span a face."""

    def __init__(self):
        super().__init__(
            "the landmarks do not span a face: expected 68 points in the order of "
            "layout '68', not mirrored, of a face larger than a few pixels"
        )


def place(
    shape: tuple[int, ...], landmarks: np.ndarray, mask: types.Mask, *, feather: float
) -> tuple[Placed, float]:
    """Warps a cut-out onto landmarks.

    Args:
      shape: of the photo.
      landmarks: float64[68, 2].
      mask: a cut-out.
      feather: softness of the edge as a share of the picture's width.

    Returns:
      Where it lies, and the brightness of its highlights, 1..255.

    Raises:
      ValueError: the landmarks do not span a face, or the mask shows nothing.
    """
    mesh, source = warping.sheet(mask)
    points = mesh.weights @ landmarks[mask.indices]
    target = points[mesh.triangles]
    areas = geometry.signed_areas(target)
    shown = warping.visible(target, areas)
    if not shown.size:
        raise NoFaceError
    # The farthest first: nearer ones cover what they hide.
    order = shown[np.argsort(-mesh.depths(points)[shown], kind="stable")]
    source, target = source[order], target[order]
    shrink = geometry.signed_areas(source).sum() / areas[order].sum()
    # Half octaves: the warp then neither shrinks nor enlarges by more than 19 %.
    level = max(0, round(np.log2(shrink)))
    layer, ratio, highlight = warping.layer(mask, level, feather)
    box = warping.region(target, shape)
    # Pixel p of the mask's picture lies at (p + 0.5)·ratio − 0.5 of the layer.
    warped = warping.warp(layer, (source + 0.5) * ratio - 0.5, target, box)
    return Placed(box=box, layer=warped), highlight
