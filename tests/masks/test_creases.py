import dataclasses

import numpy as np
import pytest

from maskarc.masks import creases, drawing, mixture, rendering, variation

ABOVE = np.array([0.0, -0.5, -0.85])


def test_fields_differ_and_return():
    first, second = (creases.shade(n, ABOVE, is_mirrored=False) for n in (0, 1))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.3
    again = creases.shade(creases.COUNT, ABOVE, is_mirrored=False)
    np.testing.assert_array_equal(first, again)


def test_a_mirrored_sheet_in_mirrored_light_is_the_mirror_image():
    left, right = np.array([-0.6, -0.4, -0.7]), np.array([0.6, -0.4, -0.7])
    np.testing.assert_allclose(
        creases.shade(3, left, is_mirrored=True),
        creases.shade(3, right, is_mirrored=False)[:, ::-1],
        atol=1e-6,
    )


def test_light_from_the_other_side_turns_the_slopes():
    left, right = (
        creases.shade(2, np.array([x, 0.0, -0.7]), is_mirrored=False) for x in (-1, 1)
    )
    unlit = creases.shade(2, np.zeros(3), is_mirrored=False)
    np.testing.assert_allclose(left - unlit, unlit - right, atol=1e-5)


def creased(name, number):
    [mask] = [m for m in drawing.builtin_masks() if m.name == name]
    varied = variation.Variation(creases=number)
    return dataclasses.replace(mask, variation=varied)


@pytest.mark.parametrize("name", ["surgical_blue", "cloth_red", "kn95_white"])
def test_creases_change_the_light_not_the_place(project, name):
    landmarks, photo = project(scale=50), np.full((240, 200, 3), 150, np.uint8)
    smooth, *two = (
        rendering.render_with_alpha(photo, landmarks, creased(name, number))
        for number in (None, 4, 5)
    )
    for image, alpha in two:
        np.testing.assert_array_equal(alpha, smooth[1])
        change = np.abs(image.astype(int) - smooth[0])[alpha > 250].mean()
        assert 1 < change < 20  # seen, and no more than creases
    assert (two[0][0] != two[1][0]).any()


def test_stiff_masks_have_none(project):
    photo = np.full((240, 200, 3), 150, np.uint8)
    results = [
        rendering.render(photo, project(), creased("gas_black", number))
        for number in (None, 1)
    ]
    np.testing.assert_array_equal(*results)


def test_a_mixture_draws_them():
    drawn = mixture.parse("surgical_blue")
    rng = np.random.default_rng(0)
    pose = drawn.masks[0].pose
    numbers = {drawn.choose(pose, rng).variation.creases for _ in range(40)}
    assert len(numbers) > 15
