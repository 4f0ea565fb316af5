"""Nearest-neighbour identification against brute force and sets scored by hand."""

import json

import numpy as np
import pytest

from maskarc.evaluation import identification


def clusters(people, photos, *, spread, seed=0, dim=8):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(people), photos))
    centres = rng.standard_normal((people, dim))
    noise = spread * rng.standard_normal((len(labels), dim))
    return (centres[labels] + noise).astype(np.float32), labels


def brute_force_rate(embeddings, labels, metric):
    hits = probes = 0
    for i, a in enumerate(embeddings.astype(np.float64)):
        if (labels == labels[i]).sum() < 2:
            continue
        distances = []
        for j, b in enumerate(embeddings.astype(np.float64)):
            if metric == "l2":
                distance = np.sqrt(((a - b) ** 2).sum())
            else:
                distance = 1 - a @ b / np.sqrt((a @ a) * (b @ b))
            distances.append(np.inf if i == j else distance)
        probes += 1
        hits += labels[np.argmin(distances)] == labels[i]
    return hits / probes


@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("block_size", [1, 7, 1024])
def test_against_brute_force(metric, block_size):
    embeddings, labels = clusters(12, 5, spread=0.8)
    embeddings *= np.random.default_rng(1).uniform(0.5, 2, (60, 1)).astype(np.float32)
    labels[:3] = [100, 101, 102]  # people with one photo
    result = identification.nearest_neighbour_rate(
        embeddings, labels, metric=metric, block_size=block_size
    )
    expected = brute_force_rate(embeddings, labels, metric)
    assert 0.2 < expected < 0.95  # neither trivial nor hopeless
    assert result.rate == pytest.approx(expected, abs=1e-12)


def test_the_metrics_differ_on_lengths():
    """The last photo points where person 1's other does, but lies near person 0's."""
    embeddings = np.array([[1, 0], [1.1, 0.1], [10, 9], [1, 0.9]], np.float32)
    labels = np.array([0, 0, 1, 1])
    cosine = identification.nearest_neighbour_rate(embeddings, labels)
    l2 = identification.nearest_neighbour_rate(embeddings, labels, metric="l2")
    assert (cosine.rate, l2.rate) == (1.0, 0.75)


def test_l2_survives_a_large_common_offset():
    embeddings, labels = clusters(20, 4, spread=0.3)
    near = identification.nearest_neighbour_rate(embeddings, labels, metric="l2")
    far = identification.nearest_neighbour_rate(
        embeddings.astype(np.float64) + 1e5, labels, metric="l2"
    )
    assert near.rate == far.rate > 0.5


def test_counts_and_chance():
    labels = np.array([3, 3, 3, 5, 5, 9])
    result = identification.nearest_neighbour_rate(
        np.eye(6, dtype=np.float32) + 1, labels
    )
    assert (result.probes, result.gallery) == (5, 5)
    assert (result.identities, result.single_photo_identities) == (3, 1)
    # Three probes have two right answers among five, two have one.
    assert result.chance == pytest.approx((3 * 2 / 5 + 2 * 1 / 5) / 5)


def test_a_single_photo_may_be_found_by_mistake():
    embeddings = np.array([[1, 0], [0, 1], [1, 0.01]], np.float32)
    result = identification.nearest_neighbour_rate(embeddings, np.array([0, 0, 1]))
    assert (result.rate, result.probes) == (0.0, 2)


def test_random_embeddings_score_chance():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(20), 100)
    result = identification.nearest_neighbour_rate(
        rng.standard_normal((2000, 16)).astype(np.float32), labels
    )
    assert result.chance == pytest.approx(99 / 1999)
    assert result.rate == pytest.approx(result.chance, abs=0.025)


def test_json():
    embeddings, labels = clusters(3, 3, spread=0.1)
    result = identification.nearest_neighbour_rate(embeddings, labels)
    assert json.loads(json.dumps(result.to_json()))["rate"] == result.rate


@pytest.mark.parametrize(
    ("embeddings", "labels", "options", "message"),
    [
        (np.ones((4, 2)), [0, 1, 2, 3], {}, "one person with two photos"),
        (np.ones((4, 2)), [0, 0, 1], {}, r"got \(4, 2\) and \(3,\)"),
        (np.ones(4), [0, 0, 1, 1], {}, r"expected embeddings \[N, D\]"),
        (np.ones((2, 2)), [0, 0], {"metric": "l1"}, "'cosine', 'l2'"),
        (np.array([[1.0], [np.nan]]), [0, 0], {}, "1 of 2 .* index 1"),
        (np.array([[0.0], [1.0]]), [0, 0], {}, "1 of 2 .* index 0"),
    ],
)
def test_bad_input(embeddings, labels, options, message):
    with pytest.raises(ValueError, match=message):
        identification.nearest_neighbour_rate(embeddings, np.array(labels), **options)


def test_a_zero_embedding_has_distances():
    embeddings = np.array([[0.0], [0.1], [5.0]])
    result = identification.nearest_neighbour_rate(
        embeddings, np.array([0, 0, 1]), metric="l2"
    )
    assert result.rate == 1
