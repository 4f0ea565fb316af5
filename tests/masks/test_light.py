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


def test_even_light_comes_from_above(project):
    photo = np.full((240, 200, 3), (200, 150, 120), np.uint8)
    lit = light.read(photo, project(), 150.0)
    x, y, z = lit.direction
    assert x == 0 and y < 0 and z < 0
    assert lit.saturation == 1
    # The gain's luma is the clamped root of the brightnesses' ratio.
    expected = np.sqrt((200 * 0.299 + 150 * 0.587 + 120 * 0.114) / 150)
    assert lit.gain @ light.LUMA == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("side", [-1, 1])
def test_light_comes_from_the_brighter_cheek(project, side):
    photo = np.full((240, 200, 3), (200, 150, 120), np.uint8)
    dark = np.s_[:, :100] if side > 0 else np.s_[:, 100:]
    photo[dark] = photo[dark] // 2
    assert side * light.read(photo, project(), 150.0).direction[0] > 0.5


def test_masks_in_grey_photos_are_grey(project):
    photo = np.full((240, 200, 3), 140, np.uint8)
    lit = light.read(photo, project(), 150.0)
    assert lit.saturation == 0
    assert np.ptp(lit.gain) < 1e-9


def test_the_lights_colour_is_taken_in_part(project):
    plain, blue = ((200, 150, 120), (160, 150, 190))
    gains = [
        light.read(np.full((240, 200, 3), skin, np.uint8), project(), 150.0).gain
        for skin in (plain, blue)
    ]
    ratios = [gain[2] / gain[0] for gain in gains]
    assert 1.05 < ratios[1] / ratios[0] < 1.4


def test_a_face_outside_is_lit_evenly(project):
    photo = np.zeros((240, 200, 3), np.uint8)
    assert light.read(photo, project(centre=(500, 500)), 150.0) is light.EVEN
