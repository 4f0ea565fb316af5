"""Drawn masks on faces of known pose: what is covered, lit, hidden and refused."""

import dataclasses

import cv2
import numpy as np
import pytest

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.masks import drawing, light, rendering, styles, types, variation

MASKS = {mask.name: mask for mask in drawing.builtin_masks()}
ONE_OF_A_KIND = {mask.kind: mask for mask in MASKS.values()}
POSES = [
    (yaw, pitch)
    for yaw in (-70, -50, -25, 0, 25, 50, 70)
    for pitch in (-44, -14, 16)  # 30° down, frontal and 30° up for a camera
]


def turned(yaw, pitch=-14.0):
    return geometry.Pose(yaw=np.radians(yaw), pitch=np.radians(pitch), roll=0.0)


@pytest.mark.parametrize("kind", ONE_OF_A_KIND)
@pytest.mark.parametrize(("yaw", "pitch"), POSES)
def test_nose_to_chin_are_covered_in_every_pose(project, kind, yaw, pitch):
    landmarks = project(turned(yaw, pitch), scale=70, centre=(120, 100))
    photo = np.full((300, 260, 3), (190, 150, 130), np.uint8)
    _, alpha = rendering.render_with_alpha(photo, landmarks, ONE_OF_A_KIND[kind])
    # What any mask must hide: nose tip, mouth and chin.
    outline = landmarks[[30, 48, 6, 7, 8, 9, 10, 54]]
    hull = cv2.convexHull(outline.astype(np.float32))[:, 0]
    area = np.zeros(alpha.shape, np.uint8)
    cv2.fillPoly(area, [np.rint(hull).astype(np.int32)], 1)
    assert (alpha[area > 0] > 127).mean() > 0.93


@pytest.mark.parametrize("yaw", [-60, 60])
def test_cups_stand_out_of_a_profile(project, yaw):
    landmarks = project(turned(yaw), scale=70, centre=(130, 100))
    photo = np.full((300, 260, 3), (190, 150, 130), np.uint8)
    reach = {}
    for kind in ("surgical", "duckbill"):
        _, alpha = rendering.render_with_alpha(photo, landmarks, ONE_OF_A_KIND[kind])
        mouth = alpha[int(landmarks[62, 1])] > 127
        columns = np.flatnonzero(mouth)
        # Faces look towards the image's right at a positive yaw.
        reach[kind] = columns.max() if yaw > 0 else -columns.min()
    assert reach["duckbill"] - reach["surgical"] > 0.2 * 70


def test_far_straps_are_hidden(project):
    landmarks = project(turned(45), scale=70, centre=(130, 100))
    photo = np.full((300, 260, 3), (190, 150, 130), np.uint8)
    _, alpha = rendering.render_with_alpha(photo, landmarks, MASKS["cloth_black"])
    near, far = (
        alpha[: int(landmarks[28, 1]) + 14, columns].max()
        for columns in (
            np.s_[: int(landmarks[36, 0])],
            np.s_[int(landmarks[45, 0]) + 6 :],
        )
    )
    assert near > 127 > far


def test_the_side_towards_the_light_is_brighter(project):
    landmarks = project(turned(0), scale=70, centre=(130, 100))
    photo = np.full((300, 260, 3), (190, 150, 130), np.uint8)
    photo[:, :130] //= 2
    luma = rendering.render(photo, landmarks, MASKS["kn95_white"]) @ light.LUMA
    y = int(landmarks[62, 1])
    assert luma[y, 160:185].mean() > 1.12 * luma[y, 75:100].mean()


def test_shadow_is_no_mask(project):
    landmarks = project(turned(0), scale=70, centre=(130, 100))
    photo = np.full((300, 260, 3), 150, np.uint8)
    result, alpha = rendering.render_with_alpha(
        photo, landmarks, MASKS["surgical_white"], match_quality=False
    )
    shaded = (result[..., 0] < 146) & (alpha == 0)
    assert 50 < shaded.sum() < 0.2 * (alpha > 0).sum()
    assert result[shaded].min() > 105


