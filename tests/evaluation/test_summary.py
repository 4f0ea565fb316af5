"""The tables of a run against the parts that they are made of."""

import json

import numpy as np
import pytest

from maskarc.evaluation import conditions, summary, verification
from tests.evaluation.scores import noisy_scores, scored_pairs


def run(count=400, loss=0.15):
    """The same pairs bare and masked, where masks take similarity from genuine ones."""
    similarities, is_same = noisy_scores(count)
    masked = similarities - np.where(is_same, loss, 0).astype(np.float32)
    parts = []
    for condition, scores in (("bare-bare", similarities), ("bare-masked", masked)):
        part = scored_pairs(scores, is_same, condition=condition)
        part.labels["kind"] = np.where(np.arange(count) % 3 == 0, "cloth", "n95")
        part.labels["wear"] = np.full(count, "correct")
        part.labels["yaw"] = np.full(count, "0–15°")
        parts.append(part)
    return conditions._joined(parts, {})


@pytest.fixture(scope="module")
def tables():
    return summary.summarise(run(), draws=200)


def test_is_json_and_repeats_itself(tables):
    assert json.loads(json.dumps(tables, allow_nan=False)) == tables
    assert summary.summarise(run(), draws=200) == tables


def test_conditions_are_scored_as_by_themselves(tables):
    rows = run().where(condition="bare-masked")
    alone = verification.evaluate(rows.similarity, rows.is_same, rows.fold)
    found = tables["conditions"]["bare-masked"]
    assert found["accuracy"] == alone.accuracy
    assert found["tar_at_far"]["0.01"] == alone.tar_at_far["0.01"]
    assert found["tar_at_far"]["0.001"] is None
    refused = found["operating_points"][2]
    assert (refused["far"], refused["impostors_needed"]) == (1e-3, 1000)
    # What is refused has no interval.
    assert set(found["intervals"]) == {"accuracy", "auc", "eer", "tar@0.1", "tar@0.01"}
    for value in found["intervals"].values():
        assert value["low"] <= value["estimate"] <= value["high"]


def test_the_drop_is_that_of_the_same_pairs(tables):
    drop = tables["drop"]["bare-masked"]
    assert drop["same_pairs"]
    assert set(tables["drop"]) == {"bare-masked"}
    bare, masked = (tables["conditions"][c] for c in ("bare-bare", "bare-masked"))
    assert drop["auc"]["estimate"] == pytest.approx(bare["auc"] - masked["auc"])
    assert 0 < drop["auc"]["low"] < drop["auc"]["high"]
    # Paired, the drop is known better than either.
    width = drop["auc"]["high"] - drop["auc"]["low"]
    alone = masked["intervals"]["auc"]
    assert width < 0.7 * (alone["high"] - alone["low"])


def test_no_drop_where_there_is_none():
    drop = summary.summarise(run(loss=0.0), draws=50)["drop"]["bare-masked"]
    for statistic in ("auc", "eer", "accuracy"):
        assert drop[statistic] == {"estimate": 0.0, "low": None, "high": None}


def test_groups_count_and_compare(tables):
    kinds = tables["groups"]["bare-masked"]["kind"]
    rows = run().where(condition="bare-masked", kind="cloth")
    assert kinds["cloth"]["pairs"] == len(rows) == 134
    threshold = tables["conditions"]["bare-masked"]["threshold"]
    frr = (rows.similarity[rows.is_same] < threshold).mean()
    assert kinds["cloth"]["at_threshold"]["frr"] == pytest.approx(frr)
    bare = tables["conditions"]["bare-bare"]["threshold"]
    frr = (rows.similarity[rows.is_same] < bare).mean()
    assert kinds["cloth"]["at_base_threshold"]["frr"] == pytest.approx(frr)
    assert kinds["cloth"]["auc_drop"]["low"] > 0
    assert "auc_drop" not in tables["groups"]["bare-bare"]["kind"]["cloth"]


def test_a_condition_of_one_kind_says_why():
    scores = run(40)
    one_sided = ~((scores.labels["condition"] == "bare-masked") & scores.is_same)
    found = summary.summarise(scores.rows(one_sided), draws=20)
    assert "got 0 genuine" in found["conditions"]["bare-masked"]["reason"]
    assert found["drop"] == {}
    with pytest.raises(ValueError, match="no condition can be scored"):
        summary.summarise(scores.rows(scores.is_same), draws=20)
