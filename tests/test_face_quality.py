"""What is measured of a face: each number follows its own cause, and no other."""

import dataclasses

import cv2
import numpy as np
import pytest

from maskarc import face_quality, images, landmarks
from maskarc.data import pairs, synthetic

GOOD = face_quality.Quality(
    width=90,
    contrast=120,
    brightness=128,
    white=0,
    sharpness=0.48,
    steadiness=0.45,
    noise=0.005,
)


@pytest.fixture(scope="module")
def face():
    """A generated photo, finer than a camera's, and its landmarks."""
    sample = synthetic.SyntheticFaces(1, 1, size=224)[0]
    return sample["image"], sample["landmarks"]


def blurred(image, deviation):
    return cv2.GaussianBlur(image, (0, 0), deviation)


def measured(image, points):
    return dataclasses.asdict(face_quality.measure(image, points))


def test_a_face_that_can_be_compared_raises_no_doubt():
    assert face_quality.doubt(GOOD) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"width": 14.2}, "the face is 14 pixels wide, of at least 32"),
        ({"contrast": 12, "brightness": 9}, "too dark to compare: 12 grey levels"),
        ({"contrast": 12, "brightness": 230}, "too pale to compare: 12 grey levels"),
        ({"white": 0.45}, "too bright to compare: 45% of it is white"),
        ({"sharpness": 0.3}, "too blurred to compare"),
        ({"steadiness": 0.3}, "too blurred to compare, by motion"),
        ({"noise": 0.08}, "too noisy to compare"),
    ],
)
def test_each_limit_has_its_reason(change, reason):
    assert reason in face_quality.doubt(dataclasses.replace(GOOD, **change))


def test_width_is_in_the_pixels_of_the_photo(face):
    image, points = face
    whole = measured(image, points)["width"]
    half = cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA)
    assert measured(half, points / 2)["width"] == pytest.approx(whole / 2)
    # Of the mean face: from ear to ear.
    mean = landmarks.layouts.MEAN_FACE[:, :2] * 40 + 100
    assert measured(image, mean)["width"] == pytest.approx(2.162 * 40)
    # However the head leans.
    turned = (mean - 100) @ np.array([[0, 1], [-1, 0]]) + 100
    assert measured(image, turned)["width"] == pytest.approx(2.162 * 40)


def test_blur_lowers_sharpness_step_by_step(face):
    image, points = face
    found = [measured(blurred(image, d), points)["sharpness"] for d in (1, 3, 6, 9)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < face_quality.LEAST_SHARPNESS - 0.05


def test_motion_lowers_steadiness_in_every_direction(face):
    image, points = face
    expected = measured(image, points)["steadiness"]
    for kernel in (np.ones((1, 25)), np.ones((25, 1))):
        shaken = cv2.filter2D(image, -1, kernel / 25)
        steadiness = measured(shaken, points)["steadiness"]
        assert steadiness < min(face_quality.LEAST_STEADINESS, expected - 0.05)


def test_noise_light_and_blocks_are_no_sharpness(face):
    image, points = face
    soft = blurred(image, 9)
    rng = np.random.default_rng(0)
    noisy = np.clip(soft + rng.normal(0, 6, soft.shape), 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", soft, [cv2.IMWRITE_JPEG_QUALITY, 20])
    blocks = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    for spoilt in (noisy, blocks, soft // 2):
        sharpness = measured(spoilt, points)["sharpness"]
        assert sharpness < face_quality.LEAST_SHARPNESS - 0.03


def test_noise_is_a_share_of_the_contrast(face):
    image, points = face
    soft = blurred(image, 3)
    rng = np.random.default_rng(0)
    noisy = np.clip(soft + rng.normal(0, 30, soft.shape), 0, 255).astype(np.uint8)
    assert measured(soft, points)["noise"] < 0.01
    assert measured(noisy, points)["noise"] > face_quality.MOST_NOISE
    assert measured(noisy // 2, points)["noise"] == pytest.approx(
        measured(noisy, points)["noise"], rel=0.2
    )


def test_light_is_told_from_skin(face):
    image, points = face
    as_it_is = measured(image, points)
    dark = measured((image * 0.05).astype(np.uint8), points)
    assert dark["contrast"] < as_it_is["contrast"] / 15
    bright = measured(np.clip(image * 5.0, 0, 255).astype(np.uint8), points)
    assert bright["white"] > face_quality.MOST_WHITE
    # Darker by 60 levels, with as much to see: no doubt about that.
    darker = measured(np.maximum(image, 60) - 60, points)
    assert darker["brightness"] < as_it_is["brightness"] - 40
    assert darker["contrast"] > as_it_is["contrast"] - 25


def test_any_landmarks_in_any_photo_are_measured():
    mean = landmarks.layouts.MEAN_FACE[:, :2]
    for image in (np.zeros((1, 1, 3), np.uint8), np.full((9, 300, 3), 200, np.uint8)):
        for points in (mean, mean * 50 + 4, mean * 1000 - 5000, mean * 0):
            found = measured(image, points)
            assert np.isfinite(list(found.values())).all()
            assert face_quality.doubt(face_quality.measure(image, points))
    with pytest.raises(ValueError, match="finite landmarks"):
        face_quality.measure(np.zeros((9, 9, 3), np.uint8), mean * np.nan)


def test_real_photos_pass_and_spoilt_ones_do_not(faces):
    """Of View 1's people, in the light and sharpness of LFW."""
    try:
        detector = landmarks.create_detector("mesh")
    except ImportError as error:
        pytest.skip(str(error))
    listed = pairs.read_pairs(faces / "lfw" / "pairsDevTest.txt")
    passed = {name: 0 for name in ("as it is", "blurred", "dark", "small")}
    for name in listed.first[::40]:
        image = images.read_image(faces / "lfw" / "images" / name)
        for kind, photo in {
            "as it is": image,
            "blurred": blurred(image, 4),
            "dark": image // 12,
            "small": cv2.resize(image, (40, 40), interpolation=cv2.INTER_AREA),
        }.items():
            found = landmarks.main_face(detector(photo), photo.shape)
            points = None if found is None else found.points[:, :2]
            if points is not None:
                quality = face_quality.measure(photo, points)
                passed[kind] += not face_quality.doubt(quality)
    assert passed == {"as it is": 25, "blurred": 0, "dark": 0, "small": 0}
