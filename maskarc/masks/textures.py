"""Patterns for masks: generated tiles, or any picture file.

A generated tile repeats without a seam. Each pattern has any number of variants, which
differ in colours and arrangement: a variant is a function of its number alone.
"""

import dataclasses
import functools
import os
import zlib
from collections.abc import Callable

import numpy as np

from maskarc import images
from maskarc.opencv import cv2

# Side of a generated tile in pixels, and what it covers in face units.
_SIDE = 128
_SPREAD = 0.8
# A picture file covers the mask from ear to ear.
_PICTURE_SPREAD = 2.8
_PICTURE_SIDE = 512


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pattern:
    """A tile that fabric shows. Compared and hashed by identity, for caching.

    Attributes:
      pixels: uint8[h, w, 3], RGB.
      spread: face units that its width covers before it repeats.
      name: for messages and manifests.
    """

    pixels: np.ndarray
    spread: float
    name: str


def pattern(name: str, variant: int = 0) -> Pattern:
    """A generated pattern.

    Raises:
      ValueError: there is none of this name; the message lists the names.
    """
    if name not in PATTERNS:
        raise ValueError(
            f"unknown pattern {name!r}; expected one of {', '.join(PATTERNS)}, or an "
            "image file"
        )
    return _generated(name, variant)


@functools.lru_cache(maxsize=256)
def _generated(name: str, variant: int) -> Pattern:
    rng = np.random.default_rng([zlib.crc32(name.encode()), variant])
    spread = _WHOLE.get(name, _SPREAD)
    return Pattern(pixels=PATTERNS[name](rng), spread=spread, name=name)


@functools.lru_cache(maxsize=256)
def picture(path: str | os.PathLike[str]) -> Pattern:
    """The pattern in an image file.

    Raises:
      FileNotFoundError: there is no such file.
      ImageError: it is not an image.
    """
    pixels = images.read_image(path)
    shrink = _PICTURE_SIDE / max(pixels.shape[:2])
    if shrink < 1:
        size = [max(1, round(side * shrink)) for side in pixels.shape[1::-1]]
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return Pattern(pixels=pixels, spread=_PICTURE_SPREAD, name=os.fspath(path))


