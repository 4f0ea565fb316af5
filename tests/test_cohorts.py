"""How common a face is among strangers."""

import numpy as np
import pytest

from maskarc import cohorts, inference


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def strangers():
    """A crowd around one place, and as many all over."""
    rng = np.random.default_rng(0)
    crowd = unit(np.eye(16)[0] + 0.1 * rng.standard_normal((30, 16)))
    return unit(np.concatenate([crowd, rng.standard_normal((30, 16))]))


def test_it_is_the_mean_of_the_nearest_beyond_the_usual(strangers):
    faces = unit(np.random.default_rng(1).standard_normal((3, 16)))
    cohort = cohorts.Cohort(strangers)

    def nearness(face, others):
        return np.mean(sorted(face @ other for other in others)[-10:])

    usual = np.mean(
        [nearness(strangers[i], np.delete(strangers, i, axis=0)) for i in range(60)]
    )
    expected = [0.25 * (nearness(face, strangers) - usual) for face in faces]
    np.testing.assert_allclose(cohort.commonness(faces), expected, atol=1e-6)
    assert np.isnan(cohort.commonness(np.full((1, 16), np.nan))).all()


def test_a_crowd_is_common(strangers):
    cohort = cohorts.Cohort(strangers)
    amid, apart = np.eye(16)[:1], -np.eye(16)[:1]
    assert cohort.commonness(amid) > 0 > cohort.commonness(apart)
    assert abs(cohort.commonness(strangers).mean()) < 0.05


@pytest.mark.parametrize("shape", [(10, 4), (40,), (0, 4)])
def test_too_few_strangers_are_refused(shape):
    with pytest.raises(ValueError, match="of more than 10 strangers, got"):
        cohorts.Cohort(np.ones(shape, np.float32))


def test_the_recogniser_in_the_package_brings_some():
    cohort = inference.Embedder.load("masked_r29").cohort
    assert cohort is not None and len(cohort.embeddings) > 100
    lengths = np.linalg.norm(cohort.embeddings, axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)
    assert inference.Embedder.load("mask_detector").cohort is None
