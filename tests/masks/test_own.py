"""Own masks: anchors of shapes drawn by hand, and of the built-in drawings."""

import io

import cv2
import numpy as np
import PIL.Image
import pytest

from maskarc import geometry
from maskarc.masks import own, rendering


def png(rgba):
    buffer = io.BytesIO()
    PIL.Image.fromarray(rgba).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def flat():
    """A rectangle (100..400, 50..250) with loops at its sides."""
    rgba = np.zeros((300, 500, 4), np.uint8)
    for x in (100, 400):
        cv2.ellipse(rgba, (x, 150), (70, 80), 0, 0, 360, (250, 250, 250, 255), 8)
    rgba[50:251, 100:401] = (40, 120, 60, 255)
    return rgba


def test_anchors_of_a_rectangle_are_its_corners(flat):
    found = own.find_anchors(flat)
    expected = {
        "top": (250, 50),
        "left": (100, 50),
        "right": (400, 50),
        "lower_left": (100, 250),
        "lower_right": (400, 250),
        "chin": (250, 250),
    }
    assert list(found) == list(expected)
    for name, point in expected.items():
        assert found[name] == pytest.approx(point, abs=10), name


def test_given_anchors_lie_on_their_landmarks_in_the_photo(project):
    """A dot painted at an anchor appears where the face has that place."""
    rgba = np.full((600, 800, 4), 255, np.uint8)
    rgba[:3] = 0
    anchors = {"top": (400, 60), "left": (100, 150), "right": (700, 150)}
    anchors |= {"chin": (400, 560)}
    for x, y in anchors.values():
        cv2.circle(rgba, (x, y), 14, (255, 0, 0, 255), cv2.FILLED)
    mask = own.mask_of_png(png(rgba), "dots", anchors=anchors)
    pose = geometry.Pose(yaw=0.0, pitch=0.0, roll=0.2)
    photo = np.full((300, 300, 3), 128, np.uint8)
    points = project(pose, scale=80.0, centre=(150.0, 90.0))
    result = rendering.render(photo, points, mask, match_light=False, feather=0)
    cos, sin = np.cos(0.2), np.sin(0.2)
    for name in anchors:
        x, y = own.ANCHORS[name]
        x, y = 150 + 80 * (cos * x - sin * y), 90 + 80 * (sin * x + cos * y)
        red, green, _ = result[round(y), round(x)].astype(int)
        assert red - green > 100, name


def test_large_pictures_are_made_smaller(flat):
    large = cv2.resize(flat, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    small, mask = (own.mask_of_png(png(p), "x") for p in (flat, large))
    assert mask.rgba.shape[1] == own.MAX_SIDE
    ratio = own.MAX_SIDE / 500
    expected = (small.landmarks + 0.5) * ratio - 0.5
    np.testing.assert_allclose(mask.landmarks, expected, atol=4)
    solid = mask.rgba[mask.rgba[..., 3] == 255]
    assert (solid[:, :3] >= (40, 120, 60)).all()  # no dark fringe


def test_what_is_no_mask_says_why(flat):
    opaque = np.full((20, 20, 4), 255, np.uint8)
    for content, message in (
        (b"", "not a readable PNG"),
        (png(opaque), "no transparent background"),
        (png(opaque[..., :3]), "no transparent background"),
        (png(opaque * 0), "nothing in the picture is opaque"),
    ):
        with pytest.raises(ValueError, match=message):
            own.mask_of_png(content, "x")
    good = own.find_anchors(flat)
    for change, message in (
        ({"nose": (1, 2)}, "unknown anchors nose; expected top"),
        ({"top": (np.nan, 2)}, "finite"),
        ({"left": good["right"], "right": good["left"]}, "not where a mask has them"),
        ({"chin": good["top"], "top": good["chin"]}, "not where a mask has them"),
        (dict.fromkeys(good, (5, 5)), "not where a mask has them"),
    ):
        with pytest.raises(ValueError, match=message):
            own.mask_of_png(png(flat), "x", anchors=good | change)
    with pytest.raises(ValueError, match="chin are missing"):
        own.mask_of_png(png(flat), "x", anchors={k: good[k] for k in list(good)[:3]})