def test_size_and_shift_vary(project):
    landmarks = project(turned(0), scale=70, centre=(130, 100))
    photo = np.full((300, 260, 3), 150, np.uint8)
    boxes = []
    for varied in (
        variation.AS_DRAWN,
        variation.Variation(scale=1.1),
        variation.Variation(shift=(0.1, -0.1)),
    ):
        mask = dataclasses.replace(MASKS["kn95_black"], variation=varied)
        _, alpha = rendering.render_with_alpha(photo, landmarks, mask)
        # The sheet's rows alone: straps reach to the ears whatever its size.
        y, x = np.nonzero(alpha > 127)
        boxes.append((np.median(x), y.max(), (alpha > 127).sum()))
    plain, larger, moved = boxes
    assert larger[2] / plain[2] == pytest.approx(1.21, abs=0.05)
    assert moved[0] - plain[0] == pytest.approx(7, abs=1.5)
    assert moved[1] - plain[1] == pytest.approx(-7, abs=1.5)


def test_layers_are_worn_together(project):
    landmarks = project(turned(0), scale=70, centre=(130, 100))
    photo = np.full((300, 260, 3), 150, np.uint8)
    under = MASKS["surgical_blue"]
    both = dataclasses.replace(MASKS["n95_white"], under=under)
    _, alpha = rendering.render_with_alpha(photo, landmarks, both)
    alone = [
        rendering.render_with_alpha(photo, landmarks, mask)[1]
        for mask in (under, MASKS["n95_white"])
    ]
    np.testing.assert_array_equal(alpha, np.maximum(*alone))


def test_a_face_of_twelve_pixels(project):
    landmarks = project(turned(10), scale=5.5, centre=(6, 4))
    photo = np.full((12, 12, 3), 150, np.uint8)
    for mask in ONE_OF_A_KIND.values():
        _, alpha = rendering.render_with_alpha(photo, landmarks, mask)
        assert alpha[9, 6] > 127


@pytest.mark.parametrize(
    "landmarks",
    [
        np.full((68, 2), 50.0),
        np.stack([np.arange(68.0), np.arange(68.0)], axis=1),
        layouts.MEAN_FACE[:, :2] * 0.5,
        layouts.MEAN_FACE[:, :2] * (-60, 60) + 100,
    ],
)
def test_landmarks_that_span_no_face_are_refused(landmarks):
    photo = np.full((240, 200, 3), 150, np.uint8)
    with pytest.raises(ValueError, match="do not span a face"):
        rendering.render(photo, landmarks, MASKS["n95_white"])


def test_a_face_outside_the_photo_changes_nothing(project):
    photo = np.full((240, 200, 3), 150, np.uint8)
    for centre in ((5000, -3000), (-400, 100)):
        result, alpha = rendering.render_with_alpha(
            photo, project(centre=centre), MASKS["gas_black"]
        )
        np.testing.assert_array_equal(result, photo)
        assert not alpha.any()


def test_an_empty_drawing_is_refused(project):
    sheet = dataclasses.replace(
        MASKS["cloth_red"].sheet,
        fixed=np.zeros_like(MASKS["cloth_red"].sheet.fixed),
    )
    empty = dataclasses.replace(MASKS["cloth_red"], sheet=sheet)
    with pytest.raises(ValueError, match="no opaque pixel"):
        rendering.render(np.zeros((240, 200, 3), np.uint8), project(), empty)


def test_random_landmarks_are_masked_or_refused():
    rng = np.random.default_rng(0)
    photo = np.full((100, 100, 3), 150, np.uint8)
    for _ in range(40):
        noise = rng.normal(50, 10 ** rng.uniform(-1, 3), (68, 2))
        try:
            result = rendering.render(photo, noise, MASKS["gas_black"])
        except ValueError as error:
            assert "do not span a face" in str(error)
        else:
            assert result.shape == photo.shape


def test_a_style_of_ones_own(project):
    style = dataclasses.replace(styles.STYLES["surgical_blue"], colour=(250, 20, 20))
    mask = drawing.draw("mine", style)
    assert isinstance(mask, types.Mask) and mask.name == "mine"
    photo = np.full((240, 200, 3), (190, 150, 130), np.uint8)
    result = rendering.render(photo, project(turned(0)), mask)
    red, green, _ = result[145, 100].astype(int)
    assert red > green + 100
