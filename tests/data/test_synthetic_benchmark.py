"""The benchmark of synthetic faces: a folder that the folder tools read, and pairs."""

import numpy as np
import pytest

from maskarc import images, landmarks
from maskarc.data import sources, synthetic


@pytest.fixture
def faces():
    return synthetic.SyntheticFaces(20, 3, size=64, first_identity=5)


def person(name):
    return name.split("/")[0]


def test_folder_is_read_back(tmp_path):
    faces = synthetic.SyntheticFaces(3, 2, size=64)
    written = synthetic.write_folder(faces, tmp_path / "people")
    assert images.list_images(tmp_path / "people") == list(faces.names)
    loaded = landmarks.LandmarkTable.load(tmp_path / "people" / "landmarks.npz")
    np.testing.assert_array_equal(loaded.landmarks, written.landmarks)
    assert loaded.outcomes == ("ok",) * 6
    folder = sources.ImageFolder.from_folder(tmp_path / "people", loaded)
    assert folder.num_classes == 3
    for index in range(6):
        for field in ("image", "landmarks", "label"):
            np.testing.assert_array_equal(folder[index][field], faces[index][field])


def test_folder_is_written_twice_alike(tmp_path):
    faces = synthetic.SyntheticFaces(1, 2, size=64)
    synthetic.write_folder(faces, tmp_path)
    before = (tmp_path / faces.names[1]).read_bytes()
    synthetic.write_folder(faces, tmp_path)
    assert (tmp_path / faces.names[1]).read_bytes() == before


def test_pairs(faces):
    pairs = synthetic.make_pairs(faces, 60, folds=5)
    assert len(pairs) == 60
    for first, second, is_same in zip(
        pairs.first, pairs.second, pairs.is_same, strict=True
    ):
        assert {first, second} <= set(faces.names)
        assert first != second
        assert is_same == (person(first) == person(second))
    unordered = {frozenset(p) for p in zip(pairs.first, pairs.second, strict=True)}
    assert len(unordered) == 60
    for fold in range(5):
        assert pairs.is_same[pairs.fold == fold].sum() == 6
        assert (pairs.fold == fold).sum() == 12


def test_folds_share_no_person(faces):
    pairs = synthetic.make_pairs(faces, 60, folds=5)
    folds = {}
    for first, second, fold in zip(pairs.first, pairs.second, pairs.fold, strict=True):
        assert folds.setdefault(person(first), fold) == fold
        assert folds.setdefault(person(second), fold) == fold


def test_pairs_follow_the_seed(faces):
    one, again, other = (synthetic.make_pairs(faces, 40, seed=s) for s in (1, 1, 2))
    assert (one.first, one.second) == (again.first, again.second)
    assert (one.first, one.second) != (other.first, other.second)


@pytest.mark.parametrize("num_pairs", [0, 30, -20])
def test_pairs_must_divide(faces, num_pairs):
    with pytest.raises(ValueError, match=f"2 · 10 folds pairs, got {num_pairs}"):
        synthetic.make_pairs(faces, num_pairs)


def test_too_few_photos_or_people(faces):
    # Two people a fold with three photos: 6 genuine and 9 impostor pairs.
    assert len(synthetic.make_pairs(faces, 120)) == 120
    with pytest.raises(ValueError, match="has 6 genuine pairs, 7 are needed"):
        synthetic.make_pairs(faces, 140)
    with pytest.raises(ValueError, match="has 0 impostor pairs"):
        synthetic.make_pairs(faces, 40, folds=20)
