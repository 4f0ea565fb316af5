"""maskarc.landmarks.search, with a finder of painted dots in place of a network."""

import dataclasses

import cv2
import numpy as np
import pytest

from maskarc.landmarks import search, types

GREY = 90


def painted(eye_distance: float, angle: float = 0.0, size=(300, 400)) -> np.ndarray:
    """A photo with a red left eye, a green right eye and a blue mouth."""
    image = np.full([*size, 3], GREY, np.uint8)
    across = np.array([np.cos(angle), np.sin(angle)]) * eye_distance
    down = np.array([-across[1], across[0]])
    centre = np.array([size[1], size[0]]) / 2
    spots = {0: centre - across / 2, 1: centre + across / 2, 2: centre + down}
    for channel, spot in spots.items():
        colour = np.eye(3)[channel] * 255
        cv2.circle(
            image, np.round(spot).astype(int), round(eye_distance / 6), colour, -1
        )
    return image


def dots(image: np.ndarray) -> np.ndarray | None:
    """Where the three dots are, float[3, 2]; None unless all are there."""
    found = []
    for channel in range(3):
        others = np.delete(image, channel, axis=2).max(axis=2)
        y, x = np.nonzero((image[..., channel] > 170) & (others < 60))
        if not len(x):
            return None
        found.append((x.mean(), y.mean()))
    return np.array(found)


def finder(image: np.ndarray, name: str = "") -> list[types.Face]:
    """Finds upright dots 12 to 120 pixels apart that are not at the photo's edge."""
    spots = dots(image)
    if spots is None:
        return []
    left, right, mouth = spots
    distance = float(np.hypot(*(right - left)))
    tilt = np.arctan2(*(right - left)[::-1])
    box = np.concatenate([spots.mean(axis=0) - distance, spots.mean(axis=0) + distance])
    inside = (box[:2] > -distance / 3).all() and (
        box[2:] < np.array(image.shape[1::-1]) + distance / 3
    ).all()
    if not (12 < distance < 120 and abs(tilt) < 0.6 and inside):
        return []
    points = np.stack([left, right, spots.mean(axis=0), mouth, mouth])
    return [
        types.Face(
            box=box.astype(np.float32),
            score=0.99,
            points=points.astype(np.float32),
            layout="5",
        )
    ]


def assert_found(image: np.ndarray, tolerance: float = 1.0, **options) -> None:
    [face] = search.find_faces(image, finder, **options)
    np.testing.assert_allclose(face.points[[0, 1, 3]], dots(image), atol=tolerance)
    centre = (face.box[:2] + face.box[2:]) / 2
    np.testing.assert_allclose(centre, dots(image).mean(axis=0), atol=tolerance)


def test_a_plain_photo():
    assert_found(painted(60), tolerance=0.01)


@pytest.mark.parametrize("side", [900, 2400])
def test_a_large_photo_is_scaled_down_and_points_are_scaled_back(side):
    image = painted(side / 5, size=(side * 3 // 4, side))
    assert_found(image, tolerance=side / 400)


def test_a_small_face_in_a_large_photo():
    assert_found(painted(24, size=(1500, 2000)), tolerance=1.5)


def test_a_tiny_face():
    assert_found(painted(9, size=(60, 80)), tolerance=0.6)


def test_a_tight_crop():
    whole = painted(60)
    assert_found(whole[110:225, 158:242], tolerance=1)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns(turns):
    image = np.ascontiguousarray(np.rot90(painted(60), turns))
    assert_found(image)
    assert search.find_faces(image, finder, rotations=False) == []


def mistaking_finder(image: np.ndarray, name: str = "") -> list[types.Face]:
    """Like a network that takes upside-down faces for upright, with less certainty."""
    if faces := finder(image):
        return faces
    turned = finder(np.ascontiguousarray(image[::-1, ::-1]))
    last = np.array(image.shape[1::-1]) - 1
    return [
        types.Face(
            box=np.concatenate([last - face.box[2:], last - face.box[:2]]),
            score=0.6,
            points=last - face.points[[1, 0, 2, 4, 3]],
            layout="5",
        )
        for face in turned
    ]


def test_a_face_mistaken_for_upright_is_turned():
    image = painted(60, angle=np.pi)
    [mistaken] = mistaking_finder(image)
    assert np.abs(mistaken.points[0] - dots(image)[0]).max() > 30
    [face] = search.find_faces(image, mistaking_finder)
    np.testing.assert_allclose(face.points[[0, 1, 3]], dots(image), atol=2)
    assert face.size == pytest.approx(mistaken.size, rel=0.1)


def test_an_upright_face_is_not_turned():
    [face] = search.find_faces(painted(60), mistaking_finder)
    [expected] = finder(painted(60))
    np.testing.assert_array_equal(face.points, expected.points)


def test_a_second_opinion_has_a_say():
    """Of a face whose mask looks like a forehead, as real ones do."""
    image = painted(60)

    def misled(view: np.ndarray, name: str = "") -> list[types.Face]:
        # As sure of upside-down faces as `mistaking_finder` is unsure.
        scores = {0.99: 0.6, 0.6: 0.99}
        return [
            dataclasses.replace(face, score=scores[face.score])
            for face in mistaking_finder(view)
        ]

    def lies_so(view: np.ndarray, face: types.Face) -> float:
        return 0.99 if face.points[0][0] < face.points[1][0] else 0.01

    [turned] = search.find_faces(image, misled)
    assert turned.points[0][0] > turned.points[1][0]
    [upright] = search.find_faces(image, misled, second_opinion=lies_so)
    np.testing.assert_allclose(upright.points[[0, 1, 3]], dots(image), atol=1)


def test_an_empty_photo_and_odd_shapes():
    for shape in ((1, 1), (1, 700), (300, 2), (64, 64)):
        image = np.full([*shape, 3], GREY, np.uint8)
        assert search.find_faces(image, finder) == []
