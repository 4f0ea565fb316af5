import numpy as np

from maskarc.masks import warping


def test_later_triangles_cover_earlier_ones():
    picture = np.zeros((10, 10, 4), np.uint8)
    picture[:, :5], picture[:, 5:] = 100, 200
    source = np.array([[[0, 0], [4, 0], [0, 9]], [[9, 0], [9, 9], [6, 9]]], float)
    target = np.array([[[0, 0], [30, 0], [0, 30]], [[0, 0], [30, 0], [0, 30]]], float)
    first_last = warping.warp(picture, source, target, (0, 0, 40, 40))
    last_first = warping.warp(picture, source[::-1], target, (0, 0, 40, 40))
    assert first_last[8, 8, 0] == 200
    assert last_first[8, 8, 0] == 100
    assert not first_last[35, 35].any()


def test_region_is_clipped_to_the_picture():
    triangle = np.array([[[-5.0, 3.2], [7.4, 3.2], [2.0, 50.0]]])
    left, top, right, bottom = warping.region(triangle, (20, 30))
    assert (left, top, bottom) == (0, 3, 20)
    assert 8 <= right <= 10
    left, top, right, bottom = warping.region(triangle + 100, (20, 30))
    assert left == right or top == bottom


def test_layers_hold_the_mean_colour(make_mask):
    mask = make_mask((40, 90, 160))
    for level in range(8):
        layer, ratio, highlight = warping.layer(mask, level, 0.0)
        sums = layer.sum(axis=(0, 1)) / ratio.prod()
        # 70 × 80 opaque pixels, premultiplied.
        expected = 5600 * np.array([40, 90, 160, 255])
        np.testing.assert_allclose(sums, expected, rtol=0.01)
        assert abs(highlight - 160) <= 1
