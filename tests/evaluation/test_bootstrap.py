"""The bootstrap: exact with weights of one, and its intervals hold the truth."""

import numpy as np
import pytest

from maskarc.evaluation import bootstrap, verification
from tests.evaluation.scores import noisy_scores, scored_pairs

FARS = (1e-1, 1e-2)


@pytest.mark.parametrize("digits", [None, 1])
@pytest.mark.parametrize("folds", [1, 10])
def test_weights_of_one_are_the_plain_statistics(digits, folds):
    similarities, is_same = noisy_scores(600, digits=digits)
    fold = np.arange(600) % folds
    plain = verification.evaluate(similarities, is_same, fold, fars=FARS)
    weighted = bootstrap.weighted_statistics(
        similarities, is_same, fold, np.ones((2, 600), int), fars=FARS
    )
    expected = {"accuracy": plain.accuracy, "auc": plain.auc, "eer": plain.eer}
    expected |= {f"tar@{far}": rate for far, rate in plain.tar_at_far.items()}
    assert weighted.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(weighted[name], value, rtol=0, atol=1e-12)


def test_a_weight_is_as_good_as_a_repetition():
    """scikit-learn's weights say the same, and so does a list of repeated pairs."""
    metrics = pytest.importorskip("sklearn.metrics")
    similarities, is_same = noisy_scores(200, digits=1)
    weights = np.random.default_rng(1).integers(0, 4, 200)
    fold = np.arange(200) % 5
    [got], [auc] = (
        bootstrap.weighted_statistics(
            similarities, is_same, fold, weights[None], fars=FARS
        )[name]
        for name in ("eer", "auc")
    )
    again = np.repeat(np.arange(200), weights)
    plain = verification.evaluate(similarities[again], is_same[again], fold[again])
    assert got == pytest.approx(plain.eer, abs=1e-12)
    expected = metrics.roc_auc_score(is_same, similarities, sample_weight=weights)
    assert auc == pytest.approx(expected, abs=1e-12)


def test_weights_of_pairs_by_hand():
    counts = np.array([[2, 0, 3]])
    people = np.array([[0, 0], [0, 2], [1, 2], [2, 2]])
    is_same = np.array([True, False, False, True])
    weights = bootstrap.pair_weights(counts, people, is_same)
    assert weights.tolist() == [[2, 6, 0, 3]]


def test_draws_are_of_people():
    """One pair a person: the mean of a share is its own, its spread that of people."""
    is_same = np.repeat([True, False], 200)
    similarities = np.where(is_same, 0.9, 0.1)
    similarities[:40] = 0.0  # a fifth of the genuine pairs is rejected
    people = np.arange(400)[:, None].repeat(2, 1)
    people[200:, 1] += 1000
    sample = scored_pairs(similarities, is_same, people)
    drawn = bootstrap.replicates({"a": sample}, fars=(0.1,), draws=2000)["a"]["tar@0.1"]
    assert drawn.mean() == pytest.approx(0.8, abs=0.005)
    assert drawn.std() == pytest.approx(np.sqrt(0.8 * 0.2 / 200), rel=0.1)


def test_pairs_of_one_person_do_not_add_certainty():
    """Ten copies of each genuine pair leave the interval as wide as it was."""
    similarities, is_same = noisy_scores(400)
    people = np.arange(400)[:, None].repeat(2, 1)
    people[~is_same, 1] += 1000
    copies = np.where(is_same, 10, 1)

    def spread(repeats):
        chosen = np.repeat(np.arange(400), repeats)
        sample = scored_pairs(similarities[chosen], is_same[chosen], people[chosen])
        return bootstrap.replicates({"a": sample}, fars=(0.1,))["a"]["tar@0.1"].std()

    assert spread(copies) == pytest.approx(spread(np.ones(400, int)), rel=0.15)


def test_intervals_cover_the_truth():
    """AUC of Φ(2/√2): 95 % intervals hold it in about 95 % of the sets, or more."""
    truth, held = 0.9213504, 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        is_same = np.arange(240) % 2 == 0
        similarities = np.where(is_same, 2, 0) + rng.standard_normal(240)
        sample = scored_pairs(similarities, is_same)
        auc = bootstrap.replicates({"a": sample}, draws=200, seed=seed)["a"]["auc"]
        found = bootstrap.interval(0.0, auc)
        held += found.low <= truth <= found.high
    assert held >= 53


def test_a_paired_difference_is_narrower_than_an_unpaired_one():
    similarities, is_same = noisy_scores(500)
    noise = 0.02 * np.random.default_rng(5).standard_normal(500)
    a, b = (scored_pairs(s, is_same) for s in (similarities, similarities + noise))
    drawn = bootstrap.replicates({"a": a, "b": b}, draws=300)
    apart = bootstrap.replicates({"b": b}, draws=300, seed=7)
    paired = drawn["b"]["auc"] - drawn["a"]["auc"]
    unpaired = apart["b"]["auc"] - drawn["a"]["auc"]
    assert paired.std() < 0.3 * unpaired.std()
    same = bootstrap.replicates({"a": a, "again": a}, draws=50)
    np.testing.assert_array_equal(same["a"]["eer"], same["again"]["eer"])


def test_perfect_scores_have_no_interval():
    is_same = np.arange(100) % 2 == 0
    sample = scored_pairs(np.where(is_same, 0.9, 0.1), is_same)
    drawn = bootstrap.replicates({"a": sample}, draws=50)["a"]["accuracy"]
    found = bootstrap.interval(1.0, drawn)
    assert (found.estimate, found.low, found.high) == (1.0, None, None)


def test_same_seed_same_draws_in_blocks_of_any_size(monkeypatch):
    similarities, is_same = noisy_scores(100)
    sample = {"a": scored_pairs(similarities, is_same)}
    once = bootstrap.replicates(sample, draws=40, seed=3)["a"]["eer"]
    monkeypatch.setattr(bootstrap, "_BLOCK", 700)
    np.testing.assert_array_equal(
        bootstrap.replicates(sample, draws=40, seed=3)["a"]["eer"], once
    )


def test_draws_without_one_kind_are_left_out():
    sample = scored_pairs([0.9, 0.8, 0.1], [True, True, False])
    drawn = bootstrap.replicates({"a": sample}, draws=200)["a"]["auc"]
    assert np.isnan(drawn).any() and np.isfinite(drawn).any()
    assert bootstrap.interval(1.0, drawn).low is None
