"""The record of one mask, cut out of a photo or drawn."""

import dataclasses
import functools

import numpy as np

from maskarc import geometry
from maskarc.landmarks import layouts

# `Mask.kind` of a cut-out; drawings name what they show, such as "surgical".
PHOTO = "photo"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Mask:
    """An upright picture of a mask and the landmarks of the face that wears it.

    Compared and hashed by identity, so that renderers can cache by mask.

    Attributes:
      name: unique within its database.
      kind: "photo" for a cut-out, else what is drawn ("surgical", "cloth", …).
      rgba: uint8[h, w, 4], RGB and straight (not premultiplied) alpha; read-only.
      landmarks: float32[K, 2], (x, y) in pixels of `rgba`; may lie outside it.
      indices: int64[K], which of the 68 landmarks these are, no duplicates.
      pose: of the wearer in `rgba`; a drawing is frontal.
      luminance: brightness of the wearer's bare skin, in (0, 255].
      source: file name of the photo; empty for a drawing.
      source_size: width and height of that photo in pixels.
      is_mirrored: whether this is the mirror image of the database's mask.

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
        )

    def mirrored(self) -> "Mask":
        """The left-right mirrored mask: one object, which shares the pixels."""
        return self._mirror
