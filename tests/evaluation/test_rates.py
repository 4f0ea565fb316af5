"""Rates and their refusal against counting by hand and scikit-learn."""

import numpy as np
import pytest

from maskarc.evaluation import rates, verification
from tests.evaluation.scores import noisy_scores


def test_refused_below_what_the_impostors_support():
    is_same = np.repeat([True, False], [10, 3000])
    similarities = np.concatenate([np.full(10, 0.9), np.linspace(-1, 0.5, 3000)])
    points = rates.operating_points(similarities, is_same, (1e-2, 1e-3, 1e-4))
    assert [p.tar for p in points] == [1.0, 1.0, None]
    assert [p.is_firm for p in points] == [True, False, False]
    assert points[2].impostors_needed == 10_000
    assert points[2].threshold is points[2].false_accepts is None
    assert "takes 10000 impostor pairs and there are 3000" in str(points[2])
    # Every genuine pair is accepted before any impostor, so none need be.
    assert [p.false_accepts for p in points[:2]] == [30, 3]


@pytest.mark.parametrize("digits", [None, 1])
def test_points_are_the_best_that_counting_finds(digits):
    similarities, is_same = noisy_scores(500, digits=digits)
    far = 0.05
    [point] = rates.operating_points(similarities, is_same, [far])
    best = 0.0
    for threshold in np.append(np.unique(similarities), 9):
        accepted = similarities >= threshold
        if accepted[~is_same].mean() <= far:
            best = max(best, accepted[is_same].mean())
    assert point.tar == pytest.approx(best)
    assert point.tar == verification.tar_at_far(similarities, is_same, far)
    accepted = similarities >= point.threshold
    assert accepted[is_same].mean() == pytest.approx(best)
    assert accepted[~is_same].sum() == point.false_accepts


def test_a_tie_over_the_limit_accepts_nobody():
    similarities = np.full(20, 0.5)
    [point] = rates.operating_points(similarities, np.arange(20) < 10, [0.1])
    assert (point.tar, point.false_accepts) == (0.0, 0)
    assert 0.5 < point.threshold < 0.51


def test_thresholds_between_neighbouring_float32_numbers():
    similarities = np.full(20, 0.5, np.float32)
    is_same = np.arange(20) < 10
    [point] = rates.operating_points(similarities, is_same, [0.1])
    assert rates.at_threshold(similarities, is_same, point.threshold)["far"] == 0


def test_at_threshold_by_hand():
    similarities = np.array([0.9, 0.4, 0.5, 0.1])
    is_same = np.array([True, True, False, False])
    at = rates.at_threshold(similarities, is_same, 0.5)
    assert at == {"far": 0.5, "frr": 0.5, "accuracy": 0.5}
    only = rates.at_threshold(similarities[:2], is_same[:2], 0.5)
    assert np.isnan(only["far"]) and only["frr"] == 0.5


def test_det_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    similarities, is_same = noisy_scores(400)
    far, frr, thresholds = rates.det(similarities, is_same)
    expected = metrics.det_curve(is_same, similarities)
    rows = np.isin(thresholds, expected[2])
    order = np.argsort(thresholds[rows])
    shared = np.isin(expected[2], thresholds)
    np.testing.assert_allclose(far[rows][order], expected[0][shared], atol=1e-12)
    np.testing.assert_allclose(frr[rows][order], expected[1][shared], atol=1e-12)


def test_normal_deviates_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    values = np.array([1e-6, 0.01, 0.5, 0.975])
    np.testing.assert_allclose(
        rates.normal_deviates(values), stats.norm.ppf(values), rtol=1e-12, atol=1e-12
    )


def test_a_thinned_curve_keeps_its_ends_and_its_shape():
    similarities, is_same = noisy_scores(20_000)
    far, tar, _ = verification.roc(similarities, is_same)
    x, y = rates.thinned(far, tar, most=200)
    assert len(x) <= 202
    assert (x[0], y[0], x[-1], y[-1]) == (far[0], tar[0], far[-1], tar[-1])
    at = np.geomspace(1e-3, 1, 50)
    np.testing.assert_allclose(np.interp(at, x, y), np.interp(at, far, tar), atol=0.02)


@pytest.mark.parametrize("far", [0, -1, 1.5, np.nan])
def test_impossible_rates(far):
    with pytest.raises(ValueError, match="false-accept rate in"):
        rates.operating_points(np.array([0.1, 0.2]), np.array([True, False]), [far])
