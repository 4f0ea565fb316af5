"""maskarc.alignment: the ArcFace crop."""

import cv2
import numpy as np
import pytest

from maskarc import alignment, geometry
from maskarc.data import synthetic

# ArcFace's published reference points.
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)


def photo(height: int, width: int) -> np.ndarray:
    """A smooth picture: each channel rises along another direction."""
    y, x = np.mgrid[:height, :width]
    channels = [x / width, y / height, (x + y) / (width + height)]
    return np.round(np.stack(channels, axis=-1) * 255).astype(np.uint8)


def test_points_on_the_template_leave_the_crop_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    np.testing.assert_array_equal(alignment.align(image, TEMPLATE), image)


def test_the_five_points_land_on_the_template():
    move = np.array([[1.2, -0.9, 140], [0.9, 1.2, 30]])
    points = geometry.transform(TEMPLATE, move)
    matrix = alignment.crop_matrix(points)
    np.testing.assert_allclose(geometry.transform(points, matrix), TEMPLATE, atol=1e-9)


def test_size_and_margin_scale_about_the_crops_centre():
    # The canvas spans -0.5 to 111.5 at 112 pixels and -0.5 to 223.5 at 224.
    matrix = alignment.crop_matrix(TEMPLATE, size=224)
    np.testing.assert_allclose(matrix, [[2, 0, 0.5], [0, 2, 0.5]], atol=1e-9)
    loose = alignment.crop_matrix(TEMPLATE, margin=0.5)
    np.testing.assert_allclose(loose[:, :2], np.eye(2) / 2, atol=1e-9)
    centre = np.full([1, 2], 55.5)
    np.testing.assert_allclose(geometry.transform(centre, loose), centre)


def test_the_crop_agrees_with_sampling_by_hand():
    image = photo(200, 260)
    points = TEMPLATE + np.array([70, 40])
    crop = alignment.align(image, points)
    np.testing.assert_array_equal(crop, image[40:152, 70:182])


def test_outside_the_photo_is_black():
    white = np.full([112, 112, 3], 255, np.uint8)
    crop = alignment.align(white, TEMPLATE - [60, 0])
    assert (crop[:, :59] == 255).sum() == 0 or (crop[:, 61:] == 0).all()
    assert (crop == 0).any()
    assert (crop == 255).any()


@pytest.mark.parametrize("factor", [2, 3, 5, 8])
def test_large_photos_do_not_alias(factor):
    side = 112 * factor
    checks = (np.indices([side, side]).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = np.repeat(checks[..., None], 3, axis=2)
    points = (TEMPLATE + 0.5) * factor - 0.5
    inner = alignment.align(image, points)[8:-8, 8:-8].astype(float)
    # One-pixel checks average to grey; an aliased crop would show stripes.
    assert abs(inner - 127.5).max() < 20


@pytest.mark.parametrize("factor", [2.0, 2.7, 4.5])
def test_large_photos_are_not_shifted(factor):
    side = round(112 * factor)
    image = photo(side, side)
    points = (TEMPLATE + 0.5) * factor - 0.5
    crop = alignment.align(image, points).astype(float)
    small = cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA)
    # A shift of half a pixel would be 1.1 grey levels.
    assert abs(crop[4:-4, 4:-4] - small[4:-4, 4:-4]).mean() < 0.5


def test_the_photo_is_not_written():
    image = photo(300, 300)
    before = image.copy()
    alignment.align(image, TEMPLATE * 2)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    "points", [np.zeros([5, 2]), np.full([5, 2], np.nan), TEMPLATE[:4]]
)
def test_useless_points_are_refused(points):
    with pytest.raises(ValueError, match="expected"):
        alignment.align(photo(50, 50), points)


def test_a_face_far_outside_gives_a_black_crop():
    crop = alignment.align(photo(60, 60), TEMPLATE * 5 + 4000)
    assert crop.shape == (112, 112, 3)
    assert not crop.any()


