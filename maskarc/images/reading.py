"""Reading photos: one decoder for the whole library.

No setting of the program is changed, so threads do not come across each other.
"""

import os
import pathlib
import re
import stat

import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.ImageFile

from maskarc.images import exif, formats, pixels
from maskarc.opencv import cv2

# About 11,500 × 11,500: 400 MB of RGB. Larger photos are refused before decoding.
MAX_PIXELS = 2**27
# As many as MAX_PIXELS take in 16-bit RGBA. Larger files are not read.
MAX_BYTES = 2**30

_PHOTOMETRIC, _BITS_PER_SAMPLE, _MAX_SAMPLE_VALUE = 262, 258, 281  # of TIFF
_WHITE_IS_ZERO = 0


def read_image(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Reads a photo of any common format and mode as RGB.

    JPEG, PNG, WebP, TIFF, BMP, GIF, JPEG 2000, PPM, AVIF, and HEIC with the extra
    ``heif``; what a file holds decides, not its name. Of several pictures the first
    counts. Grey, palette, CMYK, LAB and transparent files are converted, 16-bit and
    float ones as in `to_photo`; EXIF rotation is applied.

    What Pillow warns of, in odd TIFF or AVIF files, goes by the program's filters.

    Args:
      path: the file.
      max_pixels: larger images are refused from their header, before decoding.

    Returns:
      uint8[H, W, 3], RGB, contiguous.

    Raises:
      FileNotFoundError: there is no such file.
      ImageError: it cannot be read (`read_file`) or decoded (`decode_image`).
    """
    path = pathlib.Path(path)
    return decode_image(read_file(path), path.name, max_pixels=max_pixels)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The content of a photo's file, not yet decoded.

    Raises:
      FileNotFoundError: there is no such file.
      ImageError: it is a folder or a pipe, may not be read, or is larger than
        `MAX_BYTES`.
    """
    path = pathlib.Path(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            reason = "a folder, not a file"
        elif not stat.S_ISREG(status.st_mode):
            reason = "a pipe or a device, not a file"
        elif status.st_size > MAX_BYTES:
            reason = f"{status.st_size} bytes exceed the limit of {MAX_BYTES}"
        else:
            return path.read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no photo at {path}") from error
    except MemoryError as error:
        reason = f"there is not enough memory for its {status.st_size} bytes"
        raise pixels.ImageError(f"{path.name}: {reason}") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise pixels.ImageError(
            f"{path.name}: the file cannot be read ({reason})"
        ) from error
    raise pixels.ImageError(f"{path.name}: {reason}")


def decode_image(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decodes the content of a photo's file, exactly as `read_image` does.

    Args:
      data: the file's bytes.
      name: what to call the photo in an error's message.
      max_pixels: larger images are refused from their header, before decoding.

    Returns:
      uint8[H, W, 3], RGB, contiguous.

    Raises:
      ImageError: empty, truncated, damaged in whatever way, not an image, too large,
        with values that are no colours, or of a format whose package is missing.
    """
    try:
        return _decode(data, max_pixels)
    except Exception as error:  # decoders throw anything, such as ZeroDivisionError
        raise pixels.ImageError(f"{name}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    match error:
        case pixels.ImageError():
            return str(error)
        case MemoryError():
            return "there is not enough memory to open it"
        case PIL.Image.DecompressionBombError():
            return f"{error}; scale the photo down first"
        case Warning():
            return f"{error} (a warning, which this program takes for an error)"
    return f"damaged image ({type(error).__name__}: {error})"


def _decode(data: bytes, max_pixels: int) -> np.ndarray:
    if not data:
        raise pixels.ImageError("the file is empty")
    metadata: exif.Info = {}
    if data.startswith(formats.JPEG):
        data, metadata = exif.split_jpeg(data)
    with formats.open_image(data) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise pixels.ImageError(
                f"{width}×{height} pixels exceed the limit of {max_pixels}; scale the "
                "photo down first"
            )
        try:
            decoded = _plain_jpeg(image, data)
            decoded = _by_pillow(image, data) if decoded is None else decoded
        except (MemoryError, OSError) as error:
            if isinstance(error, OSError) and "out of memory" not in str(error):
                raise
            raise pixels.ImageError(
                f"there is not enough memory for its {width}×{height} pixels"
            ) from error
        if image.format == "TIFF":
            return decoded  # Pillow has turned it
        return exif.turn(decoded, exif.orientation(image.info | metadata))


def _plain_jpeg(image: PIL.ImageFile.ImageFile, data: bytes) -> np.ndarray | None:
    """The same pixels from OpenCV in half the time, where nothing is special.

    None for other files than JPEGs in colour or grey, and for those without their end,
    of which OpenCV would make up the rest.
    """
    if image.format != "JPEG" or image.mode not in ("RGB", "L"):
        return None
    if not data.endswith(b"\xff\xd9"):
        return None
    bgr = _by_opencv(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if bgr is None else cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _by_opencv(data: bytes, flags: int) -> np.ndarray | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # larger than OpenCV likes, for one
        return None


def _by_pillow(image: PIL.ImageFile.ImageFile, data: bytes) -> np.ndarray:
    """uint8[H, W, 3] of an opened file; only TIFFs are turned."""
    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        grey = pixels.eight_bits(np.asarray(image), _told_top(image, data))
        if _tiff_tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO:
            grey = 255 - grey  # Pillow does so at 8 bits alone
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "LAB":
        lab, rgb = PIL.ImageCms.createProfile("LAB"), PIL.ImageCms.createProfile("sRGB")
        converted = PIL.ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
        return np.array(converted)
    bits = data[24] if image.format == "PNG" else _tiff_tag(image, _BITS_PER_SAMPLE)
    is_deep = bits == 16 or (image.format == "PPM" and _ppm_top(data) == 65535)
    return pixels.on_white(_deepened(image, data) if is_deep else image)


def _told_top(image: PIL.ImageFile.ImageFile, data: bytes) -> int | None:
    """The integer that is white, where the file tells it."""
    if image.format == "PPM":
        # Pillow scales them to it, unless it is what the file says already.
        return None if _ppm_top(data) == 65535 else 65535
    bits = _tiff_tag(image, _BITS_PER_SAMPLE)
    most = _tiff_tag(image, _MAX_SAMPLE_VALUE)
    return most or (2**bits - 1 if bits and bits < 16 else None)


def _ppm_top(data: bytes) -> int:
    """The greatest value that a PGM or PPM file may hold; 0 where it says none."""
    if data[1:2] not in (b"2", b"3", b"5", b"6"):
        return 0
    words = re.sub(rb"#[^\n]*", b"", data[:1024]).split(maxsplit=4)
    return int(words[3]) if len(words) > 3 and words[3].isdigit() else 0


def _tiff_tag(image: PIL.ImageFile.ImageFile, tag: int) -> int | None:
    """The first value of a tag; None if there is none, or the file is no TIFF."""
    value = getattr(image, "tag_v2", {}).get(tag)
    return value[0] if isinstance(value, tuple) else value


def _deepened(image: PIL.Image.Image, data: bytes) -> PIL.Image.Image:
    """Colours of 16 bits, of which Pillow keeps the upper 8, made to fill the range.

    For data of 8 to 13 bits, of which little is kept, OpenCV decodes all 16.
    """
    rgba = np.array(image.convert("RGBA"))
    colours = rgba[..., :3]
    if colours.max() >= 64:
        return image
    deep = _by_opencv(data, cv2.IMREAD_UNCHANGED)
    if deep is None or not np.array_equal(deep[..., 2::-1] >> 8, colours):
        raise pixels.ImageError(
            "its 16-bit colours use the lower bits alone; save it as PNG or at 8 bits"
        )
    rgba[..., :3] = pixels.eight_bits(deep[..., 2::-1])
    return PIL.Image.fromarray(rgba)
