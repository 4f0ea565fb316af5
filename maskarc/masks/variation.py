"""What may differ between two wearings of a drawn mask: dye, size, place, creases."""

import dataclasses

from maskarc.masks import textures, wear


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Dye:
    """Colour and pattern of a mask's fabric; bands and straps keep theirs.

    Attributes:
      colour: RGB 0..255, or None for the mask's own.
      weight: share in [0, 1] of that colour against the mask's own.
      pattern: on the fabric, or None for the mask's own.
      intensity: share in [0, 1] of the pattern against the colour.
    """

    colour: tuple[int, int, int] | None = None
    weight: float = 1.0
    pattern: textures.Pattern | None = None
    intensity: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Variation:
    """How a drawn mask is dyed and worn.

    Attributes:
      worn: where the sheet lies.
      dye: None for the mask's own colours.
      scale: factor on the mask's size in the photo.
      shift: (right, down) along the face, in face units.
      creases: number of a field in `creases`, or None for a mask as smooth as drawn.
    """

    worn: wear.Wear = wear.WEARS["correct"]
    dye: Dye | None = None
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    creases: int | None = None


AS_DRAWN = Variation()
