"""maskarc.landmarks.canonical: the mean face on aligned crops."""

import numpy as np
import pytest

from maskarc import alignment, landmarks


def five(image_shape, **options) -> np.ndarray:
    detector = landmarks.create_detector("canonical", **options)
    [face] = detector(np.zeros([*image_shape, 3], np.uint8))
    assert face.layout == "68"
    assert face.points.dtype == np.float32
    return landmarks.to_five(face.points, face.layout)


def test_the_five_points_are_near_arcfaces_template():
    # The template is not the mean face: they agree within some pixels.
    found = five((112, 112))
    assert abs(found - alignment.ARCFACE_TEMPLATE).max() < 2.5
    assert abs((found - alignment.ARCFACE_TEMPLATE).mean(axis=0)).max() < 0.01


def test_other_sizes_scale_with_pixel_centres_at_integers():
    np.testing.assert_allclose(
        five((224, 224)) + 0.5, 2 * (five((112, 112)) + 0.5), rtol=1e-5
    )


def test_margin_agrees_with_the_crop():
    """A crop made with a margin shows the face where canonical says."""
    loose = alignment.crop_matrix(alignment.ARCFACE_TEMPLATE, size=160, margin=0.25)
    expected = five((112, 112)) @ loose[:, :2].T + loose[:, 2]
    np.testing.assert_allclose(five((160, 160), margin=0.25), expected, atol=1e-3)


def test_a_112_by_96_crop_is_the_middle_of_the_square():
    np.testing.assert_allclose(five((112, 96)), five((112, 112)) - [8, 0], atol=1e-4)


def test_unknown_options_are_refused():
    with pytest.raises(TypeError):
        landmarks.create_detector("canonical", padding=1)