@pytest.fixture(scope="module")
def face():
    """A photo and its 68 landmarks, whole pixels, turned and off the centre."""
    example = synthetic.SyntheticFaces(1, 1, size=160)[0]
    turn = np.array([[0.9, 0.25, 40.0], [-0.25, 0.9, 70.0]])
    image = cv2.warpAffine(example["image"], turn, (260, 260))
    points = geometry.transform(example["landmarks"].astype(float), turn)
    return image, np.round(points)


def test_chips_are_dlibs(face):
    dlib = pytest.importorskip("dlib", reason="extra 'dlib' is not installed")
    image, points = face
    chip = alignment.crop_face(image, points, size=150, crop="dlib")
    parts = [dlib.point(int(x), int(y)) for x, y in points]
    found = dlib.full_object_detection(dlib.rectangle(0, 0, 259, 259), parts)
    expected = dlib.get_face_chip(image, found, size=150, padding=0.25)
    # dlib cuts fractions of a grey level off; we round.
    difference = np.abs(chip.astype(float) - expected)
    assert difference.mean() < 0.7
    assert np.quantile(difference, 0.99) <= 3
    shifted = np.abs(chip[:, 1:].astype(float) - expected[:, :-1])
    assert shifted.mean() > 2 * difference.mean()


def test_a_mask_does_not_move_the_upper_chip(face):
    image, points = face
    before = alignment.crop_face(image, points, size=150, crop="upper")
    points = points.copy()
    points[:17] += 30  # jaw
    points[48:] -= 20  # mouth
    after = alignment.crop_face(image, points, size=150, crop="upper")
    np.testing.assert_array_equal(before, after)


def test_the_crop_of_the_eyes_has_no_mouth_in_it(face):
    _, points = face
    placed = geometry.transform(points, alignment.eyes_matrix(points, size=100))
    assert placed[36:48].mean(axis=0) == pytest.approx([49.5, 41.5], abs=2)
    eyes = np.ptp(placed[36:48, 0])
    upper = geometry.transform(points, alignment.upper_chip_matrix(points, size=100))
    assert eyes == pytest.approx(1.6 * np.ptp(upper[36:48, 0]))
    assert (placed[17:48] > 0).all() and (placed[17:48] < 100).all()
    assert placed[57, 1] > 100  # the lower lip


def test_the_upper_chip_is_placed_like_dlibs(face):
    _, points = face
    upper = alignment.upper_chip_matrix(points)
    whole = alignment.chip_matrix(points)
    centre = points.mean(axis=0, keepdims=True)
    apart = geometry.transform(centre, upper) - geometry.transform(centre, whole)
    assert np.abs(apart).max() < 12  # of 150 pixels
    np.testing.assert_allclose(upper[:, :2], whole[:, :2], atol=0.15)


def test_the_mouth_has_a_say_in_the_balanced_chip(face):
    _, points = face
    lowered = points.copy()
    lowered[48:] += [0, 10]
    zoom = [
        float(np.hypot(*alignment.balanced_chip_matrix(marks)[:, 0]))
        for marks in (points, lowered)
    ]
    assert 0.9 * zoom[0] < zoom[1] < 0.99 * zoom[0]


def test_the_balanced_chip_is_placed_like_the_upper_one(face):
    _, points = face
    balanced = alignment.balanced_chip_matrix(points)
    apart = geometry.transform(points, balanced) - geometry.transform(
        points, alignment.upper_chip_matrix(points)
    )
    assert np.abs(apart).max() < 8  # of 150 pixels


@pytest.mark.parametrize("crop", alignment.CROPS)
def test_every_crop_refuses_useless_landmarks(crop):
    for points in (np.zeros([68, 2]), np.full([68, 2], np.nan), np.ones([5, 2])):
        with pytest.raises(ValueError, match="expected"):
            alignment.crop_face(photo(50, 50), points, crop=crop)


def test_an_unknown_crop():
    with pytest.raises(ValueError, match=r"unknown crop 'loose'.*arcface"):
        alignment.crop_face(photo(50, 50), np.zeros([68, 2]), crop="loose")
