"""Numbers of any type as the uint8 RGB of a photo."""

import numpy as np
import PIL.Image

# Bits an integer may have: of those that hold all values of an image, the fewest.
_BITS = (8, 10, 12, 14, 16)
# By how much of it floats may leave their range, for rounding and interpolation.
_SLACK = 1e-3


class ImageError(ValueError):
    """A file or an array that cannot be used as a photo; the message says why."""


def to_photo(image: np.ndarray) -> np.ndarray:
    """An array of any common type and shape as a photo.

    Integers reach from 0 to the greatest number of 8, 10, 12, 14 or 16 bits, the fewest
    that hold all values: 12-bit data in uint16 is not dark. Floats reach from 0 to 1,
    or to 255 where one is above 2. True is white. Transparency is laid on white.

    Args:
      image: [H, W] or [H, W, 1] grey, [H, W, 3] RGB, [H, W, 4] RGBA.

    Returns:
      uint8[H, W, 3], RGB, contiguous; the array itself if it is that already.

    Raises:
      ImageError: another shape, empty, or with values outside these ranges.

    >>> to_photo(np.array([[0.0, 0.5, 1.0]])).tolist()
    [[[0, 0, 0], [128, 128, 128], [255, 255, 255]]]
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or not image.size:
        raise ImageError(
            "expected an image [H, W], [H, W, 1], [H, W, 3] RGB or [H, W, 4] RGBA, "
            f"got one of shape {image.shape}"
        )
    if image.shape[2] == 4:  # each by its own range: alpha is often full
        image = np.dstack([eight_bits(image[..., :3]), eight_bits(image[..., 3:])])
        return on_white(PIL.Image.fromarray(np.ascontiguousarray(image)))
    image = eight_bits(image)
    if image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    return np.ascontiguousarray(image)


def eight_bits(values: np.ndarray, top: int | None = None) -> np.ndarray:
    """uint8 of values from 0 to the one that is white.

    Args:
      values: of any shape, with one value or more.
      top: the integer that is white; None to find it, as `to_photo` does.

    Raises:
      ImageError: values outside the ranges of `to_photo`.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values * np.uint8(255)
    if values.dtype.kind not in "iuf":
        raise ImageError(f"expected an image of numbers, got {values.dtype}")
    low, high = values.min().item(), values.max().item()
    if values.dtype.kind == "f":
        top = 1 if high <= 1 + _SLACK else 255
        # Up to 2 it may be either, and NaN is neither.
        is_known = not 1 + _SLACK < high <= 2 and high <= top * (1 + _SLACK)
        is_known = is_known and low >= -top * _SLACK
    else:
        if top is None or not high <= top < 2**16:
            top = next((2**b - 1 for b in _BITS if high < 2**b), 0)
        is_known = low >= 0 and high <= top
    if not is_known:
        raise ImageError(
            "expected integers from 0 to 65535, or floats from 0 to 1 or from 0 to "
            f"255, got {values.dtype} from {low:g} to {high:g}"
        )
    if values.dtype.kind == "f":
        return np.clip(np.round(values * (255 / top)), 0, 255).astype(np.uint8)
    table = np.round(np.arange(top + 1) * (255 / top)).astype(np.uint8)
    return table[values]


def on_white(image: PIL.Image.Image) -> np.ndarray:
    """uint8[H, W, 3] of a picture of 8 bits a channel; transparency becomes white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = PIL.Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = PIL.Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))
