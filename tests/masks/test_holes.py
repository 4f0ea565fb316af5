import numpy as np
import pytest

from maskarc.masks import drawing, holes, mixture, rendering


def put_on(photo, landmarks, text):
    drawn = mixture.parse(text)
    mask = drawn.choose(drawn.masks[0].pose, np.random.default_rng(0))
    return rendering.render_with_alpha(photo, landmarks, mask)


def test_an_empty_hole_is_black(noise, project):
    result, alpha = put_on(noise, project(), "empty")
    assert alpha.max() == 255
    assert not result[alpha == 255].any()
    np.testing.assert_array_equal(result[alpha == 0], noise[alpha == 0])


def test_what_is_grown_over_is_like_what_surrounds_it(project):
    photo = np.full((240, 200, 3), (180, 140, 120), np.uint8)
    landmarks = project()
    x, y = np.rint(landmarks[51]).astype(int)
    photo[y - 4 : y + 4, x - 20 : x + 20] = (200, 20, 30)  # lips, which vanish
    result, alpha = put_on(photo, landmarks, "inpaint")
    inside = result[alpha == 255].astype(int)
    assert np.abs(inside - (180, 140, 120)).max() < 12
    np.testing.assert_array_equal(result[alpha == 0], photo[alpha == 0])


def test_large_photos_are_grown_over_too(project):
    gradient = np.linspace(40, 220, 1000)[:, None, None]
    photo = np.broadcast_to(gradient, (1000, 900, 3)).astype(np.uint8)
    landmarks = project(centre=(450, 450), scale=220)
    result, alpha = put_on(photo, landmarks, "inpaint")
    steps = np.abs(np.diff(result[:, 450, 0].astype(int)))
    assert alpha[:, 450].max() == 255 and steps.max() < 25


def test_a_hole_without_surroundings_is_black():
    region = np.full((20, 20, 3), 90, np.uint8)
    opaque = np.full((20, 20), 255, np.uint8)
    assert not holes.fill(region, opaque, holes.INPAINT).any()


@pytest.mark.parametrize("name", holes.FILLS)
def test_they_are_no_masks_to_draw_by_chance(name):
    assert name not in mixture.parse("any").kinds
    assert mixture.parse(f"{name}:2, n95").kinds == sorted([name, "n95"])
    assert [mask.name for mask in drawing.holes()] == list(holes.FILLS)
