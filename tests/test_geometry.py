"""maskarc.geometry: transforms, triangles and pose."""

import math

import numpy as np
import pytest

from maskarc import geometry

SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])


def test_similarity_recovers_a_known_turn_scale_and_shift():
    # A quarter turn clockwise on the screen (y down), twice as large, moved by (3, 4).
    target = np.array([[3.0, 4], [3, 6], [1, 6], [1, 4]])
    matrix = geometry.fit_similarity(SQUARE, target)
    np.testing.assert_allclose(matrix, [[0, -2, 3], [2, 0, 4]], atol=1e-12)
    np.testing.assert_allclose(geometry.transform(SQUARE, matrix), target, atol=1e-12)


def test_similarity_is_never_a_reflection():
    mirrored = SQUARE * [-1, 1]
    matrix = geometry.fit_similarity(SQUARE, mirrored)
    assert np.linalg.det(matrix[:, :2]) >= 0


def test_similarity_is_the_least_squares_one():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(2, 9, 2))
    matrix = geometry.fit_similarity(source, target)
    best = ((geometry.transform(source, matrix) - target) ** 2).sum()
    for _ in range(50):
        a, b, x, y = rng.normal(scale=0.05, size=4)
        other = matrix + np.array([[a, -b, x], [b, a, y]])
        assert ((geometry.transform(source, other) - target) ** 2).sum() > best


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (SQUARE, SQUARE[:3]),
        (np.zeros([4, 2]), SQUARE),
        (np.full([4, 2], np.nan), SQUARE),
        (SQUARE, np.full([4, 2], np.inf)),
        (SQUARE[0], SQUARE[0]),
    ],
)
def test_similarity_refuses_what_determines_none(source, target):
    with pytest.raises(ValueError, match="expected"):
        geometry.fit_similarity(source, target)


def test_invert_undoes_a_transform():
    matrix = np.array([[2.0, 1, -3], [0.5, 1, 7]])
    back = geometry.transform(
        geometry.transform(SQUARE, matrix), geometry.invert(matrix)
    )
    np.testing.assert_allclose(back, SQUARE, atol=1e-12)


def test_fit_triangles_sends_corners_to_corners():
    source = SQUARE[[[0, 1, 2], [0, 2, 3]]]
    target = source * [2, 3] + [5, 7]
    maps = geometry.fit_triangles(source, target)
    np.testing.assert_allclose(maps, [[[2, 0, 5], [0, 3, 7]]] * 2, atol=1e-12)


def test_signed_area_tells_the_orientation():
    triangles = np.array([[[0, 0], [2, 0], [0, 3]], [[0, 0], [0, 3], [2, 0]]])
    np.testing.assert_allclose(geometry.signed_areas(triangles), [3, -3])


def test_triangulation_covers_the_hull_without_overlap():
    rng = np.random.default_rng(0)
    points = np.concatenate([SQUARE, rng.uniform(size=[30, 2])])
    areas = geometry.signed_areas(points[geometry.triangulate(points)])
    assert (areas > 0).all()
    np.testing.assert_allclose(areas.sum(), 1)


@pytest.mark.parametrize(
    "points", [SQUARE[:2], np.outer(np.arange(4), [1, 2]), np.full([5, 2], np.nan)]
)
def test_points_that_span_no_triangle_are_refused(points):
    with pytest.raises(ValueError, match="cannot triangulate"):
        geometry.triangulate(points)


def test_rotation_turns_the_nose_as_pose_says():
    # The camera looks along +z, so a face looks along -z; y points down.
    ahead = np.array([0, 0, -1])
    assert (geometry.Pose(yaw=0.3, pitch=0, roll=0).rotation() @ ahead)[0] > 0
    assert (geometry.Pose(yaw=0, pitch=0.3, roll=0).rotation() @ ahead)[1] < 0
    up = np.array([0, -1, 0])  # a head that leans clockwise leans to the right
    assert (geometry.Pose(yaw=0, pitch=0, roll=0.3).rotation() @ up)[0] > 0


def test_mirrored_pose_is_the_pose_in_the_mirrored_image():
    pose = geometry.Pose(yaw=0.4, pitch=0.2, roll=-0.3)
    flip = np.diag([-1, 1, 1])
    np.testing.assert_allclose(
        pose.mirrored().rotation(), flip @ pose.rotation() @ flip, atol=1e-12
    )


@pytest.mark.parametrize("yaw", [-1.2, -0.4, 0.0, 0.7])
@pytest.mark.parametrize("pitch", [-0.5, 0.3])
@pytest.mark.parametrize("roll", [-2.8, 0.0, 1.0])
def test_fit_pose_recovers_known_rotations(yaw, pitch, roll):
    model = np.random.default_rng(1).normal(size=[12, 3])
    pose = geometry.Pose(yaw=yaw, pitch=pitch, roll=roll)
    points = (model @ pose.rotation().T)[:, :2] * 40 + [100, 60]
    # A shallow start from the front: far rotations need more rounds.
    found = geometry.fit_pose(points, model, iterations=200)
    np.testing.assert_allclose(found.rotation(), pose.rotation(), atol=0.01)


@pytest.mark.parametrize("bad", [0.0, math.nan])
def test_fit_pose_refuses_degenerate_points(bad):
    with pytest.raises(ValueError, match="not all equal"):
        geometry.fit_pose(np.full([5, 2], bad), np.eye(5, 3))
