"""maskarc.images: every file gives a photo or a clear reason."""

import pathlib
import struct
import zlib

import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest

from maskarc import images

# Left to right red, green; below blue, white.
CORNERS = np.array(
    [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8
)


def bomb(path: pathlib.Path, side: int) -> pathlib.Path:
    """A small PNG whose header promises side×side pixels."""
    images.write_image(path, CORNERS)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    return path


def test_png_roundtrip_is_exact(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    path = tmp_path / "new" / "folder" / "x.png"
    images.write_image(path, image)
    np.testing.assert_array_equal(images.read_image(path), image)
    assert [p.name for p in path.parent.iterdir()] == ["x.png"]


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_any_mode_becomes_rgb(tmp_path, mode):
    suffix = {"CMYK": "jpg", "YCbCr": "jpg", "HSV": "tif"}.get(mode, "png")
    path = tmp_path / f"x.{suffix}"
    white = PIL.Image.new("RGB", (32, 16), (255, 255, 255)).convert(mode)
    (white.convert("RGB") if mode == "HSV" else white).save(path)
    image = images.read_image(path)
    assert image.shape == (16, 32, 3)
    assert image.dtype == np.uint8
    assert image.min() >= 253


def test_cmyk_keeps_its_colours(tmp_path):
    path = tmp_path / "x.tif"
    PIL.Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(path)  # no cyan: red
    np.testing.assert_array_equal(images.read_image(path)[0, 0], [255, 0, 0])


@pytest.mark.parametrize("value", [0, 100, 30_000, 65_535])
def test_sixteen_bits_fill_the_range(tmp_path, value):
    path = tmp_path / "x.png"
    PIL.Image.fromarray(np.full([4, 6], value, np.uint16)).save(path)
    image = images.read_image(path)
    assert image.shape == (4, 6, 3)
    assert abs(int(image[0, 0, 0]) - value / 257) <= 0.5


def test_transparency_is_laid_on_white(tmp_path):
    path = tmp_path / "x.png"
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    PIL.Image.fromarray(pixels).save(path)
    image = images.read_image(path)
    np.testing.assert_array_equal(image, [[[10, 20, 30], [255, 255, 255]]])


# What each EXIF orientation says of the stored rows and columns (TIFF 6.0, page 36).
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, CORNERS),
        (2, CORNERS[:, ::-1]),
        (3, CORNERS[::-1, ::-1]),
        (4, CORNERS[::-1]),
        (5, CORNERS.transpose(1, 0, 2)),
        (6, np.rot90(CORNERS, -1)),
        (7, CORNERS[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(CORNERS)),
        (77, CORNERS),
    ],
)
def test_exif_orientation_is_applied(tmp_path, orientation, upright):
    path = tmp_path / "x.png"
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    PIL.Image.fromarray(CORNERS).save(path, exif=exif)
    np.testing.assert_array_equal(images.read_image(path), upright)


# Where Pillow's own decoder is not used, the pixels must be its pixels.
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("orientation", [1, 6])
def test_jpeg_pixels_are_those_of_pillow(tmp_path, mode, options, orientation):
    rng = np.random.default_rng(0)
    noise = PIL.Image.fromarray(rng.integers(0, 256, (13, 9, 3), np.uint8))
    path = tmp_path / "x.jpg"
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    photo = noise.resize((90, 61), PIL.Image.Resampling.BICUBIC).convert(mode)
    photo.save(path, exif=exif, quality=80, **options)
    with PIL.Image.open(path) as image:
        expected = np.array(image.convert("RGB"))
    if orientation == 6:
        expected = np.rot90(expected, -1)
    np.testing.assert_array_equal(images.read_image(path), expected)
    np.testing.assert_array_equal(images.decode_image(path.read_bytes(), ""), expected)


def test_jpeg_files_without_their_end(tmp_path):
    path = tmp_path / "x.jpg"
    images.write_image(path, np.zeros([64, 64, 3], np.uint8))
    data = path.read_bytes()
    assert images.decode_image(data + b"trailing", "x").shape == (64, 64, 3)
    for cut in (2, 20):
        with pytest.raises(images.ImageError, match="truncated"):
            images.decode_image(data[:-cut], "x")


def test_broken_exif_does_not_cost_the_photo(tmp_path):
    path = tmp_path / "x.jpg"
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    exif[PIL.ExifTags.Base.XResolution] = 72
    PIL.Image.new("RGB", (20, 10)).save(path, exif=exif)
    data = path.read_bytes()
    # The type of the second tag becomes one that does not fit its value.
    at = data.index(b"\x01\x1a", data.index(b"Exif"))
    path.write_bytes(data[: at + 2] + b"\x00\x0d" + data[at + 4 :])
    assert images.read_image(path).shape == (20, 10, 3)


def test_broken_files_tell_why(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for suffix in (".jpg", ".png", ".webp", ".tif", ".bmp"):
        whole = tmp_path / f"whole{suffix}"
        images.write_image(whole, image)
        cut = tmp_path / f"cut{suffix}"
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        with pytest.raises(images.ImageError, match=rf"cut\{suffix}: "):
            images.read_image(cut)


def test_files_that_are_no_images_tell_why(tmp_path):
    text = tmp_path / "notes.jpg"
    text.write_text("not an image")
    with pytest.raises(images.ImageError, match=r"notes\.jpg: not an image"):
        images.read_image(text)
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(images.ImageError, match="empty"):
        images.read_image(empty)
    with pytest.raises(FileNotFoundError, match=r"absent\.png"):
        images.read_image(tmp_path / "absent.png")


@pytest.mark.parametrize("side", [1_001, 20_000])
def test_bombs_are_refused_from_their_header(tmp_path, side):
    limit = 1_000_000 if side < 2_000 else images.MAX_PIXELS
    with pytest.raises(images.ImageError, match="scale the photo down"):
        images.read_image(bomb(tmp_path / "bomb.png", side), max_pixels=limit)


def test_random_damage_never_escapes_as_another_error(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "x"
    for suffix in (".jpg", ".png", ".webp", ".bmp"):
        whole = tmp_path / f"whole{suffix}"
        images.write_image(whole, rng.integers(0, 256, (24, 24, 3), np.uint8))
        data = np.frombuffer(whole.read_bytes(), np.uint8)
        refused = 0
        for _ in range(60):
            damaged = data.copy()
            damaged[rng.integers(len(data), size=4)] = rng.integers(256, size=4)
            path.write_bytes(damaged.tobytes())
            try:
                image = images.read_image(path)
            except images.ImageError:
                refused += 1
            else:
                assert image.dtype == np.uint8
                assert image.shape[2] == 3
        assert refused > 0, suffix


def test_writing_refuses_what_it_cannot_keep(tmp_path):
    with pytest.raises(ValueError, match=r"x\.docx"):
        images.write_image(tmp_path / "x.docx", CORNERS)
    with pytest.raises(ValueError, match="float64"):
        images.write_image(tmp_path / "x.png", CORNERS / 255)
    assert list(tmp_path.iterdir()) == []


def test_listing_is_sorted_relative_and_without_hidden_files(tmp_path):
    for name in ("b/2.JPG", "b/10.jpg", "a.png", ".hidden/x.png", "b/.y.png", "c.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert images.list_images(tmp_path) == ["a.png", "b/10.jpg", "b/2.JPG"]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        images.list_images(tmp_path / "nowhere")
