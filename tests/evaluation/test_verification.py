"""Verification against brute force, scikit-learn and lists scored by hand."""

import itertools
import json
import math

import numpy as np
import pytest

from maskarc.evaluation import protocol, verification


def noisy_pairs(count, *, seed=0, digits=None):
    """Similarities with overlap; rounding to a few digits makes many of them equal."""
    rng = np.random.default_rng(seed)
    is_same = rng.permutation(np.arange(count) % 2 == 0)
    similarities = np.where(is_same, 0.5, 0.2) + 0.2 * rng.standard_normal(count)
    if digits is not None:
        similarities = similarities.round(digits)
    return similarities, is_same


def brute_force_threshold(similarities, is_same):
    """Tries a threshold in every gap, pair by pair; the documented choice of a tie."""
    values = sorted(set(similarities))
    candidates = [(0.0, math.nextafter(values[-1], math.inf)), (0.0, values[0])]
    for low, high in itertools.pairwise(values):
        candidates.append((high - low, (low + high) / 2))
    best = (-1, 0.0, 0.0)
    for width, threshold in candidates:
        right = 0
        for similarity, same in zip(similarities, is_same, strict=True):
            right += (similarity >= threshold) == same
        best = max(best, (right, width, threshold))
    return best[2]


@pytest.mark.parametrize("digits", [None, 1])
def test_ten_folds_against_brute_force(digits):
    similarities, is_same = noisy_pairs(120, digits=digits)
    fold = np.random.default_rng(1).integers(0, 10, 120)
    expected = []
    for number in range(10):
        rest = fold != number
        threshold = brute_force_threshold(similarities[rest], is_same[rest])
        hits = [
            (s >= threshold) == same
            for s, same in zip(similarities[~rest], is_same[~rest], strict=True)
        ]
        expected.append(sum(hits) / len(hits))
    result = verification.evaluate(similarities, is_same, fold)
    assert result.fold_accuracies == pytest.approx(expected, abs=1e-12)
    assert result.accuracy == pytest.approx(sum(expected) / 10, abs=1e-12)
    assert result.accuracy_std == pytest.approx(np.std(expected), abs=1e-12)
    best = brute_force_threshold(similarities, is_same)
    assert result.threshold == pytest.approx(best, abs=1e-12)


def test_the_threshold_comes_from_the_other_folds():
    """A shift of one fold's scores costs that fold its accuracy."""
    fold = np.repeat(np.arange(10), 20)
    is_same = np.tile(np.arange(20) < 10, 10)
    similarities = np.where(is_same, 0.8, 0.2)
    similarities[fold == 3] -= 0.7
    result = verification.evaluate(similarities, is_same, fold)
    assert result.fold_accuracies == (1, 1, 1, 0.5, 1, 1, 1, 1, 1, 1)
    assert result.accuracy == pytest.approx(0.95)
    assert result.accuracy_std == pytest.approx(0.15)


def test_fold_numbers_may_have_holes():
    similarities, is_same = noisy_pairs(90)
    fold = np.array([0, 1, 2, 3, 5, 6, 7, 8, 9] * 10)
    result = verification.evaluate(similarities, is_same, fold)
    assert len(result.fold_accuracies) == 9
    renumbered = np.where(fold > 4, fold - 1, fold)
    assert verification.evaluate(similarities, is_same, renumbered) == result


def test_no_folds_or_one_fold_are_shared_out():
    similarities, is_same = noisy_pairs(300)
    result = verification.evaluate(similarities, is_same)
    assert len(result.fold_accuracies) == 10
    one_fold = np.full(300, 4)
    assert verification.evaluate(similarities, is_same, one_fold) == result


def test_stratified_folds_are_even_runs():
    is_same = np.array([True] * 100 + [False] * 50)
    fold = verification.stratified_folds(is_same)
    np.testing.assert_array_equal(np.bincount(fold[:100]), [10] * 10)
    np.testing.assert_array_equal(np.bincount(fold[100:]), [5] * 10)
    assert (np.diff(fold[:100]) >= 0).all()


