"""maskarc.images: every file gives a photo or a clear reason."""

import concurrent.futures
import errno
import io
import os
import pathlib
import struct
import warnings
import zlib

import cv2
import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageFile
import PIL.ImageOps
import PIL.PngImagePlugin
import PIL.TiffImagePlugin
import pytest

from benchmarks import fuzz_images
from maskarc import images
from maskarc.images import reading

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


@pytest.mark.parametrize("value", [0, 30_000, 65_535])
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


CONTAINERS = (
    ("PNG", {}),
    ("JPEG", {"subsampling": 0}),
    ("WEBP", {"lossless": True}),
    ("AVIF", {}),
    *(("TIFF", {"compression": c}) for c in ("raw", "tiff_lzw", "jpeg")),
    ("TIFF", {"big_tiff": True}),
    ("MPO", {"subsampling": 0}),
)


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
def test_exif_orientation_is_applied_once(tmp_path, orientation, upright):
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    for number, (name, options) in enumerate(CONTAINERS):
        path = tmp_path / str(number)
        block = np.kron(CORNERS, np.ones((16, 24, 1), np.uint8))
        try:
            PIL.Image.fromarray(block).save(path, name, exif=exif.tobytes(), **options)
        except (KeyError, RuntimeError):  # no AVIF here; TIFF takes no 77
            continue
        image = images.read_image(path)
        expected = np.kron(upright, np.ones((16, 24, 1), np.uint8))
        if orientation in (5, 6, 7, 8):
            expected = np.kron(upright, np.ones((24, 16, 1), np.uint8))
        assert image.shape == expected.shape, (name, options)
        assert np.abs(image.astype(int) - expected).mean() < 8, (name, options)


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


def saved(picture: PIL.Image.Image, name: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def test_random_damage_never_escapes_as_another_error():
    """A few of the files of benchmarks.fuzz_images."""
    files = fuzz_images.whole_files()
    came = [
        fuzz_images.outcome(fuzz_images.damaged(files, 1, number)[1])
        for number in range(400)
    ]
    assert set(came) == {"photo", "refused"}


@pytest.mark.parametrize(
    "error",
    [
        struct.error("odd"),
        KeyError("odd"),
        TypeError("odd"),
        ZeroDivisionError("odd"),
        OverflowError("odd"),
        RuntimeError("odd"),
        cv2.error("odd"),
        NotImplementedError("odd"),
    ],
)
def test_whatever_a_decoder_throws_names_the_photo(monkeypatch, error):
    def load(self):
        raise error

    data = saved(PIL.Image.new("RGB", (5, 4)), "PNG")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    kind = type(error).__name__
    with pytest.raises(images.ImageError, match=rf"^x\.png: damaged .*{kind}: .*odd"):
        images.decode_image(data, "x.png")


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_a_stop_is_no_damage(monkeypatch, signal):
    def load(self):
        raise signal

    data = saved(PIL.Image.new("RGB", (5, 4)), "PNG")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    with pytest.raises(signal):
        images.decode_image(data, "x.png")


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError("out of memory error when reading image file")]
)
def test_want_of_memory_is_no_damage(monkeypatch, error):
    def load(self):
        raise error

    data = saved(PIL.Image.new("RGB", (50, 40)), "PNG")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    with pytest.raises(images.ImageError, match=r"not enough memory.* 50×40") as caught:
        images.decode_image(data, "x.png")
    assert "damaged" not in str(caught.value)


def test_a_damaged_tag_of_a_tiff_is_an_outcome():
    data = bytearray(saved(PIL.Image.new("RGB", (40, 40), "gray"), "TIFF"))
    (ifd,) = struct.unpack_from("<I", data, 4)
    for at in range(ifd + 2, ifd + 2 + 12 * data[ifd], 12):
        if data[at : at + 2] == (273).to_bytes(2, "little"):
            data[at + 2] = 5  # the strip's offset becomes a rational
    with pytest.raises(images.ImageError, match=r"^x\.tif: damaged image"):
        images.decode_image(bytes(data), "x.tif")


