"""The hair of synthetic people: hairline, colour, volume and texture."""

import dataclasses
import functools

import numpy as np

from maskarc.data.synthetic import shape
from maskarc.opencv import cv2

# From black over brown to blond, red, grey and white; RGB, 0..255.
_COLOURS = np.array(
    [
        [28, 24, 24],
        [44, 32, 26],
        [70, 46, 32],
        [104, 70, 44],
        [150, 108, 62],
        [198, 160, 102],
        [134, 62, 32],
        [150, 146, 142],
        [196, 190, 182],
    ]
)

# Height of the hairline in percent of the hair's unit sphere (−100 is the crown, 0 the
# middle), at azimuths in degrees from the middle of the forehead.
_AZIMUTHS = np.array([0, 12, 28, 42, 54, 64, 72, 82, 92, 102, 115, 180])
_HAIRLINES = {
    "straight": (-47, -47, -47, -42, -25, 2, 20, 16, 2, 20, 60, 70),
    "peak": (-40, -50, -57, -54, -30, 2, 22, 16, 2, 20, 60, 70),
    "receding": (-60, -63, -74, -80, -60, -10, 14, 12, 0, 20, 60, 70),
    "fringe": (-20, -20, -19, -16, -8, 12, 26, 30, 34, 40, 70, 80),
    "curtain": (-70, -56, -42, -28, -8, 16, 40, 62, 80, 90, 90, 90),
    "back": (-60, -60, -58, -50, -32, -5, 12, 10, 0, 20, 60, 70),
    "crown": (-200, -200, -200, -200, -120, -30, 12, 10, 0, 20, 60, 70),
    "none": (-200,) * 12,
}
_LONG = ("curtain", "curtain", "fringe", "back", "peak", "straight")
_SHORT = ("straight", "peak", "back", "fringe")
_SHORT_MALE = (*_SHORT, "straight", "receding", "crown", "none")

TABLE_SIZE = 64
# The table spans ±TABLE_RANGE: the head as far back as 130° from the front.
TABLE_RANGE = 2.2


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Hair:
    """One way to wear the hair.

    Attributes:
      table: float32[TABLE_SIZE, TABLE_SIZE, 2] over stereographic coordinates of the
        head, (x, y) / (1 − z) on its unit sphere: height of the hairline above the
        point, in head units, positive under hair; and the texture, about 1.
      colour: float64[3], RGB, 0..255.
      volume: distance of the hair's surface from the skull, in head units.
      opacity: 0..1; low where the head is shaven.
      length: 0 short, 1 to the chin, 2 to the shoulders.
    """

    table: np.ndarray
    colour: np.ndarray
    volume: float
    opacity: float
    length: float


def create_hair(rng: np.random.Generator, woman: bool, depth: float) -> Hair:
    """Draws a style for a person with skin of this depth, 0 light to 1 deep."""
    if woman:
        length = float(rng.choice([0.0, 1.0, 2.0, 2.0]))
    else:
        length = 1.5 if rng.random() < 0.1 else 0.0
    styles = _LONG if length > 0 else _SHORT if woman else _SHORT_MALE
    style = styles[rng.integers(len(styles))]
    shaven = length == 0 and not woman and rng.random() < 0.15
    curl = rng.random() ** 2
    volume = 0.015 if shaven else rng.uniform(0.04, 0.12 + 0.11 * curl * (1 + depth))
    return Hair(
        table=_table(rng, style, curl, volume),
        colour=_colour(rng, depth),
        volume=volume,
        opacity=rng.uniform(0.35, 0.75) if shaven else 1.0,
        length=length,
    )


def _colour(rng: np.random.Generator, depth: float) -> np.ndarray:
    dark = rng.random() < 0.25 + 0.9 * depth
    row = int(
        rng.integers(0, 2 if depth > 0.5 else 3)
        if dark
        else rng.integers(1, len(_COLOURS))
    )
    share = 0.5 * rng.random()
    colour = (1 - share) * _COLOURS[row] + share * _COLOURS[min(row, 4) + 1]
    return np.clip(colour * rng.normal(1, 0.06), 8, 245)


def _table(
    rng: np.random.Generator, style: str, curl: float, volume: float
) -> np.ndarray:
    """`Hair.table` of a style; curl 0 is straight, 1 is tightly curled."""
    azimuth, y = _directions()
    # The parting is not quite in the middle.
    parted = azimuth + rng.normal(0, 10) * np.cos(np.radians(azimuth / 2)) ** 4
    heights = np.array(_HAIRLINES[style]) / 100 + rng.normal(0, 0.05)
    line = np.interp(np.abs(parted), _AZIMUTHS, heights)
    # Locks run from the crown down; curls are as short as they are wide.
    locks = cv2.GaussianBlur(rng.standard_normal((24, 48)), (0, 0), 0.8)
    across = (parted + 180) / 360 * 47
    down = (y + 1) * (2 + 9 * curl)
    texture = cv2.remap(
        locks / locks.std(),
        across.astype(np.float32),
        down.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    texture *= np.sqrt(1 - y * y)  # locks merge at the crown
    line += (0.035 + 0.05 * curl) * texture
    height = (line - y) * (shape.SKULL[1][1] + volume)
    return np.stack([height, 1 + 0.16 * texture], axis=-1).astype(np.float32)


@functools.cache
def _directions() -> tuple[np.ndarray, np.ndarray]:
    """Azimuth in degrees and height on the sphere of each cell of the table."""
    u, v = np.meshgrid(*[np.linspace(-TABLE_RANGE, TABLE_RANGE, TABLE_SIZE)] * 2)
    square = u * u + v * v
    return np.degrees(np.arctan2(2 * u, 1 - square)), 2 * v / (1 + square)
