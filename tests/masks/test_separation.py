import numpy as np
import pytest

from maskarc.masks import extraction, separation


def test_a_hand_on_the_mask_is_noticed(masked_person):
    photo, points, _ = masked_person()
    x, y = points[57].astype(int)
    photo[y - 25 : y + 45, x - 30 : x + 30] = (205, 160, 135)
    with pytest.raises(separation.NoMaskError):
        separation.separate(photo, points)


def test_the_edge_is_soft_and_in_one_piece(masked_person):
    photo, points, _ = masked_person()
    alpha = separation.separate(*extraction.upright_crop(photo, points))
    assert ((alpha > 0) & (alpha < 255)).sum() > 200
    filled = separation._one_piece(np.uint8(alpha > 127), np.uint8(alpha > 127), 150.0)
    assert (filled != (alpha > 127)).mean() < 0.01


def test_notches_that_look_like_the_background_are_filled(masked_person):
    """A white mask before a white wall: the wall's colour is no reason to cut."""
    photo, points, area = masked_person((235, 235, 235))
    green = (photo == photo[2, 2]).all(axis=-1)
    photo[green | ((photo[..., 1] > photo[..., 0]) & (area == 0))] = 235
    alpha = separation.separate(photo, points)
    assert (alpha[area > 0] > 127).mean() > 0.93