def test_files_that_cannot_be_read_are_not_called_damaged(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").mkdir()
    os.mkfifo(tmp_path / "b.jpg")
    (tmp_path / "c.jpg").symlink_to("c.jpg")
    images.write_image(tmp_path / "d.jpg", CORNERS)
    read = pathlib.Path.read_bytes

    def refuse(path):
        if path.name == "d.jpg":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(pathlib.Path, "read_bytes", refuse)
    told = {
        "a.jpg": "a folder",
        "b.jpg": "a pipe",
        "c.jpg": "cannot be read .*symbolic links",
        "d.jpg": r"cannot be read \(Permission denied\)",
        "d.jpg/x.jpg": "cannot be read .*Not a directory",
        "\0.jpg": "cannot be read .*null",
        f"{'e' * 300}.jpg": "cannot be read .*too long",
    }
    for name, reason in told.items():
        with pytest.raises(images.ImageError, match=reason) as caught:
            images.read_image(tmp_path / name)
        assert "damaged" not in str(caught.value)
        assert str(caught.value).startswith(name.rpartition("/")[2])


def test_large_files_are_not_read(tmp_path, monkeypatch):
    path = tmp_path / "x.jpg"
    images.write_image(path, CORNERS)
    monkeypatch.setattr(reading, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(images.ImageError, match=r"^x\.jpg: .* bytes exceed the limit"):
        images.read_image(path)


@pytest.mark.parametrize("suffix", sorted(images.SUFFIXES))
def test_content_decides_and_not_the_name(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(images.encode_image(CORNERS, "x.png"))
    np.testing.assert_array_equal(images.read_image(path), CORNERS)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("WEBP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("GIF", {}),
        ("JPEG2000", {}),
        ("JPEG2000", {"no_jp2": True}),
        ("PPM", {}),
        ("AVIF", {}),
    ],
)
def test_size_is_bounded_in_all_formats(name, options):
    picture = PIL.Image.new("RGB", (50, 40), "red")
    try:
        data = saved(picture, name, **options)
    except KeyError:
        pytest.skip(f"this Pillow writes no {name}")
    assert images.decode_image(data, "x", max_pixels=2000).shape == (40, 50, 3)
    with pytest.raises(images.ImageError, match=r"^x: 50×40 pixels exceed the limit"):
        images.decode_image(data, "x", max_pixels=1999)


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF", "AVIF", "MPO"])
def test_of_several_pictures_the_first_counts(name):
    first, second = (PIL.Image.new("RGB", (32, 24), c) for c in ("red", "blue"))
    try:
        data = saved(first, name, save_all=True, append_images=[second])
    except KeyError:
        pytest.skip(f"this Pillow writes no {name}")
    photo = images.decode_image(data, "x")
    assert photo.shape == (24, 32, 3)
    assert np.abs(photo.astype(int) - [255, 0, 0]).max() < 8


def test_metadata_does_not_swell():
    chunk = PIL.PngImagePlugin.PngInfo()
    chunk.add_text("a", "x" * 2_000_000, zip=True)
    picture = PIL.Image.new("RGB", (5, 4))
    with pytest.raises(images.ImageError, match="Decompressed data too large"):
        images.decode_image(saved(picture, "PNG", pnginfo=chunk), "x")


# Numbers.
@pytest.mark.parametrize("name", ["PNG", "TIFF"])
@pytest.mark.parametrize("top", [255, 1023, 4095, 16383, 65535])
@pytest.mark.parametrize("shape", [(16, 32), (16, 32, 3), (16, 32, 4)])
def test_few_bits_in_sixteen_are_not_dark(name, top, shape):
    levels = np.round(np.linspace(0, top, 512)).astype(np.uint16).reshape(16, 32)
    stored = levels if len(shape) == 2 else np.repeat(levels[..., None], shape[2], 2)
    if len(shape) == 3:
        stored[..., 3:] = 65535
    _, data = cv2.imencode(f".{name.lower()}", stored)
    photo = images.decode_image(data.tobytes(), "x")
    expected = np.round(levels * (255 / top))
    assert np.abs(photo[..., 0] - expected).max() <= 1


def test_a_tiff_tells_what_is_white():
    dark = PIL.Image.fromarray(np.array([[0, 1000, 2000]], np.uint16))
    tags = PIL.TiffImagePlugin.ImageFileDirectory_v2()
    for most, expected in ((4000, 128), (65535, 8), (1000, 125)):  # 1000 cannot be
        tags[281] = most
        photo = images.decode_image(saved(dark, "TIFF", tiffinfo=tags), "x")
        assert photo[0, :, 0].tolist() == [0, round(expected / 2 - 0.1), expected]


def test_a_tiff_may_have_white_at_zero():
    deep = np.array([[0, 30_000, 65_535]], np.uint16)
    tags = PIL.TiffImagePlugin.ImageFileDirectory_v2()
    tags[262] = 0
    data = bytearray(saved(PIL.Image.fromarray(deep), "TIFF"))
    at = data.index(struct.pack("<HHIH", 262, 3, 1, 1))
    data[at + 8] = 0
    photo = images.decode_image(bytes(data), "x")
    assert photo[0, :, 0].tolist() == [255, 255 - 117, 0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 100, 255]], np.float32), [0, 100, 255]),
        (np.array([[0, 100, 255]], np.int32), [0, 100, 255]),
        (np.array([[0, 30_000, 65_535]], np.int32), [0, 117, 255]),
        (np.array([[0, 2048, 4095]], np.int32), [0, 128, 255]),
    ],
)
def test_grey_numbers_of_32_bits(values, expected):
    data = saved(PIL.Image.fromarray(values), "TIFF")
    assert images.decode_image(data, "x")[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.array([[0, np.nan]], np.float32), "nan"),
        (np.array([[0, np.inf]], np.float32), "inf"),
        (np.array([[-1, 1]], np.float32), "float32 from -1 to 1"),
        (np.array([[0, 1e6]], np.float32), "float32 from 0 to 1e"),
        (np.array([[-5, 200]], np.int32), "int32 from -5 to 200"),
        (np.array([[0, 70_000]], np.int32), "int32 from 0 to 70000"),
    ],
)
def test_numbers_that_are_no_colours_are_told(values, told):
    data = saved(PIL.Image.fromarray(values), "TIFF")
    with pytest.raises(images.ImageError, match=rf"^x: expected .*{told}"):
        images.decode_image(data, "x")


