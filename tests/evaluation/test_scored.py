"""Scored pairs survive a file, and nothing but plain arrays is read."""

import numpy as np
import pytest

from maskarc.evaluation import scored
from tests.evaluation.scores import noisy_scores, scored_pairs


def test_a_file_holds_everything(tmp_path):
    pairs = scored_pairs(*noisy_scores(20))
    pairs.about["model"] = "none"
    pairs.save(tmp_path / "new" / "scores.npz")
    again = scored.ScoredPairs.load(tmp_path / "new" / "scores.npz")
    for name in ("pair", "first", "second", "people", "is_same", "similarity"):
        np.testing.assert_array_equal(getattr(again, name), getattr(pairs, name))
        assert getattr(again, name).dtype == getattr(pairs, name).dtype
    np.testing.assert_array_equal(again.labels["condition"], pairs.labels["condition"])
    assert again.about == {"model": "none"}


def test_rows_by_label():
    pairs = scored_pairs([0.1, 0.2, 0.3], [True, False, True])
    pairs.labels["kind"] = np.array(["cloth", "n95", "cloth"])
    cloth = pairs.where(kind="cloth", condition="bare-bare")
    assert cloth.pair.tolist() == [0, 2]
    assert len(pairs.where(kind="none")) == 0
    with pytest.raises(ValueError, match="expected one of condition, kind"):
        pairs.where(colour="red")


def test_columns_of_one_length():
    with pytest.raises(ValueError, match="columns of one length"):
        scored_pairs([0.1, 0.2], [True, False], people=np.zeros((3, 2), int))


def test_a_pickle_is_refused(tmp_path):
    path = tmp_path / "scores.npz"
    np.savez(path, pair=np.array([print, {}], object))
    with pytest.raises(ValueError, match=r"not an \.npz of plain arrays"):
        scored.ScoredPairs.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"text"])
def test_other_files(tmp_path, content):
    path = tmp_path / "scores.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"scores\.npz"):
        scored.ScoredPairs.load(path)


def test_other_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=r"missing: about, failed, first"):
        scored.ScoredPairs.load(tmp_path / "a.npz")
    np.save(tmp_path / "b.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"b\.npy"):
        scored.ScoredPairs.load(tmp_path / "b.npy")
    with pytest.raises(FileNotFoundError):
        scored.ScoredPairs.load(tmp_path / "none.npz")
