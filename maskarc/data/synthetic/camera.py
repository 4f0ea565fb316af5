"""What a camera adds to a drawn face: a background, blur, noise and compression."""

import functools

import numpy as np

from maskarc.opencv import cv2

# Pixels by which two cuts from the noise tile may lie apart, down and across.
_ROOM = 384


def background(rng: np.random.Generator, size: int) -> np.ndarray:
    """A backdrop uint8[size, size, 3], from a plain wall to patches of colour."""
    cells = (2, 2, 3, 4, 6, 10)[rng.integers(6)]
    # Mostly grey, and brightness varies more than colour.
    colour = rng.uniform(30, 225) + 22 * rng.standard_normal(3)
    grey, tint = (rng.standard_normal((cells, cells, c)) for c in (1, 3))
    coarse = colour + (5 + 50 * rng.random()) * (grey + 0.35 * tint)
    tiles = np.clip(coarse, 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        smooth = cv2.resize(tiles, (32, 32), interpolation=cv2.INTER_CUBIC)
        return cv2.resize(smooth, (size, size), interpolation=cv2.INTER_LINEAR)
    # Edges, like those of doors and shelves.
    middle, zoom = (cells - 1) / 2, size / cells
    turn = cv2.getRotationMatrix2D((middle, middle), 360 * rng.random(), zoom)
    turn = np.add(turn, [[0, 0, (size - 1) / 2 - middle]])
    return cv2.warpAffine(
        tiles,
        turn,
        (size, size),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REFLECT,
    )


def degrade(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lowers the quality of uint8[size, size, 3] as a cheap camera would."""
    image = _soften(image, rng)
    image = _add_noise(image, rng)
    if rng.random() < 0.08:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.5:
        quality = int(rng.integers(35, 96))
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return image


def _soften(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Out of focus, or few pixels blown up."""
    size, kind, amount = image.shape[0], rng.random(), rng.random()
    if kind < 0.3:
        small = round(size * (0.4 + 0.5 * amount))
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
    if kind < 0.55:
        return cv2.GaussianBlur(image, (0, 0), size / 128 * (0.4 + 0.9 * amount))
    return image


def _add_noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    size = image.shape[0]
    share = 10 / 32 * rng.random() ** 2
    left, top = rng.integers(0, _ROOM, 2)
    noise = _noise_tile(size + _ROOM)[top : top + size, left : left + size]
    return cv2.addWeighted(image, 1.0, noise, share, -128 * share)


@functools.lru_cache(maxsize=4)
def _noise_tile(side: int) -> np.ndarray:
    """uint8[side, side, 3] about 128 with a deviation of 32: any part is noise."""
    noise = np.random.default_rng(0).standard_normal((side, side, 3))
    return np.clip(np.round(128 + 32 * noise), 0, 255).astype(np.uint8)
