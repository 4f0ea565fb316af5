"""What is wrong with a list of pairs: reported, never repaired in silence."""

import collections
import dataclasses
from typing import Any

import numpy as np

from maskarc.data import pairs as pair_lists
from maskarc.evaluation import scored

_EXAMPLES = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One kind of fault.

    Attributes:
      count: how often.
      examples: the first few, for people to read.
    """

    count: int
    examples: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audit:
    """What `audit_pairs` finds.

    Attributes:
      people: persons on the photos.
      folds: folds that hold pairs.
      findings: fault → how often; only those that occur. "people_in_several_folds":
        the threshold is chosen on people that it is scored on; "repeated_pairs": more
        often than once, whichever way round; "same_photo_twice": a photo compared with
        itself; "contradictions": the same two photos as genuine and as impostor;
        "one_person_as_impostors", "two_people_as_genuine": labels against the names;
        "empty_folds": numbers left out between the lowest and the highest;
        "one_sided_folds": without genuine or without impostor pairs; "uneven_folds":
        of another size than the others.
    """

    people: int
    folds: int
    findings: dict[str, Finding]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """One line a fault, for a log; empty for a list without any."""
        return [
            f"{name.replace('_', ' ')}: {found.count} "
            f"(such as {'; '.join(found.examples[:2])})"
            for name, found in self.findings.items()
        ]


def audit_pairs(pairs: pair_lists.Pairs) -> Audit:
    """Looks for what makes the score of a list doubtful.

    Example:
      >>> listed = pair_lists.Pairs(
      ...     first=("Ann/1.jpg", "Ann/2.jpg"), second=("Ann/2.jpg", "Ann/1.jpg"),
      ...     is_same=np.array([True, False]), fold=np.array([0, 0]),
      ... )
      >>> list(audit_pairs(listed).findings)
      ['repeated_pairs', 'contradictions', 'one_person_as_impostors']
    """
    persons = pairs.persons()
    shown = [f"{a} – {b}" for a, b in zip(pairs.first, pairs.second, strict=True)]
    by_photos = collections.defaultdict(list)
    for index, names in enumerate(zip(pairs.first, pairs.second, strict=True)):
        by_photos[frozenset(names)].append(index)
    again = [index for found in by_photos.values() for index in found[1:]]
    contradicted = [
        found[0]
        for found in by_photos.values()
        if len({bool(pairs.is_same[i]) for i in found}) == 2
    ]
    same_person = persons[:, 0] == persons[:, 1]
    itself = np.array([a == b for a, b in zip(pairs.first, pairs.second, strict=True)])
    faults = {
        "people_in_several_folds": _spread(pairs, persons),
        "repeated_pairs": [shown[i] for i in again],
        "same_photo_twice": [shown[i] for i in np.flatnonzero(itself)],
        "contradictions": [shown[i] for i in contradicted],
        "one_person_as_impostors": [
            shown[i] for i in np.flatnonzero(same_person & ~pairs.is_same & ~itself)
        ],
        "two_people_as_genuine": [
            shown[i] for i in np.flatnonzero(~same_person & pairs.is_same)
        ],
        **_folds(pairs),
    }
    return Audit(
        people=len(np.unique(persons)),
        folds=len(np.unique(pairs.fold)),
        findings={
            name: Finding(count=len(found), examples=tuple(found[:_EXAMPLES]))
            for name, found in faults.items()
            if len(found)
        },
    )


def audit_scored(scores: scored.ScoredPairs) -> Audit:
    """The same of the pairs that were scored, as far as they tell of their list."""
    _, rows = np.unique(scores.pair, return_index=True)
    known = scores.rows(rows)
    return audit_pairs(
        pair_lists.Pairs(
            first=tuple(known.first.tolist()),
            second=tuple(known.second.tolist()),
            is_same=known.is_same,
            fold=known.fold,
            people=known.people,
        )
    )


def _spread(pairs: pair_lists.Pairs, persons: np.ndarray) -> list[str]:
    """The people of whom there are pairs in more than one fold."""
    folds = np.repeat(pairs.fold, 2)
    seen = np.unique(np.stack([persons.ravel(), folds], axis=1), axis=0)
    numbers, counts = np.unique(seen[:, 0], return_counts=True)
    names = np.stack([np.array(pairs.first, str), np.array(pairs.second, str)], axis=1)
    first_photo = dict(zip(persons.ravel()[::-1], names.ravel()[::-1], strict=True))
    return [
        f"{pair_lists.person_of(str(first_photo[number]))} in folds "
        f"{', '.join(map(str, seen[seen[:, 0] == number, 1].tolist()))}"
        for number in numbers[counts > 1]
    ]


def _folds(pairs: pair_lists.Pairs) -> dict[str, list[str]]:
    numbers, sizes = np.unique(pairs.fold, return_counts=True)
    usual = np.bincount(sizes).argmax() if len(sizes) else 0
    kinds = [(int(n), len(np.unique(pairs.is_same[pairs.fold == n]))) for n in numbers]
    empty = set(range(int(numbers.min()), int(numbers.max()))) if len(numbers) else {0}
    return {
        "empty_folds": [str(n) for n in sorted(empty - set(numbers.tolist()))],
        "one_sided_folds": [str(n) for n, count in kinds if count < 2],
        "uneven_folds": [
            f"{n} with {size} pairs instead of {usual}"
            for n, size in zip(numbers, sizes, strict=True)
            if size != usual
        ],
    }
