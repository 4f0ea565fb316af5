import dataclasses

import cv2
import numpy as np
import pytest

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.masks import drawing, rendering, types

POSES = [
    geometry.Pose(yaw=np.radians(yaw), pitch=np.radians(pitch), roll=np.radians(roll))
    for yaw, pitch, roll in [
        (0, 0, 0), (25, 0, 0), (-25, 10, 30), (50, 0, 0), (-50, 0, -10), (50, 15, 0),
        (-40, -20, 0), (0, 25, 0), (0, -30, 0), (10, 0, 90), (0, 0, 180),
    ]
]  # fmt: skip
PLAIN = {"feather": 0.0, "match_light": False, "match_quality": False}


def pose_name(pose):
    return "_".join(f"{np.degrees(a):.0f}" for a in (pose.yaw, pose.pitch, pose.roll))


def textured(make_mask):
    """A mask of noise with a sharp edge and a hole."""
    mask = make_mask()
    rgba = mask.rgba.copy()
    rgba[..., :3] = np.random.default_rng(1).integers(0, 256, (*rgba.shape[:2], 3))
    rgba[120:125, 90:95, 3] = 0
    return dataclasses.replace(mask, rgba=rgba)


def test_identity_reproduces_the_cut_out(noise, project, make_mask):
    mask = textured(make_mask)
    result, alpha = rendering.render_with_alpha(noise, project(), mask, **PLAIN)
    opaque = mask.rgba[..., 3:] > 0
    np.testing.assert_array_equal(result, np.where(opaque, mask.rgba[..., :3], noise))
    np.testing.assert_array_equal(alpha, mask.rgba[..., 3])


def test_the_mask_moves_with_the_landmarks(noise, project, make_mask):
    mask = textured(make_mask)
    moved = project(centre=(107, 92))
    _, alpha = rendering.render_with_alpha(noise, moved, mask, **PLAIN)
    np.testing.assert_array_equal(alpha, np.roll(mask.rgba[..., 3], (12, 7), (0, 1)))


def test_half_transparent_pixels_are_blended(project, make_mask):
    photo = np.full((240, 200, 3), 200, np.uint8)
    mask = make_mask((100, 100, 100), alpha=51)
    result = rendering.render(photo, project(), mask, **PLAIN)
    # 51 / 255 = 0.2: 0.2·100 + 0.8·200.
    assert abs(int(result[120, 100, 0]) - 180) <= 1


def test_nothing_of_the_callers_is_written(noise, project, make_mask):
    photo, landmarks = noise.copy(), project()
    mask = make_mask()
    rgba = mask.rgba.copy()
    result = rendering.render(photo, landmarks, mask)
    assert not np.shares_memory(result, photo)
    np.testing.assert_array_equal(photo, noise)
    np.testing.assert_array_equal(landmarks, project())
    np.testing.assert_array_equal(mask.rgba, rgba)
    assert (result != noise).any()


def test_views_of_any_layout_are_accepted(noise, project, make_mask):
    mask = make_mask()
    expected = rendering.render(noise, project(), mask)
    flipped = np.ascontiguousarray(noise[:, ::-1])[:, ::-1]
    np.testing.assert_array_equal(rendering.render(flipped, project(), mask), expected)


def test_dark_masks_survive(project, make_mask):
    photo = np.full((240, 200, 3), 220, np.uint8)
    result = rendering.render(photo, project(), make_mask((5, 5, 5)))
    assert result[120, 100].max() < 20


@pytest.mark.parametrize("pose", POSES, ids=pose_name)
def test_drawings_cover_nose_to_chin_in_every_pose(project, pose):
    landmarks = project(pose, scale=40)
    photo = np.full((240, 200, 3), 150, np.uint8)
    for mask in drawing.builtin_masks():
        _, alpha = rendering.render_with_alpha(photo, landmarks, mask)
        # On the lines from the mouth's middle, short of the silhouette.
        centre = landmarks[[51, 57]].mean(axis=0)
        inner = centre + 0.8 * (landmarks[[30, 33, 51, 57, 8]] - centre)
        x, y = np.rint(inner).astype(int).T
        assert alpha[y, x].min() > 250, mask.name
        inside = (alpha > 0).astype(np.uint8)
        outlines, tree = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        holes = [
            outline
            for outline, (*_, parent) in zip(outlines, tree[0], strict=True)
            if parent >= 0
            and cv2.pointPolygonTest(outline, centre.tolist(), False) >= 0
        ]
        assert not holes, mask.name


def test_the_eyes_stay_bare(project):
    landmarks = project()
    photo = np.full((240, 200, 3), 150, np.uint8)
    for mask in drawing.builtin_masks():
        _, alpha = rendering.render_with_alpha(photo, landmarks, mask)
        x, y = np.rint(landmarks[36:48]).astype(int).T
        assert alpha[y, x].max() == 0, mask.name


def test_drawings_overhang_the_jaw(project):
    landmarks = project()
    photo = np.full((240, 200, 3), 150, np.uint8)
    for mask in drawing.builtin_masks():
        _, alpha = rendering.render_with_alpha(photo, landmarks, mask)
        x, y = np.rint(landmarks[6:11]).astype(int).T
        assert alpha[y, x].min() > 200, mask.name


