"""Reading and writing photos safely: one decoder for the whole library.

A photo is RGB uint8 [H, W, 3], upright (EXIF orientation applied). Files are only
ever read; writing goes to a temporary name first, so that no half-written file is
left behind.
"""

import io
import logging
import os
import pathlib
import warnings

import cv2
import numpy as np
import PIL.ExifTags
import PIL.Image

from maskarc import files

# About 11,500 × 11,500: 400 MB of RGB. Larger files are refused before decoding.
MAX_PIXELS = 2**27
# Longer JPEG files are not read into memory as a whole.
_MAX_PLAIN_BYTES = 2**28

_LOG = logging.getLogger(__name__)

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

NO_PHOTO = f"its name ends in none of {', '.join(sorted(SUFFIXES))}"

# EXIF orientation → what makes the image upright.
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}


class ImageError(ValueError):
    """A file that cannot be used as a photo; the message says why."""


def read_image(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Reads a photo of any common mode as RGB.

    Grey, palette, CMYK, 16-bit and transparent files are converted; transparency is
    laid on white; EXIF rotation is applied.

    Args:
      path: the file.
      max_pixels: larger images are refused from their header, before decoding.

    Returns:
      uint8[H, W, 3], RGB, contiguous.

    Raises:
      FileNotFoundError: there is no such file.
      ImageError: empty, truncated, not an image, or too large.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no photo at {path}")
    if path.stat().st_size == 0:
        raise ImageError(f"{path.name}: the file is empty")
    return _decode(path, path.name, max_pixels)


def decode_image(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decodes the content of a photo's file, exactly as `read_image` does.

    Args:
      data: the file's bytes.
      name: what to call the photo in an error's message.
      max_pixels: larger images are refused from their header, before decoding.

    Returns:
      uint8[H, W, 3], RGB, contiguous.

    Raises:
      ImageError: empty, truncated, not an image, or too large.
    """
    if not data:
        raise ImageError(f"{name}: the file is empty")
    return _decode(data, name, max_pixels)


def _decode(source: pathlib.Path | bytes, name: str, max_pixels: int) -> np.ndarray:
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd EXIF blocks
            with PIL.Image.open(file) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise ImageError(
                        f"{name}: {width}×{height} pixels exceed the limit of "
                        f"{max_pixels}; scale the photo down first"
                    )
                pixels = _decode_plain_jpeg(image, source)
                return _to_rgb(_upright(image)) if pixels is None else pixels
    except PIL.UnidentifiedImageError as error:
        raise ImageError(f"{name}: not an image that can be decoded") from error
    except PIL.Image.DecompressionBombError as error:
        raise ImageError(f"{name}: {error}; scale the photo down first") from error
    except ImageError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise ImageError(f"{name}: damaged image ({error})") from error


def _decode_plain_jpeg(
    image: PIL.Image.Image, source: pathlib.Path | bytes
) -> np.ndarray | None:
    """The same pixels from OpenCV in half the time, where nothing is special.

    None for other files than upright JPEGs in colour or grey, and for those without
    their end, of which OpenCV would make up the rest.
    """
    if image.format != "JPEG" or image.mode not in ("RGB", "L"):
        return None
    if _turn(image) is not None:
        return None
    if not isinstance(source, bytes):
        if source.stat().st_size > _MAX_PLAIN_BYTES:
            return None
        source = source.read_bytes()
    if not source.endswith(b"\xff\xd9"):
        return None
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(source, np.uint8), flags)


def _turn(image: PIL.Image.Image) -> PIL.Image.Transpose | None:
    """What the EXIF orientation asks for; unlike in Pillow, no other tag matters."""
    return _TURNS.get(image.getexif().get(PIL.ExifTags.Base.Orientation, 1))


def _upright(image: PIL.Image.Image) -> PIL.Image.Image:
    turn = _turn(image)
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: PIL.Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        grey = np.asarray(image, np.float64)
        # 16-bit files fill 0..65535; "I" may hold 8-bit values as well, "F" does.
        wide = image.mode.startswith("I;16") or (image.mode == "I" and grey.max() > 255)
        top = 65535.0 if wide else 255.0
        grey = np.clip(np.round(grey * (255.0 / top)), 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = PIL.Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = PIL.Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


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
    if suffix not in SUFFIXES:
        raise ValueError(
            f"cannot write {name}: expected one of {', '.join(sorted(SUFFIXES))}"
        )
    if image.dtype != np.uint8:
        raise ValueError(f"expected a uint8 image, got {image.dtype}")
    buffer = io.BytesIO()
    image_format = PIL.Image.registered_extensions()[suffix]
    PIL.Image.fromarray(image).save(buffer, image_format, quality=95)
    return buffer.getvalue()


def list_images(root: str | os.PathLike[str]) -> list[str]:
    """Paths of the photos below a folder, '/'-separated, relative and sorted.

    The order does not depend on the machine. What else is there is logged.

    Raises:
      As `list_photos`.
    """
    listing = list_photos(root)
    for line in listing.lines():
        _LOG.warning("%s: %s", root, line)
    return list(listing.names)


def list_photos(root: str | os.PathLike[str]) -> files.Listing:
    """Lists a folder; files that are no photos by their names are ignored.

    Raises:
      As `files.list_folder`.
    """
    return files.list_folder(root).only(is_image, NO_PHOTO)


def list_photo(path: str | os.PathLike[str]) -> files.Listing:
    """The listing of one photo, below its folder."""
    name = pathlib.Path(path).name
    alone = files.Listing(names=(name,), ignored={}, unreadable={}, linked={})
    return alone.only(is_image, NO_PHOTO)


def is_image(name: str) -> bool:
    """Whether a file's name ends as an image's does."""
    return pathlib.PurePosixPath(name).suffix.lower() in SUFFIXES