@functools.lru_cache(maxsize=256)
def tiled(tile: Pattern, scale: float, shape: tuple[int, int]) -> np.ndarray:
    """A canvas uint8[h, w, 3] covered with a pattern, one tile in its middle.

    Args:
      tile: the pattern.
      scale: pixels per face unit.
      shape: h, w.
    """
    height, width = tile.pixels.shape[:2]
    across = max(1, round(tile.spread * scale))
    down = max(1, round(across * height / width))
    shrinks = across <= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    small = cv2.resize(tile.pixels, (across, down), interpolation=method)
    rows = (np.arange(shape[0]) - (shape[0] - down) // 2) % down
    columns = (np.arange(shape[1]) - (shape[1] - across) // 2) % across
    return np.ascontiguousarray(small[rows[:, None], columns])


def _palette(rng: np.random.Generator, count: int) -> np.ndarray:
    """Colours uint8[count, 3]: a ground, then ones that stand out from it."""
    hue = rng.integers(0, 180)
    is_light = rng.random() < 0.65
    hues = (hue + np.r_[0, rng.integers(-15, 16, count - 1)]) % 180
    hues[1::2] = (hues[1::2] + rng.choice([0, 60, 90])) % 180
    saturations = np.r_[rng.integers(5, 60), rng.integers(90, 210, count - 1)]
    values = np.full(count, 235) if is_light else np.r_[60, np.full(count - 1, 220)]
    values[1:] -= rng.integers(0, 110 if is_light else 40, count - 1)
    hsv = np.stack([hues, saturations, values], axis=-1).astype(np.uint8)[None]
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0]


def _axes() -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of a tile's pixels as shares of its side, float[1, S] and float[S, 1]."""
    x = (np.arange(_SIDE) + 0.5) / _SIDE
    return x[None], x[:, None]


def _mix(colours: np.ndarray, shares: list[np.ndarray]) -> np.ndarray:
    """The first colour with each other one laid on top in its share [S, S]."""
    result = np.broadcast_to(colours[0].astype(float), (_SIDE, _SIDE, 3))
    for colour, share in zip(colours[1:], shares, strict=False):
        share = np.broadcast_to(share, (_SIDE, _SIDE))[..., None]
        result = result + share * (colour - result)
    return np.rint(result).astype(np.uint8)


def _bars(position: np.ndarray, count: int, share: float) -> np.ndarray:
    """Stripes of coverage in [0, 1], `count` a tile, each a share of its period."""
    phase = np.abs((position * count) % 1 - 0.5) * 2  # 0 in a stripe's middle
    return np.clip((share - phase) * _SIDE / (2 * count) + 0.5, 0, 1)


def _check(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    count = int(rng.choice([4, 5, 7]))
    across, down = _bars(x, count, 0.5), _bars(y, count, 0.5)
    return _mix(_palette(rng, 2), [(across + down) / 2])


def _tartan(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    thin, wide = int(rng.integers(3, 6)), 2
    shares = []
    for count, share in ((wide, 0.45), (thin, 0.12)):
        shares.append(0.55 * (_bars(x, count, share) + _bars(y, count, share)))
    return _mix(_palette(rng, 3), [np.clip(s, 0, 1) for s in shares])


def _stripes(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    position = (x, y, x + y)[rng.integers(3)] + 0 * (x + y)
    count = int(rng.integers(3, 9))
    return _mix(_palette(rng, 2), [_bars(position, count, rng.uniform(0.25, 0.55))])


def _zigzag(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    wave = y + 0.09 * np.abs((x * 4) % 1 - 0.5) * 2
    return _mix(_palette(rng, 2), [_bars(wave, int(rng.integers(4, 8)), 0.5)])


def _dots(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    count, radius = int(rng.integers(3, 7)), rng.uniform(0.2, 0.34)
    shares = np.zeros((_SIDE, _SIDE))
    for shift in (0, 0.5):
        across, down = ((a * count + shift) % 1 - 0.5 for a in (x, y))
        edge = (radius - np.hypot(across, down)) * _SIDE / count + 0.5
        shares = np.maximum(shares, np.clip(edge, 0, 1))
    return _mix(_palette(rng, 2), [shares])


def _stamped(
    rng: np.random.Generator, count: int, draw: Callable[..., None], colours: np.ndarray
) -> np.ndarray:
    """A tile with motifs at scattered places, drawn across its borders."""
    tile = np.empty((3 * _SIDE, 3 * _SIDE, 3), np.uint8)
    tile[:] = colours[0]
    # Poisson-like: each motif goes where it is farthest from those before.
    placed: list[np.ndarray] = []
    for _ in range(count):
        tries = rng.random((12, 2))
        if placed:
            gaps = np.abs(tries[:, None] - np.array(placed))
            gaps = np.minimum(gaps, 1 - gaps)
            tries = tries[[np.hypot(*gaps.T).min(axis=0).argmax()]]
        placed.append(tries[0])
        seed = int(rng.integers(2**31))
        for row in range(3):
            for column in range(3):
                centre = (placed[-1] + (column, row)) * _SIDE
                draw(tile, centre, np.random.default_rng(seed))
    return tile[_SIDE : 2 * _SIDE, _SIDE : 2 * _SIDE].copy()


def _ellipse(tile, centre, axes, angle, colour) -> None:
    x, y = np.rint(np.asarray(centre) * 16).astype(int).tolist()
    a, b = (max(1, round(v * 16)) for v in axes)
    box = (x, y), (a, b)
    cv2.ellipse(
        tile, *box, float(np.degrees(angle)), 0, 360, [int(c) for c in colour], -1,
        cv2.LINE_AA, 4,
    )  # fmt: skip


def _floral(rng: np.random.Generator) -> np.ndarray:
    colours = _palette(rng, 4)
    green = np.array([70, 120, 70])

    def flower(tile, centre, own) -> None:
        size, petals = own.uniform(7, 13), int(own.integers(5, 8))
        turn, colour = own.random() * 6.3, colours[own.integers(1, 3)]
        for side in (-1, 1):
            along = turn + side * 0.9
            leaf = centre + 1.4 * size * np.array([np.cos(along), np.sin(along)])
            _ellipse(tile, leaf, (0.7 * size, 0.28 * size), along, green)
        for petal in range(petals):
            along = turn + petal * 2 * np.pi / petals
            middle = centre + 0.62 * size * np.array([np.cos(along), np.sin(along)])
            _ellipse(tile, middle, (0.52 * size, 0.36 * size), along, colour)
        _ellipse(tile, centre, (0.3 * size, 0.3 * size), 0, (240, 205, 90))

    return _stamped(rng, 9, flower, colours)


def _fruits(rng: np.random.Generator) -> np.ndarray:
    colours = _palette(rng, 3)
    reds = np.array([(205, 50, 45), (240, 160, 40), (235, 210, 70), (120, 60, 140)])

    def fruit(tile, centre, own) -> None:
        size, colour = own.uniform(8, 12), reds[own.integers(len(reds))]
        x, y = centre
        leaf = (x + 0.35 * size, y - 1.05 * size)
        _ellipse(tile, leaf, (0.4 * size, 0.18 * size), -0.5,
                 (80, 140, 60))  # fmt: skip
        _ellipse(tile, centre, (size * 0.8, size * 0.85), 0, colour)
        _ellipse(tile, centre - 0.3 * size, (0.2 * size, 0.12 * size), -0.8,
                 np.minimum(colour + 60, 255))  # fmt: skip

    return _stamped(rng, 9, fruit, colours)


def _stars(rng: np.random.Generator) -> np.ndarray:
    colours = _palette(rng, 2)

    def star(tile, centre, own) -> None:
        size, turn = own.uniform(6, 11), own.random() * 6.3
        angle = turn + np.arange(10) * np.pi / 5
        radius = np.where(np.arange(10) % 2, 0.42, 1.0) * size
        points = centre + np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
        cv2.fillPoly(tile, [np.rint(points * 16).astype(np.int32)],
                     [int(c) for c in colours[1]], cv2.LINE_AA, 4)  # fmt: skip

    return _stamped(rng, 12, star, colours)


def _camouflage(rng: np.random.Generator) -> np.ndarray:
    grounds = (
        [(78, 84, 52), (120, 110, 70), (48, 52, 36), (160, 148, 104)],
        [(150, 154, 158), (98, 102, 108), (60, 63, 68), (205, 207, 210)],
        [(196, 172, 130), (160, 130, 92), (120, 96, 68), (220, 204, 170)],
    )
    colours = np.array(grounds[rng.integers(len(grounds))])
    shares = []
    for _ in range(3):
        noise = np.tile(rng.standard_normal((_SIDE, _SIDE)), (3, 3))
        field = cv2.GaussianBlur(noise, (0, 0), _SIDE / 14)
        field = field[_SIDE : 2 * _SIDE, _SIDE : 2 * _SIDE]
        shares.append(np.clip((field / field.std() - 0.45) * 8 + 0.5, 0, 1))
    return _mix(colours, shares)


def _flag(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes()
    strong = np.array(
        [(200, 30, 45), (0, 60, 140), (0, 110, 70), (250, 205, 40), (20, 20, 24)]
    )
    first, last = strong[rng.choice(len(strong), 2, replace=False)]
    position = (x if rng.random() < 0.5 else y) + 0 * (x + y)
    ends = [np.clip((1 / 3 - position) * _SIDE + 0.5, 0, 1),
            np.clip((position - 2 / 3) * _SIDE + 0.5, 0, 1)]  # fmt: skip
    return _mix(np.array([(245, 245, 245), first, last]), ends)


def _smile(rng: np.random.Generator) -> np.ndarray:
    colours = _palette(rng, 2)
    tile = np.empty((_SIDE, _SIDE, 3), np.uint8)
    tile[:] = colours[0]
    middle, ink = _SIDE / 2, [int(c) for c in colours[1]]
    for growth, colour in ((1.0, ink), (0.82, [250, 244, 240])):
        axes = (round(0.30 * _SIDE * growth), round(0.17 * _SIDE * growth))
        cv2.ellipse(tile, (int(middle), int(0.42 * _SIDE)), axes, 0, 0, 180, colour, -1,
                    cv2.LINE_AA)  # fmt: skip
    return tile


PATTERNS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "check": _check,
    "tartan": _tartan,
    "stripes": _stripes,
    "zigzag": _zigzag,
    "dots": _dots,
    "stars": _stars,
    "floral": _floral,
    "fruits": _fruits,
    "camouflage": _camouflage,
    "flag": _flag,
    "smile": _smile,
}
# Patterns that are one picture across the whole mask instead of tiles.
_WHOLE = {"flag": 2.4, "smile": 2.2}
