import dataclasses

import numpy as np
import pytest

from maskarc import geometry


def test_mirror_moves_pixels_landmarks_and_pose(make_mask):
    pose = geometry.Pose(yaw=0.4, pitch=0.1, roll=0.0)
    mask = make_mask(pose=pose)
    mirrored = mask.mirrored()
    np.testing.assert_array_equal(mirrored.rgba[:, 0], mask.rgba[:, -1])
    # The jaw's fourth point from the left becomes the fourth from the right.
    [row] = np.flatnonzero(mirrored.indices == 13)
    x, y = mask.landmarks[3]
    np.testing.assert_allclose(mirrored.landmarks[row], (199 - x, y), rtol=1e-6)
    assert (mirrored.pose.yaw, mirrored.pose.pitch) == (-0.4, 0.1)
    assert mirrored.is_mirrored and not mask.is_mirrored


def test_mirror_of_mirror_is_the_mask(make_mask):
    mask = make_mask(pose=geometry.Pose(yaw=0.4, pitch=0.1, roll=0.0))
    twice = mask.mirrored().mirrored()
    np.testing.assert_array_equal(twice.rgba, mask.rgba)
    np.testing.assert_array_equal(twice.indices, mask.indices)
    np.testing.assert_allclose(twice.landmarks, mask.landmarks, atol=1e-4)
    assert twice.pose == mask.pose
    assert not twice.is_mirrored


def test_mirror_is_one_object_and_shares_the_pixels(make_mask):
    mask = make_mask()
    assert mask.mirrored() is mask.mirrored()
    assert np.shares_memory(mask.mirrored().rgba, mask.rgba)


def test_arrays_are_read_only_and_the_callers_are_left_alone(make_mask):
    rgba = np.zeros((8, 8, 4), np.uint8)
    mask = dataclasses.replace(make_mask(), rgba=rgba)
    assert not mask.rgba.flags.writeable
    assert not mask.landmarks.flags.writeable
    assert rgba.flags.writeable


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"rgba": np.zeros((8, 8, 4))}, TypeError, "uint8"),
        ({"rgba": np.zeros((8, 8, 3), np.uint8)}, ValueError, r"\[h, w, 4\]"),
        ({"rgba": np.zeros((0, 8, 4), np.uint8)}, ValueError, r"\[h, w, 4\]"),
        ({"landmarks": np.zeros((67, 2))}, ValueError, "landmarks"),
        ({"landmarks": np.full((68, 2), np.nan)}, ValueError, "not finite"),
        ({"indices": np.zeros(68, int)}, ValueError, "distinct"),
        ({"indices": np.arange(1, 69)}, ValueError, "distinct"),
        ({"luminance": 0.0}, ValueError, "luminance"),
        ({"luminance": float("nan")}, ValueError, "luminance"),
    ],
)
def test_bad_fields_are_refused(make_mask, fields, error, message):
    with pytest.raises(error, match=message):
        dataclasses.replace(make_mask(), **fields)
