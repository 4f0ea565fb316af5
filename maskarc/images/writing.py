"""Writing photos: whole or not at all."""

import io
import os
import pathlib

import numpy as np
import PIL.Image

from maskarc import files
from maskarc.images import formats


def write_image(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Writes uint8[H, W, 3|4] RGB(A) or [H, W] atomically; the suffix sets the format.

    JPEG is written at quality 95. Missing folders are made.

    Raises:
      ValueError: an unknown suffix or an array that is not uint8.
    """
    path = pathlib.Path(path)
    files.write_bytes(path, encode_image(image, path.name), sync=False)


def encode_image(image: np.ndarray, name: str) -> bytes:
    """The bytes that `write_image` writes to a file of this name.

    Raises:
      ValueError: an unknown suffix or an array that is not uint8.
    """
    suffix = pathlib.PurePath(name).suffix.lower()
    if suffix not in formats.WRITTEN:
        raise ValueError(
            f"cannot write {name}: expected one of {', '.join(sorted(formats.WRITTEN))}"
        )
    if image.dtype != np.uint8:
        raise ValueError(f"expected a uint8 image, got {image.dtype}")
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, formats.WRITTEN[suffix], quality=95)
    return buffer.getvalue()
