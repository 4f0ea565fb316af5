"""Bare faces in masks, and how masked and bare ones are compared."""

import numpy as np
import pytest

from maskarc import alignment, masked_views
from maskarc.data import synthetic

VIEWS = masked_views.MaskedViews(probability=lambda image, landmarks: 0.0)


@pytest.fixture(scope="module")
def face():
    element = synthetic.SyntheticFaces(1, 1, size=300)[0]
    return element["image"], element["landmarks"]


def test_masks_hide_the_lower_face_alone(face):
    image, points = face
    before = image.copy()
    views = VIEWS.crops(image, points, size=150, crop="upper")
    np.testing.assert_array_equal(image, before)
    bare = alignment.crop_face(image, points, size=150, crop="upper")
    assert len(views) == len(masked_views.MASKS)
    for view in views:
        assert view.shape == (150, 150, 3) and view.dtype == np.uint8
        changed = (view != bare).any(axis=2)
        assert changed[90:130, 40:110].mean() > 0.9
        assert changed[:40].mean() < 0.02  # straps
    again = VIEWS.crops(image, points, size=150, crop="upper")
    np.testing.assert_array_equal(views, again)
    with pytest.raises(ValueError, match="span a face"):
        VIEWS.crops(image, np.zeros((68, 2)), size=150, crop="upper")


def test_the_sum_takes_directions_alone():
    bare, views = np.array([0.0, 5.0]), np.array([[1.0, 0.0], [0.0, 1.0]])
    found = masked_views.add_views(bare, views)
    share = masked_views.SHARE
    expected = np.array([share / 2**0.5, 1 - share + share / 2**0.5])
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected))
    np.testing.assert_allclose(masked_views.add_views(9 * bare, 2 * views), found)


def test_each_with_each_is_as_one_by_one():
    rng = np.random.default_rng(0)
    first, second = (
        masked_views.Faces(
            embeddings=rng.standard_normal((count, 4)).astype(np.float32),
            in_masks=rng.standard_normal((count, 4)).astype(np.float32),
            is_masked=rng.random(count) < 0.5,
            commonness=rng.random(count).astype(np.float32),
        )
        for count in (7, 5)
    )
    matrix = first.similarities(second)
    for i in range(7):
        for j in range(5):
            a, b = first[np.array([i])], second[np.array([j])]
            assert matrix[i, j] == pytest.approx(a.paired(b)[0], abs=1e-5)
            if a.is_masked or b.is_masked:
                expected = a.in_masks[0] @ b.in_masks[0]
                expected -= a.commonness[0] + b.commonness[0]
            else:
                expected = a.embeddings[0] @ b.embeddings[0]
            assert matrix[i, j] == pytest.approx(expected, abs=1e-5)
