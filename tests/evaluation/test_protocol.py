"""Which images a list of pairs needs, and the similarities that come of them."""

import doctest
import pathlib

import numpy as np
import pytest

from maskarc.data import pairs as pair_lists
from maskarc.evaluation import protocol

PAIRS = pair_lists.Pairs(
    first=("a/1", "a/1", "b/1", "c/1"),
    second=("a/2", "b/1", "a/1", "c/2"),
    is_same=np.array([True, False, False, True]),
    fold=np.zeros(4, np.int64),
)


def sides(images):
    """What each pair compares, ((name, masked), (name, masked))."""
    return [
        (images.images[i], images.images[j])
        for i, j in zip(images.first_index, images.second_index, strict=True)
    ]


def test_each_bare_image_once():
    images = protocol.unique_images(PAIRS)
    assert images.images == tuple(
        (name, False) for name in ("a/1", "a/2", "b/1", "c/1", "c/2")
    )
    np.testing.assert_array_equal(images.first_index, [0, 0, 2, 3])
    np.testing.assert_array_equal(images.second_index, [1, 2, 0, 4])


@pytest.mark.parametrize(
    ("masked", "expected"),
    [("none", (False, False)), ("second", (False, True)), ("both", (True, True))],
)
def test_every_pair_has_its_masks_on_the_same_side(masked, expected):
    """Fails where the second half of a list is masked, not the second of each pair."""
    images = protocol.unique_images(PAIRS, masked)
    names = list(zip(PAIRS.first, PAIRS.second, strict=True))
    assert [(first[0], second[0]) for first, second in sides(images)] == names
    assert {(first[1], second[1]) for first, second in sides(images)} == {expected}
    assert len(set(images.images)) == len(images.images)


def test_a_photo_may_be_needed_bare_and_masked():
    images = protocol.unique_images(PAIRS, "second")
    assert {("a/1", False), ("a/1", True)} <= set(images.images)
    assert len(images.images) == 7


def test_order_does_not_depend_on_hashing():
    assert (
        protocol.unique_images(PAIRS, "both").images
        == protocol.unique_images(PAIRS, "both").images
        == tuple((n, True) for n in ("a/1", "a/2", "b/1", "c/1", "c/2"))
    )


def test_no_pairs():
    empty = pair_lists.Pairs(
        first=(), second=(), is_same=np.zeros(0, bool), fold=np.zeros(0, np.int64)
    )
    images = protocol.unique_images(empty)
    assert images.images == ()
    assert images.first_index.shape == images.second_index.shape == (0,)


def test_unknown_side():
    with pytest.raises(ValueError, match="one of none, second, both"):
        protocol.unique_images(PAIRS, "first")


def test_similarities_by_hand():
    images = protocol.unique_images(PAIRS)
    embeddings = np.array(
        [[1, 0], [0.6, 0.8], [0, 1], [-1, 0], [0.8, -0.6]], np.float32
    )
    cosines = protocol.similarities(images, embeddings)
    assert cosines.dtype == np.float32
    np.testing.assert_allclose(cosines, [0.6, 0, 0, -0.8], atol=1e-6)


def test_pairs_of_a_failed_image():
    images = protocol.unique_images(PAIRS)
    embeddings = np.full((5, 2), np.sqrt(0.5), np.float32)
    embeddings[2] = np.nan  # b/1: index 1 of the second pair, index 0 of the third
    failed = np.arange(5) == 2
    cosines = protocol.similarities(images, embeddings, failed)
    np.testing.assert_allclose(cosines, [1, -1, -1, 1], atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, 0.0, 2.0])
def test_embeddings_have_unit_length(bad):
    """A model that yields NaN is a fault, not a list of failed images."""
    embeddings = np.full((5, 1), 1.0, np.float32)
    embeddings[1] = bad
    with pytest.raises(ValueError, match=r"1 embeddings are not of unit length.*a/2"):
        protocol.similarities(protocol.unique_images(PAIRS), embeddings)


def test_shapes_are_checked():
    images = protocol.unique_images(PAIRS)
    with pytest.raises(ValueError, match=r"\[5, D\] and failed \[5\], got \(4, 2\)"):
        protocol.similarities(images, np.ones((4, 2), np.float32))
    with pytest.raises(ValueError, match=r"and \(4,\)"):
        protocol.similarities(images, np.ones((5, 1), np.float32), np.zeros(4, bool))


def test_the_guide_runs():
    guide = pathlib.Path(__file__).parents[2] / "docs" / "evaluation.md"
    result = doctest.testfile(str(guide), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0
