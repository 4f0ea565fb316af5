"""Which files are photos, and who opens them: by their names, and by what they hold."""

import io
import logging
import os
import pathlib
import re
from collections.abc import Callable

import PIL.BmpImagePlugin
import PIL.GifImagePlugin
import PIL.ImageFile
import PIL.Jpeg2KImagePlugin
import PIL.JpegImagePlugin
import PIL.PngImagePlugin
import PIL.PpmImagePlugin
import PIL.TiffImagePlugin
import PIL.WebPImagePlugin

from maskarc import files
from maskarc.images import pixels

# Suffix → format of what is written.
WRITTEN = {
    ".bmp": "BMP",
    ".jfif": "JPEG",
    ".jpe": "JPEG",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
# Other suffixes of photos. They are not written: HEIC, AVIF and JPEG 2000 not on every
# machine, GIF and PGM not in full colour. TGA has no first bytes to know it by.
_ONLY_READ = (
    *(".avif", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jp2"),
    *(".pbm", ".pgm", ".pnm", ".ppm"),
)
SUFFIXES = frozenset((*WRITTEN, *_ONLY_READ))
NO_PHOTO = f"its name ends in none of {', '.join(sorted(SUFFIXES))}"

_LOG = logging.getLogger(__name__)

JPEG = b"\xff\xd8\xff"
# A name that is not written, or that stands for one.
_STAND_IN = re.compile(
    rf"({'|'.join(map(re.escape, _ONLY_READ))})(\.png)*$", re.IGNORECASE
)


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


def writable_name(name: str) -> str:
    """The name under which a picture of this name is written.

    Its own; with .png after a suffix that is only read. No two names give the same: one
    that could be such a result gets another .png itself.

    >>> [writable_name(n) for n in ("a/x.jpg", "a/x.heic", "a/x.heic.png", "x.png")]
    ['a/x.jpg', 'a/x.heic.png', 'a/x.heic.png.png', 'x.png']
    """
    return files.fitted(f"{name}.png") if _STAND_IN.search(name) else name


def open_image(data: bytes) -> PIL.ImageFile.ImageFile:
    """Opens a file's content with the one reader for what it holds, before decoding.

    `PIL.Image.open` knows more formats, starts other programs for some of them, and
    warns of large photos.

    Raises:
      ImageError: no reader knows it, or a package is missing for it.
      Exception: whatever else the reader throws.
    """
    for first_bytes, opener in _OPENERS:
        if re.match(first_bytes, data, re.DOTALL):
            return opener(io.BytesIO(data))
    raise pixels.ImageError("not an image that can be decoded")


def _open_avif(file: io.BytesIO) -> PIL.ImageFile.ImageFile:
    try:
        from PIL import AvifImagePlugin
    except ImportError:
        is_supported = False
    else:
        is_supported = AvifImagePlugin.SUPPORTED
    if not is_supported:
        raise pixels.ImageError("AVIF files need: pip install 'pillow>=11.3'")
    return AvifImagePlugin.AvifImageFile(file)


def _open_heif(file: io.BytesIO) -> PIL.ImageFile.ImageFile:
    try:
        import pillow_heif
    except ImportError as error:
        raise pixels.ImageError(
            "HEIC files need: pip install 'maskarc[heif]'"
        ) from error
    return pillow_heif.HeifImageFile(file)  # without a change of Pillow's registry


_OPENERS: tuple[tuple[bytes, Callable[[io.BytesIO], PIL.ImageFile.ImageFile]], ...] = (
    (JPEG, PIL.JpegImagePlugin.JpegImageFile),
    (rb"\x89PNG\r\n\x1a\n", PIL.PngImagePlugin.PngImageFile),
    (rb"RIFF....WEBP", PIL.WebPImagePlugin.WebPImageFile),
    (rb"II[*+]\0|MM\0[*+]", PIL.TiffImagePlugin.TiffImageFile),
    (rb"BM", PIL.BmpImagePlugin.BmpImageFile),
    (rb"GIF8[79]a", PIL.GifImagePlugin.GifImageFile),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", PIL.Jpeg2KImagePlugin.Jpeg2KImageFile),
    (rb"P[1-6f]\s", PIL.PpmImagePlugin.PpmImageFile),
    # Files of the brands mif1 and msf1 hold either; their other brands tell.
    (rb"....ftyp(?:avi[fs]|m[is]f1....(?:....){0,9}?avi[fs])", _open_avif),
    (rb"....ftyp(?:m[is]f1|he[iv][cxms])", _open_heif),
)
