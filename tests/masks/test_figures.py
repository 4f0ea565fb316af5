import numpy as np
import pytest

from maskarc.masks import figures


def test_drawings_are_copies(noise, project):
    before = noise.copy()
    for draw in (figures.draw_landmarks, figures.draw_triangulation):
        drawn = draw(noise, project())
        np.testing.assert_array_equal(noise, before)
        changed = (drawn != noise).any(axis=-1).mean()
        assert 0.002 < changed < 0.5


def test_a_landmark_is_where_it_belongs(project):
    photo = np.zeros((240, 200, 3), np.uint8)
    drawn = figures.draw_landmarks(photo, project())
    x, y = np.rint(project()[30]).astype(int)
    assert drawn[y, x].any()
    assert not drawn[230, 10].any()


def test_flattened_masks_show_paper_where_transparent(make_mask):
    flat = figures.flatten(make_mask((40, 90, 160)))
    np.testing.assert_array_equal(flat[120, 100], (40, 90, 160))
    assert set(np.unique(flat[:50])) == {170, 210}


def test_grids_hold_pictures_of_any_shape():
    pictures = [np.full((h, w, 3), 9, np.uint8) for h, w in ((4, 9), (300, 20), (1, 1))]
    sheet = figures.grid(pictures, columns=2, cell=40)
    assert sheet.shape == (80, 80, 3)
    assert (sheet[60, 60] == 255).all()
    assert (sheet[[20, 20, 60], [20, 60, 20]] == 9).all()


def test_before_and_after_pairs_them():
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 250, np.uint8)
    sheet = figures.before_and_after([black] * 3, [white] * 3, columns=2)
    assert sheet.shape == (320, 640, 3)
    assert sheet[80, [80, 240, 400, 560], 0].tolist() == [0, 250, 0, 250]


def test_nothing_to_show_is_an_error():
    with pytest.raises(ValueError, match="expected pictures"):
        figures.grid([], columns=2)
    with pytest.raises(ValueError, match="got 1 photos and 0"):
        figures.before_and_after([np.zeros((8, 8, 3), np.uint8)], [])