@pytest.mark.parametrize(
    ("similarities", "threshold"),
    [
        ([0.9, 0.8, 0.3, 0.1], 0.55),
        ([0.1, 0.3, 0.8, 0.9], math.nextafter(0.9, 1)),  # inverted: accept none
        ([0.9, 0.5, 0.5, 0.1], 0.7),  # two best gaps, as wide: the higher one
        ([0.9, 0.5, 0.5, 0.4], 0.7),  # two best gaps: the wider one
        ([0.9, 0.5, 0.5, 0.0], 0.25),
        ([0.4, 0.4, 0.4, 0.4], math.nextafter(0.4, 1)),
    ],
)
def test_threshold_by_hand(similarities, threshold):
    is_same = np.array([True, True, False, False])
    fitted = verification.fit_threshold(np.array(similarities), is_same)
    assert fitted == pytest.approx(threshold, abs=1e-15)


def test_threshold_accepts_all_when_nearly_all_are_genuine():
    is_same = np.array([True, True, False, True])
    assert verification.fit_threshold(np.array([0.1, 0.2, 0.3, 0.4]), is_same) == 0.1


@pytest.mark.parametrize("low", [0.5, 1 - 2**-53, -1.0])
def test_threshold_between_neighbouring_floats(low):
    similarities = np.array([low, math.nextafter(low, 2)])
    fitted = verification.fit_threshold(similarities, np.array([False, True]))
    np.testing.assert_array_equal(similarities >= fitted, [False, True])


def test_float32_and_float64_agree():
    similarities, is_same = noisy_pairs(200)
    single = similarities.astype(np.float32)
    assert verification.evaluate(single, is_same) == verification.evaluate(
        single.astype(np.float64), is_same
    )


def test_perfect_and_inverted():
    is_same = np.tile([True, False], 50)
    score = np.where(is_same, 0.9, 0.1)
    perfect = verification.evaluate(score, is_same)
    assert (perfect.accuracy, perfect.accuracy_std) == (1, 0)
    assert (perfect.auc, perfect.eer) == (1, 0)
    assert perfect.tar_at_far == {"0.1": 1.0, "0.01": None, "0.001": None}
    assert (perfect.pairs, perfect.genuine, perfect.impostors) == (100, 50, 50)
    inverted = verification.evaluate(-score, is_same)
    assert (inverted.accuracy, inverted.auc, inverted.eer) == (0.5, 0, 1)
    assert inverted.tar_at_far["0.1"] == 0


def test_chance():
    rng = np.random.default_rng(0)
    result = verification.evaluate(
        rng.standard_normal(20_000), np.arange(20_000) % 2 == 0
    )
    # Five standard errors of a fair coin.
    assert result.accuracy == pytest.approx(0.5, abs=0.018)
    assert result.auc == pytest.approx(0.5, abs=0.021)
    assert result.eer == pytest.approx(0.5, abs=0.018)
    assert result.tar_at_far["0.1"] == pytest.approx(0.1, abs=0.022)


def test_all_scores_equal_is_chance():
    is_same = np.tile([True, False], 50)
    result = verification.evaluate(np.full(100, 0.3), is_same)
    assert (result.accuracy, result.auc, result.eer) == (0.5, 0.5, 0.5)
    assert result.tar_at_far["0.1"] == 0


