"""Transforms on an element drawn by hand."""

import itertools

import numpy as np
import pytest

from maskarc import alignment
from maskarc.data import pipeline, synthetic, transforms
from maskarc.landmarks import layouts
from maskarc.masks import database


@pytest.fixture(scope="module")
def element():
    return synthetic.SyntheticFaces(2, 2, seed=3)[1]


def test_crop_without_jitter_is_the_alignment(element):
    out = transforms.AlignedCrop(112).random_map(element, np.random.default_rng(0))
    five = layouts.to_five(element["landmarks"], "68")
    np.testing.assert_array_equal(out["image"], alignment.align(element["image"], five))
    assert set(out) == {"image", "label"} and out["label"].dtype == np.int32


def test_jitter_has_the_stated_spread(element):
    crop = transforms.AlignedCrop(112, shift=0.05, scale=0.1, rotation=0.1)
    five = layouts.to_five(element["landmarks"], "68").astype(np.float64)
    rng = np.random.default_rng(0)
    points = element["landmarks"].astype(np.float64)
    moved = np.stack(
        [layouts.to_five(crop._jittered(points, rng), "68") for _ in range(2000)]
    )
    eyes, before = moved[:, 1] - moved[:, 0], five[1] - five[0]
    side = np.hypot(*before) / 0.3146
    angle = np.arctan2(eyes[:, 1], eyes[:, 0]) - np.arctan2(before[1], before[0])
    grown = np.log(np.hypot(*eyes.T) / np.hypot(*before))
    shift = (moved.mean(axis=1) - five.mean(axis=0)) / side
    assert angle.std() == pytest.approx(0.1, rel=0.1)
    assert grown.std() == pytest.approx(0.1, rel=0.1)
    assert shift.std() == pytest.approx(0.05, rel=0.1)


def test_masks_a_share_of_the_faces_below_the_eyes(element):
    transform = transforms.RandomMask(database.load("builtin"), 0.5)
    before = element["image"].copy()
    rng = np.random.default_rng(0)
    changed = [
        transform.random_map(element, rng)["image"] != element["image"]
        for _ in range(100)
    ]
    masked = [change for change in changed if change.any()]
    assert 35 <= len(masked) <= 65
    brow = int(element["landmarks"][17:27, 1].min())
    assert not any(change[:brow].any() for change in masked)
    np.testing.assert_array_equal(element["image"], before)


def masked_crops(worker_count, **options):
    """Three batches of aligned crops, masked by the mean face's landmarks."""
    dataset = pipeline.batches(
        synthetic.SyntheticFaces(4, 2, seed=3, size=128),
        [
            transforms.AlignedCrop(112),
            transforms.RandomMask(database.load("builtin"), 0.7),
        ],
        batch_size=4,
        seed=5,
    )
    return list(
        itertools.islice(
            pipeline.iterate(dataset, worker_count=worker_count, **options), 3
        )
    )


def test_crops_are_masked_alike_whatever_the_workers():
    expected = masked_crops(0, read_threads=0)
    for worker_count in (0, 1, 2):
        for batch, other in zip(expected, masked_crops(worker_count), strict=True):
            np.testing.assert_array_equal(batch["image"], other["image"])
            np.testing.assert_array_equal(batch["label"], other["label"])


def test_crops_wear_the_mask_where_the_template_has_the_mouth(element):
    crop = transforms.AlignedCrop(112).random_map(element, np.random.default_rng(0))
    transform = transforms.RandomMask(database.load("builtin"), 1.0)
    out = transform.random_map(crop, np.random.default_rng(1))
    changed = (out["image"] != crop["image"]).any(axis=-1)
    five = np.rint(alignment.ARCFACE_TEMPLATE).astype(int)
    assert [bool(changed[y, x]) for x, y in five] == [False, False, True, True, True]


def test_flip_mirrors(element):
    out = transforms.RandomFlip(1.0).random_map(element, np.random.default_rng(0))
    np.testing.assert_array_equal(out["image"], element["image"][:, ::-1])
    same = transforms.RandomFlip(0.0).random_map(element, np.random.default_rng(0))
    assert same is element


def test_color_jitter_follows_its_formula(element):
    class Fixed:
        def uniform(self, low, high, size):
            return np.array([1.1, 0.9, 0.8])

    out = transforms.ColorJitter(0.2).random_map(element, Fixed())["image"]
    image = element["image"].astype(np.float64)
    grey = image @ [0.299, 0.587, 0.114]
    mean = np.rint(grey).mean()
    saturated = grey[..., None] + 0.8 * (image - grey[..., None])
    expected = np.clip(1.1 * (mean + 0.9 * (saturated - mean)), 0, 255)
    np.testing.assert_allclose(out, expected, atol=1.5)


def test_pairs_are_bare_and_masked_crops_of_one_photo(element):
    mask = transforms.RandomMask(database.load("builtin"), 1.0)
    both = transforms.BareAndMasked(mask, (transforms.AlignedCrop(112),))
    before = element["image"].copy()
    out = both.random_map({**element, "target": 7}, np.random.default_rng(0))
    five = layouts.to_five(element["landmarks"], "68")
    bare = alignment.align(element["image"], five)
    assert out["image"].shape == (2, 112, 112, 3)
    np.testing.assert_array_equal(out["image"][0], bare)
    changed = (out["image"][1] != bare).any(axis=(1, 2))
    assert changed[70:100].all() and not changed[:40].any()
    assert set(out) == {"image", "label", "target"}
    np.testing.assert_array_equal(element["image"], before)


def test_each_of_a_pair_is_jittered_by_itself(element):
    crop = transforms.AlignedCrop(112, shift=0.05)
    both = transforms.BareAndMasked(
        transforms.RandomMask(database.load("builtin"), 0.0), (crop,)
    )
    bare, masked = both.random_map(element, np.random.default_rng(0))["image"]
    assert (bare != masked).mean() > 0.5


def test_quality_jitter_takes_detail_and_keeps_colours():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 64, 1)) * np.array([1.0, 0.5, 0.1])
    element = {"image": noise.astype(np.uint8), "label": 3}
    assert transforms.QualityJitter(0.0).random_map(element, rng) is element
    transform = transforms.QualityJitter(1.0, least=0.5)
    for _ in range(20):
        out = transform.random_map(element, rng)
        assert out["image"].shape == (64, 64, 3) and out["image"].dtype == np.uint8
        assert out["image"].std(axis=(0, 1))[0] < 0.8 * element["image"][..., 0].std()
        means = element["image"].mean(axis=(0, 1))
        np.testing.assert_allclose(out["image"].mean(axis=(0, 1)), means, atol=6)
        assert out["label"] == 3
