"""maskarc.images.formats: names of photos, and where their copies are written."""

import itertools
import sys

import numpy as np
import pytest

from maskarc import images
from maskarc.images import formats


def test_what_is_written_can_be_read():
    assert set(formats.WRITTEN) < images.SUFFIXES
    photo = np.full([8, 9, 3], 200, np.uint8)
    for suffix in formats.WRITTEN:
        content = images.encode_image(photo, f"x{suffix}")
        assert images.decode_image(content, "x").shape == (8, 9, 3)


def test_written_names_never_meet():
    suffixes = (".jpg", ".heic", ".HEIC", ".gif", ".png", ".PNG", "")
    names = {"a" + "".join(p) for p in itertools.product(suffixes, repeat=4)}
    photos = {name for name in names if images.is_image(name)}
    written = {formats.writable_name(name) for name in photos}
    assert len(written) == len(photos)
    for name in written:
        images.encode_image(np.zeros([2, 2, 3], np.uint8), name)


def brand(major: bytes, *others: bytes) -> bytes:
    """The start of a file in the ISO container."""
    content = b"ftyp" + major + bytes(4) + b"".join(others)
    return (4 + len(content)).to_bytes(4, "big") + content + bytes(64)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for data in (brand(b"heic"), brand(b"mif1", b"mif1", b"heic")):
        with pytest.raises(images.ImageError, match=r"^x: .*'maskarc\[heif\]'"):
            images.decode_image(data, "x")
    monkeypatch.setitem(sys.modules, "PIL.AvifImagePlugin", None)
    monkeypatch.delattr("PIL.AvifImagePlugin", raising=False)
    for data in (brand(b"avif"), brand(b"mif1", b"mif1", b"avif")):
        with pytest.raises(images.ImageError, match=r"^x: .*pillow>=11\.3"):
            images.decode_image(data, "x")


def test_videos_are_no_photos():
    with pytest.raises(images.ImageError, match="not an image"):
        images.decode_image(brand(b"isom", b"mp42"), "x")


def test_programs_are_not_started(monkeypatch):
    """Pillow would hand PostScript to Ghostscript."""
    monkeypatch.setattr("subprocess.check_call", pytest.fail)
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    with pytest.raises(images.ImageError, match="not an image"):
        images.decode_image(data, "x.jpg")
