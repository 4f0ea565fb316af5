"""maskarc.images.pixels: arrays of any kind as photos, or what was expected of them."""

import numpy as np
import PIL.Image
import pytest

from maskarc import images
from maskarc.images import pixels

RAMP = np.linspace(0, 1, 256)[None]


@pytest.mark.parametrize("top", [255, 1023, 4095, 16383, 65535])
@pytest.mark.parametrize("dtype", ["<u2", ">u2", np.int32, np.int64])
def test_integers_fill_the_range_of_their_bits(top, dtype):
    photo = pixels.to_photo(np.round(RAMP * top).astype(dtype))
    np.testing.assert_array_equal(photo[0, :, 0], np.arange(256))


@pytest.mark.parametrize("top", [1.0, 255.0])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_shares_or_levels(top, dtype):
    photo = pixels.to_photo((RAMP * top).astype(dtype))
    np.testing.assert_array_equal(photo[0, :, 0], np.arange(256))


def test_floats_may_be_off_by_rounding():
    photo = pixels.to_photo(np.array([[-1e-4, 1 + 1e-4]]))
    assert photo[0, :, 0].tolist() == [0, 255]


def test_true_is_white():
    photo = pixels.to_photo(np.array([[True, False]]))
    assert photo.dtype == np.uint8
    assert photo.tolist() == [[[255, 255, 255], [0, 0, 0]]]


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_any_shape_of_a_picture(shape):
    photo = pixels.to_photo(np.full(shape, 200, np.uint8))
    assert photo.shape == (4, 5, 3) and photo.flags.c_contiguous


def test_transparency_is_laid_on_white():
    clear = np.array([[[1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]]])
    photo = pixels.to_photo(clear)
    assert photo.tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_a_photo_stays_itself():
    photo = np.zeros([2, 3, 3], np.uint8)
    assert pixels.to_photo(photo) is photo
    assert pixels.to_photo(photo[:, ::-1]).flags.c_contiguous


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros([3, 8, 9], np.uint8), r"\[H, W, 3\].*\(3, 8, 9\)"),
        (np.zeros([1, 8, 9, 3], np.uint8), r"\(1, 8, 9, 3\)"),
        (np.zeros([0, 9, 3], np.uint8), r"\(0, 9, 3\)"),
        (np.zeros([9], np.uint8), r"\(9,\)"),
        (np.array([[0.5, np.nan]]), "from nan to nan"),
        (np.array([[0.5, np.inf]]), "inf"),
        (np.array([[0.5, -np.inf]]), "-inf"),
        (np.array([[-1.0, 1.0]]), "float64 from -1 to 1"),
        (np.array([[0.0, 1.5]]), "from 0 to 1.5"),
        (np.array([[0.0, 300.0]]), "from 0 to 300"),
        (np.array([[0, 70_000]]), "integers from 0 to 65535.*int64 from 0 to 70000"),
        (np.array([[-1, 200]], np.int16), "int16 from -1 to 200"),
        (np.zeros([2, 2], complex), "complex128"),
        (np.array([["a"]]), "<U1"),
        (np.array([[None]]), "object"),
    ],
)
def test_what_is_no_photo_is_told(image, told):
    with pytest.raises(images.ImageError, match=told):
        pixels.to_photo(image)


def test_files_and_arrays_have_one_rule(tmp_path):
    grey = np.random.default_rng(0).integers(0, 4096, (6, 7), np.uint16)
    PIL.Image.fromarray(grey).save(tmp_path / "x.png")
    np.testing.assert_array_equal(
        images.read_image(tmp_path / "x.png"), images.to_photo(grey)
    )
