"""How a photo was held: its orientation by EXIF, or else by XMP.

Only what is needed is read, and of what is odd there is no error and no warning.
"""

import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from maskarc.opencv import cv2

# Orientation → what makes the picture upright (TIFF 6.0, page 36).
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}

# What Pillow knows of a picture beside its pixels.
Info = dict[str | tuple[int, int], Any]

_ORIENTATION = 0x0112
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
# Type of a tag → its first value; BYTE, SHORT and LONG.
_VALUES = {1: "B", 3: "H", 4: "I"}
_XMP = re.compile(rb"tiff:Orientation(?:=[\"']|>)([0-9])")

# Of a JPEG's segments.
_EXIF_HEAD, _XMP_HEAD = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_APP1, _START_OF_SCAN = 0xE1, 0xDA
# APP1 to APP13, APP15 and comments; APP0 and APP14 tell how colours are stored.
_METADATA = frozenset({*range(_APP1, 0xEE), 0xEF, 0xFE})
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """uint8[H, W, 3] made upright; numbers other than 2 to 8 turn nothing."""
    return _TURNS[orientation](pixels) if orientation in _TURNS else pixels


def orientation(info: Info) -> int:
    """The orientation in the `info` of a picture of Pillow; 1 where it has none.

    As in `PIL.ImageOps.exif_transpose`, XMP counts where EXIF says nothing.
    """
    found = _of_exif(info.get("exif") or _raw_profile(info))
    if found is None:
        xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
        match = _XMP.search(xmp.encode() if isinstance(xmp, str) else xmp)
        found = int(match[1]) if match else 1
    return found


def split_jpeg(data: bytes) -> tuple[bytes, Info]:
    """A JPEG file without its metadata, and its "exif" and "xmp" as in Pillow's `info`.

    Without it a decoder has no odd tags to warn of, no profiles to unpack, and of
    several pictures in a file (MPO) sees the first alone.
    """
    info: Info = {}
    kept, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff" and at + 4 <= len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a byte that fills
            at += 1
            continue
        if marker == _START_OF_SCAN or marker in _WITHOUT_LENGTH or length < 2:
            break
        segment = data[at : at + 2 + length]
        if marker not in _METADATA:
            kept.append(segment)
        elif marker == _APP1:
            for key, head in (("exif", _EXIF_HEAD), ("xmp", _XMP_HEAD)):
                if segment.startswith(head, 4):
                    info.setdefault(key, segment[4 + len(head) :])
        at += 2 + length
    return b"".join([*kept, memoryview(data)[at:]]), info


def _of_exif(exif: bytes) -> int | None:
    while exif.startswith(_EXIF_HEAD):
        exif = exif[len(_EXIF_HEAD) :]
    order = _ORDERS.get(exif[:4])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", exif, at)
            if tag == _ORIENTATION and kind in _VALUES:
                [value] = struct.unpack_from(order + _VALUES[kind], exif, at + 8)
                return value
    except struct.error:  # cut off
        pass
    return None


def _raw_profile(info: Info) -> bytes:
    """EXIF as ImageMagick puts it into a PNG's text: hexadecimal, from line 4."""
    text = str(info.get("Raw profile type exif", ""))
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""