def test_shrinking_does_not_alias(project, make_mask):
    mask = make_mask()
    rgba = np.repeat(np.repeat(mask.rgba, 4, axis=0), 4, axis=1)
    rgba[..., :3] = 255 * (np.arange(rgba.shape[1]) % 2)[None, :, None]
    landmarks = (mask.landmarks + 0.5) * 4 - 0.5
    mask = dataclasses.replace(mask, rgba=rgba, landmarks=landmarks)
    photo = np.zeros((240, 200, 3), np.uint8)
    small = project(scale=30, centre=(100.25, 80.25))
    result, alpha = rendering.render_with_alpha(photo, small, mask, **PLAIN)
    inside = result[cv2.erode(alpha, np.ones((5, 5))) == 255]
    assert len(inside) > 500
    assert np.abs(inside.astype(int) - 127).max() < 8


def test_feather_softens_the_edge_only(project, make_mask):
    photo = np.zeros((240, 200, 3), np.uint8)
    mask = make_mask()
    _, sharp = rendering.render_with_alpha(photo, project(), mask, feather=0)
    _, soft = rendering.render_with_alpha(photo, project(), mask, feather=0.02)
    assert set(np.unique(sharp)) == {0, 255}
    assert ((soft > 0) & (soft < 255)).sum() > 300
    assert (soft <= sharp).all()
    assert soft[120:140, 90:110].min() == 255


def test_light_follows_the_face(project, make_mask):
    mask = make_mask((120, 120, 120), luminance=100.0)
    for face, expected in ((100, 120), (144, 144), (81, 108)):
        photo = np.full((240, 200, 3), face, np.uint8)
        result = rendering.render(photo, project(), mask)
        assert abs(int(result[120, 100, 0]) - expected) <= 1
        result = rendering.render(photo, project(), mask, match_light=False)
        assert result[120, 100, 0] == 120


def test_white_masks_are_not_blown_out(project):
    photo = np.full((240, 200, 3), 250, np.uint8)
    [white] = [m for m in drawing.builtin_masks() if m.name == "surgical_white"]
    result, alpha = rendering.render_with_alpha(photo, project(), white)
    assert np.std(result[alpha == 255]) > 4
    assert np.mean(result[alpha == 255] == 255) < 0.05


def test_masks_with_the_originals_sixteen_points_render(noise, project, make_mask):
    indices = np.array([28, *range(1, 16)])
    mask = make_mask()
    mask = dataclasses.replace(mask, landmarks=mask.landmarks[indices], indices=indices)
    result = rendering.render(noise, project(), mask, **PLAIN)
    np.testing.assert_array_equal(result[120, 100], (40, 90, 160))


def test_a_face_outside_changes_nothing(noise, project, make_mask):
    result, alpha = rendering.render_with_alpha(
        noise, project(centre=(5000, -3000)), make_mask()
    )
    np.testing.assert_array_equal(result, noise)
    assert not alpha.any()


@pytest.mark.parametrize("centre", [(0, 80), (199, 80), (100, -60), (100, 190)])
def test_a_face_cut_by_the_border_is_masked_in_part(noise, project, make_mask, centre):
    result, alpha = rendering.render_with_alpha(
        noise, project(centre=centre), make_mask()
    )
    full = np.count_nonzero(make_mask().rgba[..., 3])
    assert 0 < np.count_nonzero(alpha) < full
    np.testing.assert_array_equal(result[alpha == 0], noise[alpha == 0])


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (np.full((68, 2), np.nan), "finite"),
        (np.full((68, 2), np.inf), "finite"),
        (np.full((68, 2), 50.0), "do not span a face"),
        (np.stack([np.arange(68.0), np.arange(68.0)], axis=1), "do not span a face"),
        (layouts.MEAN_FACE[:, :2] * 0.5, "do not span a face"),
        (layouts.MEAN_FACE[:, :2] * (-60, 60) + 100, "do not span a face"),
        (layouts.MEAN_FACE[:, :2] * 1e6, "finite landmarks below"),
        (np.zeros((5, 2)), r"\[68, 2\]"),
    ],
)
def test_unusable_landmarks_are_refused(noise, make_mask, landmarks, message):
    with pytest.raises(ValueError, match=message):
        rendering.render(noise, landmarks, make_mask())


def test_unusable_images_are_refused(noise, project, make_mask):
    with pytest.raises(TypeError, match="uint8"):
        rendering.render(noise.astype(np.float32), project(), make_mask())
    for shape in ((240, 200), (240, 200, 4), (0, 200, 3)):
        with pytest.raises(ValueError, match=r"\[H, W, 3\]"):
            rendering.render(np.zeros(shape, np.uint8), project(), make_mask())


def test_an_empty_mask_is_refused(noise, project, make_mask):
    with pytest.raises(ValueError, match="no opaque pixel"):
        rendering.render(noise, project(), make_mask(alpha=0))


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3)])
def test_odd_photos_do_not_crash(project, make_mask, shape):
    photo = np.zeros(shape, np.uint8)
    assert rendering.render(photo, project(), make_mask()).shape == shape


def test_a_mirrored_mask_is_the_mirror_image(project):
    mask = drawing.builtin_masks()[0]
    pose = geometry.Pose(yaw=0.5, pitch=0.1, roll=0.1)
    landmarks = project(pose, centre=(99.5, 80))
    photo = np.full((240, 200, 3), 150, np.uint8)
    result = rendering.render(photo, landmarks, mask)
    mirrored = rendering.render(photo, layouts.mirror(landmarks, 200), mask.mirrored())
    difference = np.abs(result.astype(int) - mirrored[:, ::-1])
    assert np.mean(difference > 8) < 0.005
    assert isinstance(mask.mirrored(), types.Mask)
