import numpy as np
import pytest

from maskarc import geometry
from maskarc.masks import extraction, separation

COLOURS = [(90, 150, 200), (235, 235, 235), (20, 20, 25), (180, 40, 60)]


def shape_error(mask, points, area):
    """1 − intersection over union of cut-out and painted mask, in the photo."""
    height, width = area.shape
    matrix = geometry.fit_similarity(points, mask.landmarks)
    y, x = np.mgrid[:height, :width]
    seen = geometry.transform(np.stack([x, y], axis=-1), matrix)
    column, row = np.moveaxis(np.rint(seen).astype(int), -1, 0)
    h, w = mask.rgba.shape[:2]
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    cut = np.zeros(area.shape, bool)
    cut[inside] = mask.rgba[row[inside], column[inside], 3] > 127
    return 1 - (cut & (area > 0)).sum() / (cut | (area > 0)).sum()


@pytest.mark.parametrize("colour", COLOURS, ids=str)
def test_the_cut_out_is_the_mask_and_not_the_skin(masked_person, colour):
    photo, points, area = masked_person(colour)
    mask = extraction.extract(photo, points, name="a", source="a.jpg")
    assert shape_error(mask, points, area) < 0.08
    opaque = mask.rgba[mask.rgba[..., 3] == 255][:, :3]
    np.testing.assert_allclose(np.median(opaque, axis=0), colour, atol=4)
    assert (mask.source, mask.source_size) == ("a.jpg", (280, 320))


def test_roll_is_undone(masked_person):
    photo, points, area = masked_person(roll=0.5)
    mask = extraction.extract(photo, points, name="a")
    across, down = mask.landmarks[45] - mask.landmarks[36]
    assert abs(np.arctan2(down, across)) < 0.02
    assert abs(mask.pose.roll) < 0.02
    assert shape_error(mask, points, area) < 0.08


def test_the_luminance_is_the_skins(masked_person):
    photo, points, _ = masked_person()
    mask = extraction.extract(photo, points, name="a")
    # 0.299·205 + 0.587·160 + 0.114·135.
    assert mask.luminance == pytest.approx(170.6, abs=6)


def test_large_faces_are_scaled_down(masked_person):
    photo, points, area = masked_person()
    photo = np.repeat(np.repeat(photo, 3, axis=0), 3, axis=1)
    points = (points + 0.5) * 3 - 0.5
    area = np.repeat(np.repeat(area, 3, axis=0), 3, axis=1)
    mask = extraction.extract(photo, points, name="a")
    assert max(mask.rgba.shape) == extraction.MAX_SIDE
    assert shape_error(mask, points, area) < 0.08


def test_the_photo_is_not_written_to_and_the_result_repeats(masked_person):
    photo, points, _ = masked_person()
    photo.flags.writeable = False
    first, second = (extraction.extract(photo, points, name="a") for _ in range(2))
    np.testing.assert_array_equal(first.rgba, second.rgba)


def test_hidden_landmarks_are_completed(project):
    pose = geometry.Pose(yaw=0.4, pitch=-0.2, roll=0.1)
    truth = project(pose)
    guessed = truth.copy()
    hidden = np.setdiff1d(np.arange(68), extraction.VISIBLE)
    guessed[hidden] += 25
    completed = extraction.complete(guessed)
    np.testing.assert_allclose(completed, truth, atol=0.5)


def test_a_bare_face_has_no_mask(masked_person):
    photo, points, _ = masked_person(None)
    with pytest.raises(separation.NoMaskError, match="skin"):
        extraction.extract(photo, points, name="a")


def test_half_a_mask_is_refused(masked_person):
    photo, points, area = masked_person()
    bare, _, _ = masked_person(None)
    below_the_mouth = np.arange(320)[:, None] < points[57, 1]
    photo = np.where((area > 0)[..., None] & below_the_mouth[..., None], bare, photo)
    with pytest.raises(separation.NoMaskError):
        extraction.extract(photo, points, name="a")


@pytest.mark.parametrize("shift", [(-100, 0), (0, 150), (1000, 1000)])
def test_faces_cut_by_the_border_are_refused(masked_person, shift):
    photo, points, _ = masked_person()
    with pytest.raises(separation.NoMaskError, match="out of the photo"):
        extraction.extract(photo, points + np.array(shift), name="a")


def test_small_and_dark_faces_are_refused(masked_person):
    photo, points, _ = masked_person()
    with pytest.raises(separation.NoMaskError, match="smaller than"):
        extraction.extract(photo, points * 0.15 + 50, name="a")
    with pytest.raises(separation.NoMaskError):
        extraction.extract(photo // 8, points, name="a")
