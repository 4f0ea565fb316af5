"""Grids show the photos given, where they belong."""

import numpy as np
import pytest

from maskarc import images
from maskarc.evaluation import grids, protocol


def plain(value, height=40, width=30):
    return np.full((height, width, 3), value, np.uint8)


def test_image_grid_keeps_the_pixels(tmp_path):
    photos = np.random.default_rng(0).integers(0, 256, (5, 40, 30, 3), np.uint8)
    grids.image_grid(tmp_path / "new" / "grid.png", photos, columns=3)
    grid = images.read_image(tmp_path / "new" / "grid.png")
    assert grid.shape == (2 * 46 + 6, 3 * 36 + 6, 3)
    np.testing.assert_array_equal(grid[6:46, 6:36], photos[0])
    np.testing.assert_array_equal(grid[52:92, 42:72], photos[4])
    assert (grid[46:, 78:] == 255).all()  # the sixth place stays empty


def test_image_grid_writes_labels_that_fit(tmp_path):
    photos = [plain(0), plain(0)]
    grids.image_grid(
        tmp_path / "grid.png", photos, columns=9, labels=["one", "much too long" * 9]
    )
    grid = images.read_image(tmp_path / "grid.png")
    assert grid.shape == (40 + 20 + 12, 2 * 36 + 6, 3)
    below = grid[46:66]
    assert (below[:, 6:36] < 128).any()
    assert (below[:, 42:72] < 128).any()
    assert (below[:, 36:42] == 255).all()  # no label leaves its column


def test_image_grid_fits_other_sizes_into_the_tile(tmp_path):
    photos = [plain(0), plain(90, 400, 150)]
    grids.image_grid(tmp_path / "grid.png", photos, columns=2)
    grid = images.read_image(tmp_path / "grid.png")
    tile = grid[6:46, 42:72, 0]
    columns = np.flatnonzero((tile == 90).all(axis=0))
    assert (columns.min(), columns.max()) == (7, 21)  # 15 of 30 pixels, centred


@pytest.mark.parametrize(
    ("count", "columns", "labels", "message"),
    [
        (0, 3, None, "0 photos"),
        (2, 0, None, "0 columns"),
        (2, 2, ["one"], "1 labels for 2 photos"),
    ],
)
def test_image_grid_refuses(tmp_path, count, columns, labels, message):
    with pytest.raises(ValueError, match=message):
        grids.image_grid(
            tmp_path / "grid.png", [plain(0)] * count, columns=columns, labels=labels
        )


def test_worst_pairs_asks_for_the_right_ones(tmp_path):
    similarities = np.array([0.9, 0.2, -0.1, 0.8, 0.1, -1.0, 0.7, -1.0])
    is_same = np.array([True, True, True, False, False, True, False, False])
    similarities[5] = similarities[7] = protocol.FAILED
    shown = []

    def crops(pair):
        shown.append(pair)
        return plain(10 * pair + 100), plain(10 * pair + 105)

    path = tmp_path / "worst.png"
    grids.worst_pairs(path, crops, similarities, is_same, 0.5, count=2)
    assert shown[1:] == [3, 6, 2, 1]  # the first call asks for the size
    grid = images.read_image(path)
    for pair in (3, 6, 2, 1):
        for side in (0, 5):
            value = 10 * pair + 100 + side
            assert (grid == value).all(axis=2).sum() >= 40 * 30


@pytest.mark.parametrize(("threshold", "red"), [(0.5, True), (0.95, False)])
def test_worst_pairs_marks_mistakes_in_red(tmp_path, threshold, red):
    path = tmp_path / "worst.png"
    grids.worst_pairs(
        path,
        lambda pair: (plain(128), plain(128)),
        np.array([0.9, 0.99]),
        np.array([False, True]),
        threshold,
    )
    grid = images.read_image(path).astype(int)
    assert (grid[..., 0] - grid[..., 1] > 100).any() == red


def test_worst_pairs_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="all of them failed"):
        grids.worst_pairs(
            tmp_path / "worst.png", print, np.full(2, -1.0), np.array([True, False]), 0
        )
