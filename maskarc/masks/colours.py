"""Colours by name, by number, and at random."""

import numpy as np
import PIL.ImageColor

from maskarc.opencv import cv2

# Bounds of a random colour: lightness, and how far from grey on either axis.
_LIGHTNESS, _CHROMA = (18.0, 94.0), 55.0


def parse(text: str) -> tuple[int, int, int]:
    """RGB of a CSS colour name or of "#rgb" or "#rrggbb".

    >>> parse("#aa2233"), parse("Navy")
    ((170, 34, 51), (0, 0, 128))

    Raises:
      ValueError: neither of them.
    """
    try:
        red, green, blue = PIL.ImageColor.getrgb(text)[:3]
    except ValueError as error:
        names = ", ".join(sorted(PIL.ImageColor.colormap)[::12])
        raise ValueError(
            f"unknown colour {text!r}; expected #rrggbb or a CSS name such as {names}"
        ) from error
    return red, green, blue


def random(rng: np.random.Generator) -> tuple[int, int, int]:
    """A colour drawn evenly from CIE Lab, so that all look equally likely."""
    lightness = rng.uniform(*_LIGHTNESS)
    a, b = rng.uniform(-_CHROMA, _CHROMA, 2)
    lab = np.array([[[lightness, a, b]]], np.float32)
    red, green, blue = np.clip(255 * cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 255)[0, 0]
    return round(float(red)), round(float(green)), round(float(blue))