def test_pgm_of_twelve_bits_tells_what_is_white():
    data = b"P5 3 1 4095\n" + np.array([0, 500, 1000], ">u2").tobytes()
    assert images.decode_image(data, "x")[0, :, 0].tolist() == [0, 31, 62]


def test_lab_keeps_its_colours():
    lab = np.array([[[54, 81, 70], [100, 0, 0]]])  # red, white
    stored = np.round(lab * [2.55, 1, 1]).astype(np.uint8)  # a, b in two's complement
    picture = PIL.Image.frombytes("LAB", (2, 1), stored.tobytes())
    [[red, white]] = images.decode_image(saved(picture, "TIFF"), "x").tolist()
    assert red[0] > 240 and max(red[1:]) < 40
    assert min(white) >= 253


@pytest.mark.parametrize("mode", ["PA", "LA", "P"])
def test_transparent_palettes_and_greys_are_laid_on_white(mode):
    picture = PIL.Image.new("RGBA", (4, 3), (0, 0, 0, 0)).convert("LA")
    if mode != "LA":
        picture = picture.convert("RGBA").convert("P")
        picture.info["transparency"] = 0
        picture.putdata([0] * 12)
    photo = images.decode_image(saved(picture, "PNG"), "x")
    assert photo.min() == 255


# Threads and the program's settings.
def odd_exif_jpeg() -> bytes:
    """A JPEG of whose EXIF Pillow warns."""
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    exif[PIL.ExifTags.Base.XResolution] = 72.5
    data = bytearray(saved(PIL.Image.new("RGB", (20, 10)), "JPEG", exif=exif))
    at = data.index(b"\x01\x1a\0\x05", data.index(b"Exif"))
    data[at + 8 : at + 12] = b"\0\xff\xff\xff"  # its value lies behind the end
    jfif = data.index(b"\xff\xe0")
    del data[jfif : jfif + 18]  # else Pillow does not look
    return bytes(data)


