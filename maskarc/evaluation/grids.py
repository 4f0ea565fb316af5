"""Grids of photos with captions: training crops, and the pairs judged worst."""

import math
import os
from collections.abc import Callable, Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from maskarc import images
from maskarc.evaluation import protocol

_GAP = 6
_FONT_SIZE = 13
_LINE = 20  # height of a line of text
_INK, _WRONG, _PAPER = (40, 40, 40), (200, 30, 30), (255, 255, 255)


def image_grid(
    path: str | os.PathLike[str],
    photos: Sequence[np.ndarray],
    *,
    columns: int,
    labels: Sequence[str] | None = None,
) -> None:
    """Writes photos in rows, each with its label below.

    Args:
      path: the image to write; missing folders are made.
      photos: uint8[H, W, 3], at least one. The first sets the size of a tile; others
        are scaled to fit into it.
      columns: photos a row.
      labels: one a photo; shortened where they do not fit.

    Raises:
      ValueError: no photo, fewer than one column, or labels of another number.
    """
    if not len(photos) or columns < 1:
        raise ValueError(
            f"expected photos and columns, got {len(photos)} photos, {columns} columns"
        )
    if labels is not None and len(labels) != len(photos):
        raise ValueError(f"got {len(labels)} labels for {len(photos)} photos")
    height, width = photos[0].shape[:2]
    columns = min(columns, len(photos))
    step_x = width + _GAP
    step_y = height + _GAP + (_LINE if labels else 0)
    canvas = _canvas(
        columns * step_x + _GAP, math.ceil(len(photos) / columns) * step_y + _GAP
    )
    draw = PIL.ImageDraw.Draw(canvas)
    for position, photo in enumerate(photos):
        row, column = divmod(position, columns)
        x, y = _GAP + column * step_x, _GAP + row * step_y
        _paste(canvas, photo, (x, y, width, height))
        if labels:
            _caption(draw, labels[position], (x, y + height), width, _INK)
    images.write_image(path, np.asarray(canvas))


def worst_pairs(
    path: str | os.PathLike[str],
    crops: Callable[[int], tuple[np.ndarray, np.ndarray]],
    similarities: np.ndarray,
    is_same: np.ndarray,
    threshold: float,
    *,
    count: int = 12,
) -> None:
    """Writes the impostor pairs most alike and the genuine pairs least alike.

    Below each pair stands its similarity, in red where the threshold decides wrongly.
    Pairs with a failed image (`protocol.FAILED`) have nothing to show and are left out.

    Args:
      path: the image to write; missing folders are made.
      crops: called with the index of a pair to be shown; returns its two photos
        uint8[H, W, 3], of the same size for all pairs.
      similarities: float[N].
      is_same: bool[N].
      threshold: from this similarity on, a pair is taken for genuine.
      count: pairs of each kind.

    Raises:
      ValueError: all pairs failed.
    """
    order = np.argsort(similarities, kind="stable")
    order = order[similarities[order] > protocol.FAILED]
    if not len(order):
        raise ValueError("expected pairs that could be compared, all of them failed")
    genuine = order[is_same[order]][:count]
    impostors = order[~is_same[order]][::-1][:count]
    height, width = crops(int(order[0]))[0].shape[:2]
    columns = max(1, math.ceil(max(len(genuine), len(impostors)) / 2))
    step_x, step_y = 2 * width + 3 * _GAP, height + _LINE + _GAP
    section = 2 * step_y + _LINE + _GAP
    canvas = _canvas(columns * step_x, 2 * section + _GAP)
    draw = PIL.ImageDraw.Draw(canvas)
    for top, title, members in (
        (_GAP, "Different people, most alike", impostors),
        (_GAP + section, "Same person, least alike", genuine),
    ):
        _caption(draw, title, (_GAP, top), canvas.width - 2 * _GAP, _INK)
        for position, pair in enumerate(members):
            row, column = divmod(position, columns)
            x, y = _GAP + column * step_x, top + _LINE + _GAP + row * step_y
            for side, crop in enumerate(crops(int(pair))):
                _paste(canvas, crop, (x + side * (width + 2), y, width, height))
            similarity = float(similarities[pair])
            wrong = (similarity >= threshold) != is_same[pair]
            ink = _WRONG if wrong else _INK
            _caption(draw, f"{similarity:.3f}", (x, y + height), 2 * width + 2, ink)
    images.write_image(path, np.asarray(canvas))


def _canvas(width: int, height: int) -> PIL.Image.Image:
    return PIL.Image.new("RGB", (width, height), _PAPER)


def _paste(
    canvas: PIL.Image.Image, photo: np.ndarray, box: tuple[int, int, int, int]
) -> None:
    """Lays a photo into the middle of the box (x, y, width, height)."""
    x, y, width, height = box
    tile = PIL.Image.fromarray(photo)
    if tile.size != (width, height):
        scale = min(width / tile.width, height / tile.height)
        size = max(1, round(tile.width * scale)), max(1, round(tile.height * scale))
        tile = tile.resize(size, PIL.Image.Resampling.LANCZOS)
    canvas.paste(tile, (x + (width - tile.width) // 2, y + (height - tile.height) // 2))


def _caption(
    draw: PIL.ImageDraw.ImageDraw,
    text: str,
    corner: tuple[int, int],
    width: int,
    ink: tuple[int, int, int],
) -> None:
    """Writes one line centred below `corner`, shortened to the width."""
    font = PIL.ImageFont.load_default(_FONT_SIZE)
    shown = text
    while shown and draw.textlength(shown, font) > width:
        text = text[:-1]
        shown = f"{text}…" if text else ""
    x = corner[0] + (width - draw.textlength(shown, font)) / 2
    draw.text((x, corner[1] + 2), shown, fill=ink, font=font)
