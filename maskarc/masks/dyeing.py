"""Dyeing a drawn mask: a small picture recoloured, so that random colours cost little.

A `types.Sheet` keeps fabric and fixed parts apart. Both are shrunk once to the size at
which they are needed; a colour or a pattern is then laid on the shrunk fabric.
"""

import functools

import numpy as np

from maskarc.masks import textures, types, variation
from maskarc.opencv import cv2


def dyed(
    sheet: types.Sheet, dye: variation.Dye | None, level: int, scale: float
) -> np.ndarray:
    """The picture of a sheet in some colours.

    Args:
      sheet: what is dyed.
      dye: None for the sheet's own.
      level: shrink by 2^(level / 2).
      scale: pixels per face unit at level 0.

    Returns:
      uint8[h, w, 4], premultiplied, with the shadow.
    """
    if dye is None:
        return _undyed(sheet, level, scale)
    return _lay(sheet, dye, level, scale)


@functools.lru_cache(maxsize=256)
def _undyed(sheet: types.Sheet, level: int, scale: float) -> np.ndarray:
    return _lay(sheet, sheet.dye, level, scale)


def _lay(
    sheet: types.Sheet, dye: variation.Dye, level: int, scale: float
) -> np.ndarray:
    fixed, fabric = shrunk(sheet, level)
    own, weight = sheet.dye, dye.weight if dye.colour is not None else 0.0
    colour = np.array(own.colour, float) * (1 - weight)
    if dye.colour is not None:
        colour += weight * np.array(dye.colour, float)
    pattern = dye.pattern or own.pattern
    intensity = dye.intensity if dye.pattern else 1 - weight
    if pattern is None or intensity == 0:
        table = np.zeros((256, 4))
        table[:, :3] = np.arange(256)[:, None] * colour / types.FULL
        lit = np.minimum(np.rint(table), 255).astype(np.uint8)[fabric]
        return cv2.add(fixed, lit)
    tile = textures.tiled(pattern, scale / 2 ** (level / 2), fabric.shape)
    plain = np.empty_like(tile)
    plain[:] = np.rint(colour)
    cloth = cv2.addWeighted(tile, intensity, plain, 1 - intensity, 0)
    lit = cv2.multiply(cloth, cv2.merge([fabric] * 3), scale=1 / types.FULL)
    return cv2.add(fixed, cv2.merge([*cv2.split(lit), np.zeros_like(fabric)]))


@functools.lru_cache(maxsize=256)
def shrunk(sheet: types.Sheet, level: int) -> tuple[np.ndarray, np.ndarray]:
    """`Sheet.fixed` and `Sheet.fabric`, smaller by 2^(level / 2)."""
    height, width = sheet.fabric.shape
    size = [max(1, round(side / 2 ** (level / 2))) for side in (width, height)]
    area = cv2.INTER_AREA
    if not level:
        return sheet.fixed, sheet.fabric
    return (
        cv2.resize(sheet.fixed, size, interpolation=area),
        cv2.resize(sheet.fabric, size, interpolation=area),
    )
