"""Faults put into a list of pairs are found; the published lists are sound."""

import numpy as np
import pytest

from maskarc.data import pairs as pair_lists
from maskarc.evaluation import audit


def listed(*rows):
    """Of (first, second, is_same, fold)."""
    first, second, is_same, fold = zip(*rows, strict=True)
    return pair_lists.Pairs(
        first=first, second=second, is_same=np.array(is_same), fold=np.array(fold)
    )


GOOD = (
    ("a/1", "a/2", True, 0),
    ("a/1", "b/1", False, 0),
    ("c/1", "c/2", True, 1),
    ("c/1", "d/1", False, 1),
)


def found(*rows):
    return {
        name: f.count for name, f in audit.audit_pairs(listed(*rows)).findings.items()
    }


def test_a_sound_list():
    result = audit.audit_pairs(listed(*GOOD))
    assert (result.people, result.folds, result.findings) == (4, 2, {})
    assert result.lines() == []


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (("a/2", "e/1", False, 1), "people_in_several_folds"),
        (("b/1", "a/1", False, 0), "repeated_pairs"),
        (("b/1", "b/1", True, 0), "same_photo_twice"),
        (("a/2", "a/1", False, 0), "contradictions"),
        (("b/1", "b/2", False, 0), "one_person_as_impostors"),
        (("a/1", "b/2", True, 0), "two_people_as_genuine"),
        (("x/1", "x/2", True, 4), "empty_folds"),
        (("x/1", "x/2", True, 2), "one_sided_folds"),
    ],
)
def test_each_fault_is_found(row, fault):
    assert fault not in found(*GOOD)
    assert found(*GOOD, row)[fault] >= 1


def test_what_is_said_of_people_in_two_folds():
    result = audit.audit_pairs(listed(*GOOD, ("a/2", "e/1", False, 1)))
    fault = result.findings["people_in_several_folds"]
    assert (fault.count, fault.examples) == (1, ("a in folds 0, 1",))


def test_given_people_count_and_not_the_names():
    """In .bin files every photo is named by itself."""
    rows = listed(("1", "2", True, 0), ("3", "4", False, 0))
    people = np.array([[0, 0], [1, 2]])
    given = pair_lists.Pairs(
        first=rows.first,
        second=rows.second,
        is_same=rows.is_same,
        fold=rows.fold,
        people=people,
    )
    assert audit.audit_pairs(given).findings == {}
    assert "two_people_as_genuine" in audit.audit_pairs(rows).findings


@pytest.mark.parametrize(
    ("name", "pairs", "folds"),
    [
        ("pairs.txt", 6000, 10),
        ("pairsDevTrain.txt", 2200, 1),
        ("pairsDevTest.txt", 1000, 1),
    ],
)
def test_the_published_lists_are_sound(faces, name, pairs, folds):
    rows = pair_lists.read_pairs(faces / "lfw" / name)
    result = audit.audit_pairs(rows)
    assert (len(rows), result.folds, result.findings) == (pairs, folds, {})
