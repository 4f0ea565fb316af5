"""Comparisons against hand-made runs, exact binomials and the theory of the mean."""

import dataclasses
import math

import numpy as np
import pytest

from maskarc.evaluation import comparison, conditions, verification
from tests.evaluation.scores import noisy_scores, scored_pairs


def two_runs(wrong, *, count=2000, people=None):
    """A perfect run, and one that takes the genuine pairs `wrong` for impostors."""
    is_same = np.arange(count) % 2 == 0
    perfect = np.where(is_same, 0.9, 0.1)
    worse = np.where(wrong & is_same, 0.0, perfect)
    return [scored_pairs(s, is_same, people=people) for s in (perfect, worse)]


def spread(count, every):
    """One genuine pair in `every`, of 2 · every pairs."""
    return np.arange(count) % (2 * every) == 0


@pytest.mark.parametrize(
    ("only_first", "only_second"), [(1, 9), (9, 1), (5, 5), (0, 12), (3, 4)]
)
def test_mcnemar_against_the_exact_binomial(only_first, only_second):
    first = np.array([True] * only_first + [False] * only_second + [True] * 50)
    second = np.array([False] * only_first + [True] * only_second + [True] * 50)
    found = comparison.mcnemar(first, second)
    split = only_first + only_second
    fewer = min(only_first, only_second)
    tail = sum(math.comb(split, k) for k in range(fewer + 1)) / 2**split
    assert found["p_value"] == pytest.approx(min(1.0, 2 * tail), rel=1e-12)
    assert (found["only_first_right"], found["only_second_right"]) == (
        only_first,
        only_second,
    )
    assert (found["both_right"], found["both_wrong"]) == (50, 0)


def test_mcnemar_of_runs_that_never_differ():
    right = np.array([True, False])
    assert comparison.mcnemar(right, right)["p_value"] == 1.0


def test_each_run_is_held_to_its_own_thresholds():
    """The second run's similarities are the first's, all shifted: nothing changes."""
    similarities, is_same = noisy_scores(600)
    first = scored_pairs(similarities, is_same)
    told = comparison.compare(
        first, scored_pairs(similarities - 0.5, is_same), draws=50
    )["conditions"]["bare-bare"]
    assert told["mcnemar"]["p_value"] == 1.0
    assert told["difference"]["auc"]["estimate"] == 0
    decided = verification.decide(first.similarity, first.is_same, first.fold)
    wrong = int((decided != first.is_same).sum())
    assert told["mcnemar"]["both_wrong"] == wrong > 0


def test_a_run_against_itself_has_no_difference():
    one = scored_pairs(*noisy_scores(400))
    told = comparison.compare(one, one, draws=50)["conditions"]["bare-bare"]
    for value in told["difference"].values():
        assert value == {"estimate": 0.0, "low": None, "high": None}


def test_the_interval_is_as_wide_as_theory_says():
    """40 errors among 2,000 independent pairs: standard error √40 / 2000."""
    first, second = two_runs(spread(2000, 25))
    told = comparison.compare(first, second, draws=1000)["conditions"]["bare-bare"]
    value = told["difference"]["accuracy"]
    assert value["estimate"] == pytest.approx(-0.02)
    width = value["high"] - value["low"]
    assert width == pytest.approx(2 * 1.96 * math.sqrt(40) / 2000, rel=0.15)
    assert told["mcnemar"]["only_first_right"] == 40
    assert told["mcnemar"]["p_value"] == pytest.approx(2 / 2**40)


def test_errors_of_one_person_are_one_error():
    """McNemar's test takes them for forty; the draws often miss the person."""
    wrong = spread(2000, 25)
    people = np.arange(4000).reshape(2000, 2)
    people[::2, 1] = people[::2, 0]
    people[wrong] = people[0, 0]
    first, second = two_runs(wrong, people=people)
    told = comparison.compare(first, second, draws=400)["conditions"]["bare-bare"]
    assert told["mcnemar"]["p_value"] < 1e-9
    assert told["difference"]["accuracy"]["high"] == 0


def test_the_order_of_the_lists_does_not_matter():
    similarities, is_same = noisy_scores(300)
    fold = np.arange(300) % 5
    first = scored_pairs(similarities, is_same, fold=fold)
    other, _ = noisy_scores(300, seed=1)
    second = scored_pairs(np.where(is_same, 0.3, 0) + other, is_same, fold=fold)
    shuffled = np.random.default_rng(0).permutation(300)
    expected = comparison.compare(first, second, draws=40)
    # As another list would number its pairs and people.
    moved = dataclasses.replace(
        second.rows(shuffled),
        pair=np.arange(300),
        people=second.people[shuffled] + 1000,
    )
    assert comparison.compare(first, moved, draws=40) == expected


def test_other_pairs_are_refused_or_the_common_ones_compared():
    first = scored_pairs(*noisy_scores(300))
    second = first.rows(np.arange(40, 300))
    with pytest.raises(comparison.DifferentPairsError, match=r"260 are in both, 40 on"):
        comparison.compare(first, second, draws=10)
    told = comparison.compare(first, second, common=True, draws=10)
    assert told["conditions"]["bare-bare"]["pairs"] == 260
    assert told["conditions"]["bare-bare"]["left_out"] == 40
    none = first.rows(np.arange(40))
    with pytest.raises(comparison.DifferentPairsError, match="no pair in common"):
        comparison.compare(none, second, common=True, draws=10)


def test_a_repeated_pair_is_matched_with_its_repetition():
    similarities, is_same = noisy_scores(100)
    first = scored_pairs(similarities, is_same)
    twice = first.rows(np.append(np.arange(100), [3, 3]))
    one, other = comparison.matched(twice, twice)
    assert len(one) == len(other) == 102
    with pytest.raises(comparison.DifferentPairsError, match="2 only in the second"):
        comparison.matched(first, twice)


def test_contradicting_labels_and_folds_are_refused():
    first = scored_pairs(*noisy_scores(60), fold=np.arange(60) % 3)
    flipped = dataclasses.replace(first, is_same=~first.is_same)
    for common in (False, True):
        with pytest.raises(comparison.DifferentPairsError, match="contradict"):
            comparison.compare(first, flipped, common=common)
    folded = dataclasses.replace(first, fold=np.arange(60) % 4)
    with pytest.raises(comparison.DifferentPairsError, match="other folds"):
        comparison.compare(first, folded)
    assert (comparison.matched(first, folded, common=True)[1].fold < 3).all()


def test_only_shared_conditions_are_compared():
    similarities, is_same = noisy_scores(80)
    bare, masked, real = (
        scored_pairs(similarities, is_same, condition=name)
        for name in ("bare-bare", "bare-masked", "bare-real")
    )
    first = conditions._joined([bare, masked], {})
    told = comparison.compare(first, conditions._joined([bare, real], {}), draws=10)
    assert list(told["conditions"]) == ["bare-bare"]
    assert (told["only_first"], told["only_second"]) == (["bare-masked"], ["bare-real"])
    with pytest.raises(comparison.DifferentPairsError, match="no condition in common"):
        comparison.compare(masked, real)
    genuine = bare.rows(bare.is_same)
    told = comparison.compare(genuine, genuine)["conditions"]["bare-bare"]
    assert "expected genuine and impostor pairs" in told["reason"]