def test_roc_by_hand():
    is_same = np.array([True, False, True, False, True])
    similarities = np.array([0.9, 0.7, 0.7, 0.4, 0.2])
    far, tar, thresholds = verification.roc(similarities, is_same)
    np.testing.assert_allclose(far, [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(tar, [0, 1 / 3, 2 / 3, 2 / 3, 1])
    np.testing.assert_array_equal(thresholds, [np.inf, 0.9, 0.7, 0.4, 0.2])
    # Genuine beat impostors in 3 of 6 comparisons, and one is a tie.
    assert verification.auc(similarities, is_same) == pytest.approx(3.5 / 6)
    # The curve goes from (0, 1/3) to (1/2, 2/3): far = 1 − tar at 0.4.
    assert verification.eer(similarities, is_same) == pytest.approx(0.4)


def test_tar_at_far_by_hand():
    is_same = np.array([True] * 4 + [False] * 100)
    similarities = np.concatenate([[0.99, 0.985, 0.955, 0.2], np.arange(100) / 100])
    rate = {
        far: verification.tar_at_far(similarities, is_same, far)
        for far in (1e-3, 0.009, 0.01, 0.05, 0.29, 0.79, 0.81, 1)
    }
    # 0.99 ties with the best impostor; of the best 29 impostors the last has 0.71.
    expected = [None, None, 0.5, 0.75, 0.75, 0.75, 1, 1]
    assert list(rate.values()) == expected


@pytest.mark.parametrize("far", [0.29, 0.07, 0.57])
def test_a_far_is_not_lost_to_rounding(far):
    """100 · 0.29 is 28.999…, yet 29 of 100 impostors are a rate of 0.29."""
    impostors = round(100 * far)
    is_same = np.array([True] + [False] * 100)
    similarities = np.concatenate([[0.5], np.full(impostors, 0.9)])
    similarities = np.append(similarities, np.full(100 - impostors, 0.1))
    assert verification.tar_at_far(similarities, is_same, far) == 1


@pytest.mark.parametrize("digits", [None, 2, 1])
def test_roc_and_auc_against_scikit_learn(digits):
    metrics = pytest.importorskip("sklearn.metrics")
    similarities, is_same = noisy_pairs(1000, digits=digits)
    far, tar, thresholds = verification.roc(similarities, is_same)
    expected = metrics.roc_curve(is_same, similarities, drop_intermediate=False)
    np.testing.assert_allclose(far, expected[0], rtol=0, atol=1e-15)
    np.testing.assert_allclose(tar, expected[1], rtol=0, atol=1e-15)
    np.testing.assert_array_equal(thresholds, expected[2])
    auc = metrics.roc_auc_score(is_same, similarities)
    assert verification.auc(similarities, is_same) == pytest.approx(auc, abs=1e-12)


def test_a_failed_genuine_pair_is_an_error():
    is_same = np.tile([True, False], 50)
    similarities = np.where(is_same, 0.9, 0.1)
    similarities[:20] = protocol.FAILED  # ten genuine, ten impostor
    assert verification.evaluate(similarities, is_same).accuracy == pytest.approx(0.9)


def test_json_is_strict_and_complete():
    similarities, is_same = noisy_pairs(100)
    result = verification.evaluate(similarities, is_same, fars=(1e-1, 1e-4))
    read = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert read == result.to_json()
    assert read["tar_at_far"]["0.0001"] is None
    assert read.keys() >= {"accuracy", "accuracy_std", "threshold", "auc", "pairs"}
    assert len(read["fold_accuracies"]) == 10


@pytest.mark.parametrize(
    ("similarities", "is_same", "message"),
    [
        ([0.1, np.nan, 0.3], [True, False, True], "1 of 3 similarities .* index 1"),
        ([0.1, np.inf, 0.3], [True, False, True], "not finite"),
        ([0.1, 0.2], [True, True], "got 2 genuine of 2"),
        ([0.1, 0.2], [False, False], "got 0 genuine of 2"),
        ([], [], "got 0 genuine of 0"),
        ([0.1, 0.2, 0.3], [True, False], r"got \(3,\) and \(2,\)"),
        ([[0.1, 0.2]], [[True, False]], r"expected similarities \[N\]"),
        ([0.1, 0.2], [True, False], "too few pairs"),
    ],
)
def test_bad_input(similarities, is_same, message):
    with pytest.raises(ValueError, match=message):
        verification.evaluate(np.array(similarities), np.array(is_same, bool))


def test_bad_folds_dtype_and_far():
    similarities, is_same = noisy_pairs(20)
    with pytest.raises(ValueError, match=r"expected fold \(20,\), got \(3,\)"):
        verification.evaluate(similarities, is_same, np.arange(3))
    with pytest.raises(TypeError, match="dtype bool, got int64"):
        verification.evaluate(similarities, is_same.astype(np.int64))
    for far in (0.0, -0.1, 1.5, np.nan):
        with pytest.raises(ValueError, match="false-accept rate in"):
            verification.tar_at_far(similarities, is_same, far)


def test_the_arguments_stay_as_they_are():
    similarities, is_same = noisy_pairs(100)
    before = similarities.copy(), is_same.copy()
    similarities.flags.writeable = is_same.flags.writeable = False
    verification.evaluate(similarities, is_same)
    np.testing.assert_array_equal(similarities, before[0])
    np.testing.assert_array_equal(is_same, before[1])
