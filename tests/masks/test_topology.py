import cv2
import numpy as np
import pytest

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.masks import topology

ALL = tuple(range(68))
# What the original's mask bases hold: nose bridge and jaw.
ORIGINAL = (28, *range(1, 16))


@pytest.mark.parametrize("indices", [ALL, ORIGINAL])
def test_triangles_tile_the_hull(indices):
    mesh = topology.mesh(indices)
    assert (mesh.areas > 0).all()
    hull = cv2.convexHull(mesh.solid[:, :2].astype(np.float32))
    assert mesh.areas.sum() == pytest.approx(cv2.contourArea(hull), rel=1e-5)


def test_control_points_move_with_the_landmarks():
    mesh = topology.mesh(ALL)
    points = mesh.weights @ layouts.MEAN_FACE[:, :2]
    moved = mesh.weights @ (3 * layouts.MEAN_FACE[:, :2] + (5, -7))
    np.testing.assert_allclose(moved, 3 * points + (5, -7), atol=1e-9)


def test_the_ring_lies_outside_the_jaw():
    mesh = topology.mesh(ALL)
    chin = layouts.MEAN_FACE[8, 1]
    assert mesh.solid[:, 1].max() > 1.1 * chin


def test_the_order_of_landmarks_does_not_matter():
    order = np.random.default_rng(0).permutation(68)
    mesh, shuffled = topology.mesh(ALL), topology.mesh(tuple(order.tolist()))
    points = layouts.MEAN_FACE[:, :2]
    np.testing.assert_allclose(
        shuffled.weights @ points[order], mesh.weights @ points, atol=1e-12
    )


def test_depths_tell_the_far_side(project):
    mesh = topology.mesh(ALL)
    # Turned towards the image's right edge: the right cheek is farther away.
    points = mesh.weights @ project(geometry.Pose(yaw=0.7, pitch=0.0, roll=0.2))
    depths = mesh.depths(points)
    side = mesh.solid[mesh.triangles, 0].mean(axis=1)
    assert depths[side > 0.8].min() > depths[side < -0.8].max()


@pytest.mark.parametrize("indices", [(), (28, 4), tuple(range(17))])
def test_missing_landmarks_are_named(indices):
    with pytest.raises(ValueError, match="are missing"):
        topology.mesh(indices)
