"""Templates against loops written out."""

import numpy as np
import pytest

from maskarc.evaluation import templates


def rows(count=60, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 5)).astype(np.float32), rng


def test_mean_of_unit_embeddings():
    embeddings, rng = rows()
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    owners = rng.integers(100, 108, 60)
    found, numbers = templates.mean_templates(embeddings, owners)
    assert numbers.tolist() == sorted(set(owners.tolist()))
    for row, number in zip(found, numbers, strict=True):
        mean = embeddings[owners == number].astype(float).mean(axis=0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_media_then_template(weighted):
    """As InsightFace's evaluation of IJB: mean over a medium, sum over media, unit."""
    embeddings, rng = rows()
    owners, media = rng.integers(0, 6, 60) * 7, rng.integers(0, 4, 60)
    weights = rng.uniform(0.1, 1, 60) if weighted else None
    found, numbers = templates.media_templates(
        embeddings, owners, media, weights=weights
    )
    given = embeddings.astype(float) * (weights[:, None] if weighted else 1)
    for row, number in zip(found, numbers, strict=True):
        total = np.zeros(5)
        for medium in np.unique(media[owners == number]):
            total += given[(owners == number) & (media == medium)].mean(axis=0)
        np.testing.assert_allclose(row, total / np.linalg.norm(total), atol=1e-6)


def test_a_template_without_length():
    with pytest.raises(ValueError, match="1 templates have no length, the first is 4"):
        templates.mean_templates(
            np.array([[1.0, 0], [-1, 0], [0, 1]]), np.array([4, 4, 5])
        )
    with pytest.raises(ValueError, match="zero or not finite"):
        templates.mean_templates(np.array([[np.nan, 0]]), np.array([4]))
