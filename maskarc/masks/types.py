"""The record of one mask, cut out of a photo or drawn."""

import dataclasses
import functools

import numpy as np

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.masks import variation as variations
from maskarc.opencv import cv2

# `Mask.kind` of a cut-out; drawings name what they show, such as "surgical".
PHOTO = "photo"
# Least opacity, 0..255, that is mask and not its shadow on the skin.
SHADOW = 56
# `Sheet.fabric` of fabric in full light.
FULL = 160.0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """What is painted on a drawn mask, in the sheet coordinates of `surface`.

    Attributes:
      form: how it stands off the face, a name in `forms.FORMS`.
      knobs: (u, v, radius) of a round part that stands out on either side, or None.
      fixed: uint8[h, w, 4]; premultiplied RGB of all but the fabric, and the opacity
        of everything, with a shadow on the skin below `SHADOW`.
      fabric: uint8[h, w], how much of its colour the fabric shows: `FULL` for all.
      dye: the fabric's own colour and pattern.
      gloss: strength of highlights, 0 for cloth.
      creases: depth of the creases of a wearing, 0 for none.
      fill: what the covered part of the photo becomes instead of the drawing, one of
        `holes.FILLS`; empty for the drawing.
    """

    form: str
    knobs: tuple[float, float, float] | None
    fixed: np.ndarray
    fabric: np.ndarray
    dye: variations.Dye
    gloss: float = 0.0
    creases: float = 0.0
    fill: str = ""

    @functools.cached_property
    def _mirror(self) -> "Sheet":
        fixed, fabric = (
            np.ascontiguousarray(a[:, ::-1]) for a in (self.fixed, self.fabric)
        )
        return dataclasses.replace(self, fixed=fixed, fabric=fabric)

    def mirrored(self) -> "Sheet":
        """The left-right mirrored sheet, one object."""
        return self._mirror


def without_shadow(alpha: np.ndarray) -> np.ndarray:
    """Opacity uint8[h, w] of the mask alone, of mask and shadow together."""
    return cv2.LUT(alpha, _SHADOWLESS)


_SHADOWLESS = np.rint(
    np.clip((np.arange(256) - SHADOW) * 255 / (255 - SHADOW), 0, 255)
).astype(np.uint8)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Mask:
    """An upright picture of a mask and the landmarks of the face that wears it.

    Compared and hashed by identity, so that renderers can cache by mask.

    Attributes:
      name: unique within its database.
      kind: "photo" for a cut-out, else what is drawn ("surgical", "cloth", …).
      rgba: uint8[h, w, 4], RGB and straight (not premultiplied) alpha; read-only. A
        drawing shows its sheet laid flat here, in its own colours.
      landmarks: float32[K, 2], (x, y) in pixels of `rgba`; may lie outside it.
      indices: int64[K], which of the 68 landmarks these are, no duplicates.
      pose: of the wearer in `rgba`; a drawing is frontal.
      luminance: brightness of the wearer's bare skin, in (0, 255].
      source: file name of the photo; empty for a drawing.
      source_size: width and height of that photo in pixels.
      is_mirrored: whether this is the mirror image of the database's mask.
      sheet: what a drawing is painted on; None for a cut-out.
      variation: how a drawing is dyed and worn.
      under: a mask worn beneath this one, or None.

    Raises:
      ValueError: a field is out of its range; TypeError: an image that is not uint8.
    """

    name: str
    kind: str
    rgba: np.ndarray
    landmarks: np.ndarray
    indices: np.ndarray
    pose: geometry.Pose
    luminance: float
    source: str = ""
    source_size: tuple[int, int] = (0, 0)
    is_mirrored: bool = False
    sheet: Sheet | None = None
    variation: variations.Variation = variations.AS_DRAWN
    under: "Mask | None" = None

    def __post_init__(self):
        rgba = np.asarray(self.rgba).view()
        if rgba.dtype != np.uint8:
            raise TypeError(f"mask {self.name}: expected uint8, got {rgba.dtype}")
        if rgba.ndim != 3 or rgba.shape[2] != 4 or 0 in rgba.shape:
            raise ValueError(
                f"mask {self.name}: expected rgba [h, w, 4], got {rgba.shape}"
            )
        landmarks = np.array(self.landmarks, np.float32)
        indices = np.array(self.indices, np.int64)
        if indices.ndim != 1 or landmarks.shape != (len(indices), 2):
            raise ValueError(
                f"mask {self.name}: expected landmarks [K, 2] and indices [K], got "
                f"{landmarks.shape} and {indices.shape}"
            )
        if len(set(indices.tolist()) & set(range(68))) < len(indices):
            raise ValueError(f"mask {self.name}: expected distinct indices in 0..67")
        if not np.isfinite(landmarks).all():
            raise ValueError(f"mask {self.name}: landmarks are not finite")
        if not 0 < self.luminance <= 255:
            raise ValueError(
                f"mask {self.name}: expected a luminance in (0, 255], "
                f"got {self.luminance}"
            )
        for field, array in (
            ("rgba", rgba),
            ("landmarks", landmarks),
            ("indices", indices),
        ):
            array.flags.writeable = False
            object.__setattr__(self, field, array)

    @functools.cached_property
    def _mirror(self) -> "Mask":
        shifted = [self.rgba.shape[1] - 1, 0] + self.landmarks * [-1, 1]
        return dataclasses.replace(
            self,
            rgba=self.rgba[:, ::-1],
            landmarks=shifted,
            indices=layouts.MIRROR_68[self.indices],
            pose=self.pose.mirrored(),
            is_mirrored=not self.is_mirrored,
            sheet=self.sheet and self.sheet.mirrored(),
            under=self.under and self.under.mirrored(),
        )

    def mirrored(self) -> "Mask":
        """The left-right mirrored mask: one object, which shares the pixels."""
        return self._mirror
