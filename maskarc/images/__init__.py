"""Reading and writing photos safely: one decoder for the whole library.

A photo is RGB uint8 [H, W, 3], upright (EXIF orientation applied). Files are only
ever read; writing goes to a temporary name first, so that no half-written file is
left behind.
"""

from maskarc.images.formats import (
    NO_PHOTO,
    SUFFIXES,
    is_image,
    list_images,
    list_photo,
    list_photos,
    writable_name,
)
from maskarc.images.pixels import ImageError, to_photo
from maskarc.images.reading import (
    MAX_BYTES,
    MAX_PIXELS,
    decode_image,
    read_file,
    read_image,
)
from maskarc.images.writing import encode_image, write_image

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "NO_PHOTO",
    "SUFFIXES",
    "ImageError",
    "decode_image",
    "encode_image",
    "is_image",
    "list_images",
    "list_photo",
    "list_photos",
    "read_file",
    "read_image",
    "to_photo",
    "writable_name",
    "write_image",
]
