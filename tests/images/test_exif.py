"""maskarc.images.exif: orientation out of metadata in any state."""

import io

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from maskarc.images import exif

XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'


def block(orientation: int, kind: int = 3, order: str = "big") -> bytes:
    """An EXIF block with one tag."""
    width = {1: 1, 3: 2, 4: 4}[kind]
    head = b"MM\0*" if order == "big" else b"II*\0"
    number = orientation.to_bytes(width, order).ljust(4, b"\0")
    parts = [(8, 4), (1, 2), (0x0112, 2), (kind, 2), (1, 4)]
    return head + b"".join(n.to_bytes(w, order) for n, w in parts) + number


@pytest.mark.parametrize("kind", [1, 3, 4])
@pytest.mark.parametrize("order", ["big", "little"])
def test_orientation_of_any_type_and_order(kind, order):
    for head in (b"", b"Exif\0\0", b"Exif\0\0Exif\0\0"):
        assert exif.orientation({"exif": head + block(6, kind, order)}) == 6


def test_xmp_counts_where_exif_says_nothing():
    assert exif.orientation({"xmp": XMP % 8}) == 8
    assert exif.orientation({"XML:com.adobe.xmp": (XMP % 8).decode()}) == 8
    assert exif.orientation({"xmp": XMP % 8, "exif": block(3)}) == 3
    assert exif.orientation({}) == 1


def test_imagemagick_puts_exif_into_text():
    text = "\nexif\n      26\n" + block(5).hex()
    assert exif.orientation({"Raw profile type exif": text}) == 5
    assert exif.orientation({"Raw profile type exif": "\n\n\nno"}) == 1


def test_odd_blocks_are_no_error():
    rng = np.random.default_rng(0)
    whole = np.frombuffer(block(6), np.uint8)
    for _ in range(2_000):
        damaged = whole.copy()
        damaged[rng.integers(len(damaged), size=3)] = rng.integers(256, size=3)
        data = damaged.tobytes()[: int(rng.integers(len(whole) + 1))]
        assert 0 <= exif.orientation({"exif": data}) < 2**32


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_are_those_of_pillow(orientation):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    picture = PIL.Image.fromarray(pixels)
    picture.getexif()[0x0112] = orientation
    expected = np.asarray(PIL.ImageOps.exif_transpose(picture))
    turned = exif.turn(pixels, orientation)
    np.testing.assert_array_equal(turned, expected)
    assert turned.flags.c_contiguous


def jpeg(**options) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (20, 10), "red").save(buffer, "JPEG", **options)
    return buffer.getvalue()


def test_metadata_is_taken_out_of_a_jpeg():
    whole = jpeg(
        exif=b"Exif\0\0" + block(6),
        xmp=XMP % 3,
        icc_profile=bytes(200_000),
        comment=b"hello",
    )
    bare, info = exif.split_jpeg(whole)
    assert bare == jpeg()
    assert info["exif"] == block(6) and info["xmp"] == XMP % 3


def test_a_jpeg_that_is_cut_anywhere_is_split_without_error():
    whole = jpeg(exif=b"Exif\0\0" + block(6), comment=b"hello")
    for end in range(len(whole)):
        bare, _ = exif.split_jpeg(whole[:end])
        assert len(bare) <= end
