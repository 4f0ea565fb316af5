import numpy as np
import pytest

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.masks import forms, relief, surface, wear

POSES = [
    geometry.Pose(yaw=np.radians(yaw), pitch=np.radians(pitch), roll=np.radians(roll))
    for yaw, pitch, roll in [(0, 0, 0), (40, -10, 20), (-70, 0, 0), (10, 30, -90)]
]
CORRECT = wear.WEARS["correct"]


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("form", forms.FORMS)
def test_a_rigid_head_carries_the_mask_rigidly(project, pose, form):
    mesh = relief.relief(form, CORRECT)
    landmarks = project(pose, scale=50, centre=(30, 70))
    expected = 50 * (mesh.solid @ pose.rotation().T)[:, :2] + (30, 70)
    np.testing.assert_allclose(mesh.weights @ landmarks, expected, atol=1e-6)


def test_a_longer_chin_takes_the_mask_along(project):
    mesh = relief.relief("sheet", CORRECT)
    landmarks = project(scale=100)
    longer = landmarks.copy()
    longer[5:12, 1] += 20
    moved = (mesh.weights @ longer - mesh.weights @ landmarks)[:, 1]
    at_chin = np.linalg.norm(mesh.solid - layouts.MEAN_FACE[8], axis=1).argmin()
    at_bridge = np.linalg.norm(mesh.solid - layouts.MEAN_FACE[27], axis=1).argmin()
    assert 14 < moved[at_chin] < 26
    assert abs(moved[at_bridge]) < 6


def test_one_wrong_landmark_does_little(project):
    mesh = relief.relief("sheet", CORRECT)
    landmarks = project(scale=100)
    wrong = landmarks.copy()
    wrong[4] += (-60, 40)
    moved = np.linalg.norm(mesh.weights @ wrong - mesh.weights @ landmarks, axis=1)
    assert moved.max() < 45


@pytest.mark.parametrize("form", forms.FORMS)
def test_masks_lie_outside_the_face(form):
    mesh = relief.relief(form, CORRECT)
    for index in (30, 33, 51, 57, 8, 48, 54):
        mark = layouts.MEAN_FACE[index]
        near = np.linalg.norm((mesh.solid - mark)[:, :2], axis=1) < 0.25
        assert mesh.solid[near, 2].min() < mark[2]


def test_forms_stand_off_as_they_are_named():
    u, v = np.zeros(1), np.array([0.95])
    z = surface.drape(u, v)[..., 2]
    off = {name: float((z - form(u, v, z))[0]) for name, form in forms.FORMS.items()}
    assert 0 <= off["sheet"] < 0.12
    assert off["sheet"] < off["cup"] < off["bill"] < 0.6
    assert 0.2 < off["fold"] < 0.6


def test_the_sheet_is_symmetric():
    u, v = np.meshgrid(np.linspace(0, 2, 9), np.linspace(-0.1, 2.5, 9))
    right, left = surface.drape(u, v), surface.drape(-u, v)
    np.testing.assert_allclose(left, right * [-1, 1, 1], atol=1e-9)


def test_normals_point_outwards():
    mesh = relief.relief("cup", CORRECT)
    np.testing.assert_allclose(np.linalg.norm(mesh.outwards, axis=1), 1, atol=1e-6)
    from_middle = mesh.solid - [0, 0.9, 0.9]
    assert ((mesh.outwards * from_middle).sum(axis=1) > 0).mean() > 0.95


def test_the_near_cheek_is_nearer_and_the_far_one_hidden(project):
    mesh = relief.relief("sheet", CORRECT)
    camera = relief.camera_of(project(POSES[2]))  # towards the image's left
    away = relief.view_axis(camera)
    side = mesh.solid[mesh.triangles, 0].mean(axis=1)
    depths, facing = mesh.depths(away), mesh.facing(away)
    assert depths[side < -0.8].min() > depths[side > 0.8].max()
    assert facing[side > 0.8].mean() > 0.8 > 0.2 > facing[side < -0.8].mean()


def test_cameras_that_show_no_face(project):
    assert relief.spans_a_face(relief.camera_of(project(POSES[2])))
    mirrored = project() * [-1, 1]
    assert not relief.spans_a_face(relief.camera_of(mirrored))
    assert not relief.spans_a_face(relief.camera_of(project(scale=1.0)))
    line = np.stack([np.arange(68.0), np.arange(68.0)], axis=1)
    assert not relief.spans_a_face(relief.camera_of(line))


def test_mirrored_twice_is_the_same(project):
    mesh = relief.relief("cup", CORRECT, (0.6, 1.1, 0.3))
    mirrored = mesh.mirrored()
    landmarks = project(POSES[1], centre=(99.5, 80))
    points = mirrored.weights @ layouts.mirror(landmarks, 200)
    expected = [199, 0] + (mesh.weights @ landmarks) * [-1, 1]
    np.testing.assert_allclose(points, expected, atol=1e-6)
    np.testing.assert_allclose(mirrored.mirrored().source, mesh.source, atol=1e-12)
