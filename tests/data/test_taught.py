"""Sources with a teacher's targets."""

import pickle

import numpy as np
import pytest

from maskarc.data import synthetic, taught


def targets(count, size=6, seed=0):
    rows = np.random.default_rng(seed).standard_normal((count, size))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def saved(folder, rows):
    path = folder / "teacher.npy"
    np.save(path, rows)
    return path


def test_elements_carry_their_row(tmp_path):
    faces = synthetic.SyntheticFaces(3, 2, seed=0)
    rows = targets(6)
    source = taught.Taught(faces, saved(tmp_path, rows))
    assert len(pickle.dumps(source)) < len(pickle.dumps(faces)) + 500
    assert len(source) == 6 and source.num_classes == 3 and source.names == faces.names
    for index in (0, 5):
        element = source[index]
        np.testing.assert_array_equal(element.pop("target"), rows[index])
        np.testing.assert_array_equal(element["image"], faces[index]["image"])


def test_class_means_are_directions_of_sums(tmp_path):
    faces = synthetic.SyntheticFaces(3, 2, seed=0)
    rows = targets(6)
    rows[faces.labels == 1] = 0
    means = taught.Taught(faces, saved(tmp_path, rows)).class_means()
    for label in (0, 2):
        total = sum(
            rows[i].astype(np.float64) for i in range(6) if faces.labels[i] == label
        )
        np.testing.assert_allclose(
            means[label], total / np.sqrt(total @ total), atol=1e-6
        )
    assert not means[1].any()


def test_refuses_targets_of_another_source(tmp_path):
    faces = synthetic.SyntheticFaces(3, 2, seed=0)
    with pytest.raises(ValueError, match=r"expected targets \[6, E\].*\[5, 6\]"):
        taught.Taught(faces, saved(tmp_path, targets(5)))