def test_odd_exif_is_no_warning_where_warnings_are_errors():
    data = odd_exif_jpeg()
    with pytest.warns(UserWarning), PIL.Image.open(io.BytesIO(data)) as image:
        image.load()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert images.decode_image(data, "x").shape == (20, 10, 3)


def odd_tiff() -> bytes:
    """A TIFF with a tag of two values, where there is but one."""
    tags = PIL.TiffImagePlugin.ImageFileDirectory_v2()
    tags[266] = 1  # FillOrder
    data = bytearray(saved(PIL.Image.new("RGB", (20, 10)), "TIFF", tiffinfo=tags))
    at = data.index(struct.pack("<HHI", 266, 3, 1))
    data[at + 4] = 2
    return bytes(data)


def test_a_warning_that_is_an_error_is_an_outcome():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(images.ImageError, match=r"^x: .*entries.* \(a warning"):
            images.decode_image(odd_tiff(), "x")
        warnings.simplefilter("ignore")
        assert images.decode_image(odd_tiff(), "x").shape == (10, 20, 3)


def test_threads_find_the_settings_of_the_program_untouched(tmp_path):
    images.write_image(tmp_path / "x.png", CORNERS)
    (tmp_path / "y.jpg").write_bytes(odd_exif_jpeg())
    (tmp_path / "z.jpg").write_bytes(b"no photo")

    def settings():
        return (
            list(warnings.filters),
            warnings.showwarning,
            PIL.Image.MAX_IMAGE_PIXELS,
            PIL.ImageFile.LOAD_TRUNCATED_IMAGES,
            cv2.getNumThreads(),
            np.geterr(),
            dict(os.environ),
            list(PIL.Image.ID),
        )

    before = settings()

    def read(number):
        path = tmp_path / ("x.png", "y.jpg", "z.jpg")[number % 3]
        try:
            return images.read_image(path).shape
        except images.ImageError:
            return None
        finally:
            assert settings() == before

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        shapes = list(pool.map(read, range(300)))
    assert shapes == [(2, 2, 3), (20, 10, 3), None] * 100
    assert settings() == before


def test_heic_is_read_upright(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    block = np.kron(CORNERS, np.ones((16, 32, 1), np.uint8))
    for orientation in range(1, 9):
        exif = PIL.Image.Exif()
        exif[PIL.ExifTags.Base.Orientation] = orientation
        path = tmp_path / f"{orientation}.heic"
        heif = pillow_heif.from_pillow(PIL.Image.fromarray(block))
        heif.save(path, exif=exif.tobytes(), quality=-1, chroma=444)
        photo = images.read_image(path)
        stored = PIL.Image.fromarray(block)
        stored.getexif()[PIL.ExifTags.Base.Orientation] = orientation
        upright = np.asarray(PIL.ImageOps.exif_transpose(stored), int)
        assert photo.shape == upright.shape
        assert np.abs(photo - upright).mean() < 8, orientation
        with pytest.raises(images.ImageError, match="exceed the limit"):
            images.read_image(path, max_pixels=100)
    assert "HEIF" not in PIL.Image.ID  # nobody else reads otherwise than before


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
