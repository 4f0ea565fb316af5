import collections

import numpy as np
import pytest

from maskarc import geometry
from maskarc.masks import sampling


def turned(yaw, pitch=0.0):
    return geometry.Pose(yaw=yaw, pitch=pitch, roll=0.0)


@pytest.fixture(scope="module")
def masks(make_mask):
    """Cut-outs at yaw 0, 0.02, …, 0.78, all turned to the same side."""
    yaws = np.arange(40) * 0.02
    return tuple(make_mask(name=f"{y:.2f}", pose=turned(float(y))) for y in yaws)


def draw(masks, pose, count=300, **options):
    rng = np.random.default_rng(0)
    return [sampling.choose(masks, pose, rng, **options) for _ in range(count)]


def test_a_seed_repeats_the_choices(masks):
    assert draw(masks, turned(0.3)) == draw(masks, turned(0.3))


def test_only_the_rng_decides(masks):
    np.random.seed(1)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    draw(masks, turned(0.3))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_masks_of_near_pose_are_all_used_alike(masks):
    counts = collections.Counter(m.name for m in draw(masks, turned(0.4), 2000))
    near = {m.name for m in masks if abs(m.pose.yaw - 0.4) < 0.2 - 1e-9}
    assert near <= set(counts) <= near | {"0.20", "0.60"}
    assert min(counts.values()) > 50  # 2000 / 21 ≈ 95 expected


def test_faces_turned_the_other_way_get_mirrored_masks(masks):
    for mask in draw(masks, turned(-0.5)):
        assert mask.is_mirrored
        assert abs(mask.pose.yaw + 0.5) < 0.21


def test_far_poses_still_get_several_masks(masks):
    chosen = {m.name for m in draw(masks, turned(1.5, 0.5))}
    assert chosen == {m.name for m in masks[-10:]}


def test_pitch_counts(make_mask):
    masks = [make_mask(name=str(p), pose=turned(0.0, p)) for p in (-0.5, 0.0, 0.5)]
    chosen = {m.name for m in draw(masks, turned(0.0, 0.45), candidates=1)}
    assert chosen == {"0.5"}


def test_drawings_fit_every_pose(masks, make_mask):
    drawn = make_mask(name="drawn", kind="surgical")
    counts = collections.Counter(m.name for m in draw((*masks, drawn), turned(0.9)))
    assert counts["drawn"] > 10
    assert len(counts) > 5


def test_one_mask_is_enough_and_none_is_not(make_mask):
    mask = make_mask()
    assert draw([mask], turned(1.0), 3) == [mask] * 3
    with pytest.raises(ValueError, match="no masks"):
        draw([], turned(0.0), 1)
