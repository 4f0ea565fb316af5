import numpy as np
import pytest

from maskarc.landmarks import layouts
from maskarc.masks import light


def test_luminance_of_a_plain_photo_is_its_luma(project):
    photo = np.full((240, 200, 3), (200, 100, 50), np.uint8)
    # ITU-R BT.601: 0.299·200 + 0.587·100 + 0.114·50.
    assert light.skin_luminance(photo, project()) == pytest.approx(124.2)


def test_only_the_upper_face_is_looked_at(project):
    photo = np.full((240, 200, 3), 180, np.uint8)
    landmarks = project()
    nose_tip = int(landmarks[layouts.NOSE_TIP, 1])
    photo[nose_tip:] = 0
    assert light.skin_luminance(photo, landmarks) == pytest.approx(180)


def test_dark_glasses_do_not_count(project):
    photo = np.full((240, 200, 3), 180, np.uint8)
    landmarks = project()
    for eye in (layouts.LEFT_EYE, layouts.RIGHT_EYE):
        (left, top), (right, bottom) = (
            landmarks[eye].min(axis=0).astype(int) - 4,
            landmarks[eye].max(axis=0).astype(int) + 4,
        )
        photo[top:bottom, left:right] = 0
    assert light.skin_luminance(photo, landmarks) == pytest.approx(180)


def test_a_face_outside_the_photo_has_no_luminance(project):
    photo = np.zeros((240, 200, 3), np.uint8)
    assert light.skin_luminance(photo, project(centre=(500, 500))) is None


def test_black_is_not_zero(project):
    assert light.skin_luminance(np.zeros((240, 200, 3), np.uint8), project()) == 1


@pytest.mark.parametrize(
    ("face", "expected"), [(100, 1.0), (144, 1.2), (81, 0.9), (255, 1.5), (1, 0.6)]
)
def test_gain_is_the_clamped_root(face, expected):
    assert light.gain(face, 100) == pytest.approx(expected)
