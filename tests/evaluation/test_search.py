"""Search a block at a time against sorting the whole matrix."""

import tracemalloc

import numpy as np
import pytest

from maskarc.evaluation import search


@pytest.mark.parametrize("k", [1, 5, 40, 300])
@pytest.mark.parametrize("block_bytes", [1, 5_000, 2**26])
def test_as_sorting_everything(k, block_bytes):
    rng = np.random.default_rng(0)
    probes, gallery = rng.standard_normal((23, 8)), rng.standard_normal((300, 8))
    scores, rows = search.top_k(probes, gallery, k, block_bytes=block_bytes)
    whole = probes.astype(np.float32) @ gallery.astype(np.float32).T
    expected = np.argsort(-whole, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_allclose(
        scores, np.take_along_axis(whole, expected, 1), atol=1e-5
    )


def test_of_equals_the_lower_row_comes_first():
    gallery = np.ones((50, 2))
    scores, rows = search.top_k(np.ones((1, 2)), gallery, 7)
    assert rows.tolist() == [[0, 1, 2, 3, 4, 5, 6]]
    assert scores.tolist() == [[2.0] * 7]


def test_the_matrix_is_never_held():
    rng = np.random.default_rng(0)
    probes = rng.standard_normal((1000, 4), np.float32)
    gallery = rng.standard_normal((5000, 4), np.float32)
    tracemalloc.start()
    search.top_k(probes, gallery, 3, block_bytes=2**18)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22 < 1000 * 5000 * 4


@pytest.mark.parametrize("k", [0, 6])
def test_impossible_k(k):
    with pytest.raises(ValueError, match="k from 1 to 5"):
        search.top_k(np.ones((2, 3)), np.ones((5, 3)), k)
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(5, 4\)"):
        search.top_k(np.ones((2, 3)), np.ones((5, 4)), 1)
