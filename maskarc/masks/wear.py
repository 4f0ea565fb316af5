"""How a mask is worn: where on the face the sheet lies, right or wrong.

Each way is a linear map of the sheet's height v (see `surface`), which fades out
towards the ears, where the straps hang whatever the mask does.
"""

import dataclasses

import numpy as np

# Between these u the sheet's displacement fades out.
_FADE = (1.25, 1.9)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wear:
    """Where the sheet of a mask lies.

    Attributes:
      name: of this way of wearing.
      top: v at which the middle of the upper edge lies; `UPPER` is correct.
      bottom: the same for the lower edge; `LOWER` is correct.
      bulge: factor on how far the mask's own form stands off the face.
      slack: how far the whole sheet is lifted, in face units.
      width: factor on the sheet's width.
    """

    name: str
    top: float
    bottom: float
    bulge: float = 1.0
    slack: float = 0.0
    width: float = 1.0


# Middle of the upper and lower edge of a mask that is worn correctly.
UPPER, LOWER = 0.12, 1.86

WEARS = {
    worn.name: worn
    for worn in (
        Wear(name="correct", top=UPPER, bottom=LOWER),
        Wear(name="high", top=-0.02, bottom=1.80),
        Wear(name="low", top=0.27, bottom=1.93),
        Wear(name="loose", top=0.20, bottom=1.97, bulge=1.1, slack=0.09, width=1.06),
        Wear(name="nose_out", top=0.68, bottom=1.97, bulge=0.8, slack=0.02),
        Wear(name="mouth_out", top=1.20, bottom=2.13, bulge=0.5, slack=0.04),
        Wear(name="under_chin", top=1.64, bottom=2.40, bulge=0.25, slack=0.03),
    )
}


def find(name: str) -> Wear:
    """The way of wearing of this name.

    Raises:
      ValueError: there is none; the message lists the names.
    """
    if name not in WEARS:
        raise ValueError(f"unknown wear {name!r}; expected one of {', '.join(WEARS)}")
    return WEARS[name]


def displaced(
    u: np.ndarray, v: np.ndarray, worn: Wear
) -> tuple[np.ndarray, np.ndarray]:
    """Where on the face (u, v) [...] points of the sheet come to lie."""
    low, high = _FADE
    t = np.clip((np.abs(u) - low) / (high - low), 0, 1)
    share = 1 - t * t * (3 - 2 * t)
    slope = (worn.bottom - worn.top) / (LOWER - UPPER)
    moved = worn.top + slope * (v - UPPER)
    return u * (1 + (worn.width - 1) * share), v + (moved - v) * share
