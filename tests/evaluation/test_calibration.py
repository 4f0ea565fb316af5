"""Thresholds carried from one condition to another, by hand and by search."""

import numpy as np
import pytest

from maskarc.evaluation import calibration, verification
from tests.evaluation.scores import noisy_scores

SAME = np.array([True, True, False, False])
BARE = (np.array([0.9, 0.8, 0.1, 0.0]), SAME)
MASKED = (np.array([0.5, 0.3, 0.2, 0.1]), SAME)


def test_cross_thresholds_by_hand():
    table = calibration.cross_thresholds({"bare": BARE, "masked": MASKED})
    # Between 0.8 and 0.1, and between 0.3 and 0.2.
    assert table["bare"]["masked"]["threshold"] == pytest.approx(0.45)
    assert table["bare"]["masked"] == {
        "threshold": pytest.approx(0.45),
        "far": 0.0,
        "frr": 0.5,
        "accuracy": 0.75,
        "cost": 0.25,
    }
    assert table["masked"]["bare"]["cost"] == 0
    assert table["bare"]["bare"]["accuracy"] == 1
    assert set(table) == {"bare", "masked", calibration.POOLED}


def test_the_own_threshold_costs_nothing_and_no_other_gains():
    conditions = {
        name: noisy_scores(300, seed=seed, shift=shift)
        for seed, (name, shift) in enumerate([("a", 0.5), ("b", 0.3), ("c", 0.1)])
    }
    table = calibration.cross_thresholds(conditions)
    for name in conditions:
        assert table[name][name]["cost"] == 0
        assert all(table[other][name]["cost"] >= 0 for other in table)
    similarities, is_same = conditions["b"]
    at = (similarities >= table["a"]["b"]["threshold"]) == is_same
    assert table["a"]["b"]["accuracy"] == at.mean()


def test_a_rate_chosen_on_one_condition_is_another_one_elsewhere():
    strict = noisy_scores(2000, shift=0.4)
    lenient = strict[0] + 0.1, strict[1]
    table = calibration.cross_thresholds({"a": strict, "b": lenient}, rule="far=0.01")
    assert table["a"]["a"]["far"] <= 0.01 < table["a"]["b"]["far"]


def test_a_refused_rate_chooses_nothing():
    table = calibration.cross_thresholds({"bare": BARE}, rule="far=0.01")
    assert table == {}
    thresholds = calibration.threshold_table({"bare": BARE}, fars=(0.5, 0.01))
    assert thresholds["bare"]["far=0.01"] is None
    assert thresholds["bare"]["far=0.5"]["frr"] == 0


def test_the_eer_threshold_balances_the_errors():
    similarities, is_same = noisy_scores(1000)
    row = calibration.threshold_table({"x": (similarities, is_same)})["x"]["eer"]
    assert row["far"] == pytest.approx(row["frr"], abs=0.005)
    assert row["far"] == pytest.approx(
        verification.eer(similarities, is_same), abs=0.01
    )


@pytest.mark.parametrize("rule", ["best", "far", "far=", "far=2", "far=x"])
def test_unknown_rules(rule):
    with pytest.raises(ValueError, match="'accuracy', 'eer' or 'far='"):
        calibration.cross_thresholds({"bare": BARE}, rule=rule)
