"""maskarc.landmarks.layouts: point layouts and the mean face."""

import numpy as np
import pytest

from maskarc.landmarks import layouts

MEAN_2D = layouts.MEAN_FACE[:, :2]


def test_mean_face_has_its_stated_frame():
    eyes = layouts.five_of(layouts.MEAN_FACE)[:2]
    np.testing.assert_allclose(eyes[:, 0], [-0.5, 0.5], atol=1e-3)
    np.testing.assert_allclose(eyes[:, 1], [0, 0], atol=1e-3)
    nose, ear = layouts.MEAN_FACE[layouts.NOSE_TIP], layouts.MEAN_FACE[0]
    assert nose[2] < ear[2]  # the nose is nearer to the camera
    assert layouts.MEAN_FACE[8, 1] > nose[1] > 0  # y points down to the chin


def test_mean_face_is_symmetric_under_mirror():
    # In an image of width 1 the axis of symmetry, x = 0, maps to itself.
    np.testing.assert_allclose(layouts.mirror(MEAN_2D, 1), MEAN_2D, atol=1e-9)


def test_mirror_twice_is_the_identity():
    points = np.random.default_rng(0).uniform(0, 99, [68, 2])
    again = layouts.mirror(layouts.mirror(points, 100), 100)
    np.testing.assert_allclose(again, points)


def test_five_points_of_68():
    points = np.zeros([68, 2])
    points[36:42] = [[0, 0], [2, 0], [4, 0], [6, 6], [4, 6], [2, 6]]  # centre (3, 3)
    points[42:48] = points[36:42] + np.array([10, 0])
    points[30], points[48], points[54] = (8, 9), (4, 14), (12, 15)
    five = layouts.to_five(points, "68")
    np.testing.assert_array_equal(five, [[3, 3], [13, 3], [8, 9], [4, 14], [12, 15]])


def test_mesh_points_map_to_68():
    mesh = np.random.default_rng(0).uniform(size=[468, 3])
    landmarks = layouts.to_landmarks(mesh, "468")
    assert landmarks.shape == (68, 2)
    assert landmarks.dtype == np.float32
    # Well-known vertices of the mesh: outer eye corners, mouth corners, chin.
    for index, vertex in {36: 33, 45: 263, 48: 61, 54: 291, 8: 152}.items():
        np.testing.assert_allclose(landmarks[index], mesh[vertex, :2], rtol=1e-6)


def test_five_points_pass_but_make_no_68():
    five = np.arange(10.0).reshape(5, 2)
    np.testing.assert_array_equal(layouts.to_five(five, "5"), five)
    with pytest.raises(ValueError, match="five points do not determine"):
        layouts.to_landmarks(five, "5")


def test_wrong_counts_and_names_are_told():
    with pytest.raises(ValueError, match="68 points, got 5"):
        layouts.to_landmarks(np.zeros([5, 2]), "68")
    with pytest.raises(ValueError, match="5, 68, 468"):
        layouts.to_landmarks(np.zeros([98, 2]), "98")
    with pytest.raises(ValueError, match="got 98"):
        layouts.layout_of(98)
    assert [layouts.layout_of(count) for count in (5, 68, 468)] == ["5", "68", "468"]
