"""Sets of pairs that are no single list: CFP's folder, and all pairs of a folder."""

import itertools
import os
import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from maskarc import files, images
from maskarc.data import pairs as pair_lists

CFP = ("FF", "FP")
# More pairs than this have to be sampled.
MOST_PAIRS = 1_000_000
_FOLDS = 10


def find_pairs(
    text: str, root: str | os.PathLike[str], *, seed: int = 0
) -> pair_lists.Pairs:
    """The pairs that a command names.

    Args:
      text: a list of pairs (`pairs.read_pairs`); "cfp_ff" or "cfp_fp", CFP's protocols
        in the folder of its release; "all" or "all:20000", all pairs of the photos
        below root or that many of them.
      root: folder of the photos.
      seed: of the sample.

    Raises:
      FileNotFoundError, ValueError: as the readers raise them.
    """
    if match := re.fullmatch(r"cfp_(ff|fp)", text.lower()):
        return read_cfp(root, match[1].upper())
    if match := re.fullmatch(r"all(?::(\d+))?", text):
        names = images.list_images(root)
        return all_pairs(names, most=int(match[1] or MOST_PAIRS), seed=seed)
    return pair_lists.read_pairs(text, root)


def read_cfp(root: str | os.PathLike[str], protocol: str) -> pair_lists.Pairs:
    """Reads CFP's pairs, frontal–frontal or frontal–profile.

    Args:
      root: folder of the release, with Data/Images/001/frontal/01.jpg and
        Protocol/Pair_list_F.txt, Pair_list_P.txt and Split/FP/01/same.txt, diff.txt.
      protocol: "FF" or "FP".

    Returns:
      The `Pairs`, named below root; each split is a fold, its genuine pairs first.

    Raises:
      FileNotFoundError: a list or a photo is missing.
      ValueError: another protocol, or a list that does not keep to its format.

    References:
      Sengupta et al., "Frontal to profile face verification in the wild", WACV 2016.
    """
    if protocol not in CFP:
        raise ValueError(f"unknown protocol {protocol!r}; expected one of {CFP}")
    root = pathlib.Path(root)
    lists = {kind: _photo_list(root, kind) for kind in "FP"}
    splits = root / "Protocol" / "Split" / protocol
    folders = sorted(p for p in splits.glob("*") if p.is_dir())
    if not folders:
        raise FileNotFoundError(f"no splits such as 01 below {splits}")
    rows = []
    for fold, folder in enumerate(folders):
        for name, is_same in (("same.txt", True), ("diff.txt", False)):
            for first, second, where in _numbers(folder / name):
                try:
                    photos = lists["F"][first], lists[protocol[1]][second]
                except KeyError as error:
                    raise ValueError(f"{where}: no photo has number {error}") from error
                rows.append((*photos, is_same, fold))
    missing = sorted({n for row in rows for n in row[:2] if not (root / n).is_file()})
    if missing:
        raise FileNotFoundError(
            f"{splits} names {len(missing)} photos that are not below {root}: "
            f"{', '.join(missing[:5])}"
        )
    return _pairs(rows)


def _photo_list(root: pathlib.Path, kind: str) -> dict[int, str]:
    """Number → name below root, of lines such as "1 ../Data/Images/001/….jpg"."""
    path = root / "Protocol" / f"Pair_list_{kind}.txt"
    photos = {}
    for where, line in _lines(path):
        number, _, name = line.partition(" ")
        parts = pathlib.PurePosixPath(name.strip()).parts
        # As seen from Protocol; nothing leads out of the release.
        parts = parts[1:] if parts[:1] == ("..",) else parts
        if not number.isdecimal() or not parts or ".." in parts or parts[0] == "/":
            raise ValueError(
                f"{where}: expected a number and a photo such as "
                f"../Data/Images/001/frontal/01.jpg, got {line!r}"
            )
        photos[int(number)] = "/".join(parts)
    return photos


def _numbers(path: pathlib.Path) -> Iterator[tuple[int, int, str]]:
    for where, line in _lines(path):
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != 2 or not all(field.isdecimal() for field in fields):
            raise ValueError(f"{where}: expected two numbers, 'i,j', got {line!r}")
        yield int(fields[0]), int(fields[1]), where


def _lines(path: pathlib.Path) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        raise FileNotFoundError(f"no list at {path}; expected CFP's release")
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"{path}:{number}", line.strip()


def read_mask_labels(
    path: str | os.PathLike[str], root: str | os.PathLike[str]
) -> dict[str, str]:
    """Which mask each photo of a set shows, as MFR2's mfr2_labels.txt lists them.

    Args:
      path: the list, of lines "Person, 1, surgical_blue"; "no-mask" stands for none.
      root: folder of the photos, Person/Person_0001.png.

    Returns:
      Name of the photo below root → kind of its mask, "" for none. Labels of photos
      that are not there are left out: lists are longer than the halves of a set.

    Raises:
      FileNotFoundError: no list or no folder.
      ValueError: a line of another form, or no photo of the list is there.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no list of masks at {path}")
    stems = {name.rpartition(".")[0]: name for name in images.list_images(root)}
    labels = {}
    for where, line in _lines(path):
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != 3 or not fields[1].isdecimal():
            raise ValueError(
                f"{where}: expected 'Person, 1, mask type' or 'no-mask', got {line!r}"
            )
        person, number, kind = fields
        name = stems.get(f"{person}/{person}_{int(number):04d}")
        if name is not None:
            labels[name] = "" if kind == "no-mask" else kind
    if not labels:
        raise ValueError(f"{path}: none of its photos is below {root}")
    return labels


def all_pairs(
    names: Sequence[str], *, most: int = MOST_PAIRS, seed: int = 0
) -> pair_lists.Pairs:
    """Every pair of photos of a labelled folder, or a sample of them.

    All genuine pairs are kept if they are at most half of `most`, else as many are
    drawn; impostor pairs fill up the rest. Folds keep people apart: a person is in one
    of ten folds, and so is every pair: impostor pairs are of people of one fold.

    Args:
      names: photos, whose folder or name tells the person (`pairs.person_of`).
      most: pairs at most.
      seed: of the sample and the folds.

    Raises:
      ValueError: fewer than two people, or nobody with two photos.

    Example:
      >>> found = all_pairs(["a/1.jpg", "a/2.jpg", "b/1.jpg"])
      >>> len(found), int(found.is_same.sum())
      (3, 1)
    """
    files.check_many(names, "photos")
    people: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        people.setdefault(pair_lists.person_of(name), []).append(index)
    if len(people) < 2 or all(len(photos) < 2 for photos in people.values()):
        raise ValueError(
            f"expected two people and one with two photos, got {len(names)} photos of "
            f"{len(people)} people"
        )
    rng = np.random.default_rng(seed)
    # Ten folds of people, where each has enough of them to make pairs of both kinds.
    folds = _FOLDS if len(people) >= 10 * _FOLDS else 1
    fold_of = dict(zip(people, rng.permutation(len(people)) % folds, strict=True))
    genuine = [
        (i, j)
        for photos in people.values()
        for i, j in itertools.combinations(photos, 2)
    ]
    if len(genuine) > most // 2:
        kept = np.sort(rng.choice(len(genuine), max(most // 2, 1), replace=False))
        genuine = [genuine[k] for k in kept]
    person = np.empty(len(names), np.int64)
    for number, photos in enumerate(people.values()):
        person[photos] = number
    fold = np.array([fold_of[pair_lists.person_of(name)] for name in names])
    impostors = _impostors(person, fold, most - len(genuine), rng)
    rows = [
        (names[i], names[j], is_same, int(fold[i]))
        for is_same, found in ((True, genuine), (False, impostors))
        for i, j in found
    ]
    return _pairs(rows)


def _impostors(
    person: np.ndarray, fold: np.ndarray, most: int, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Pairs of photos of two people of one fold, each once; in order, or drawn."""
    partners = np.bincount(fold)[fold] - np.bincount(person)[person]
    if partners.sum() // 2 <= 4 * most:  # each pair is counted from both ends
        found = np.array(
            [
                (i, j)
                for i in range(len(person))
                for j in i + 1 + np.flatnonzero(_are_impostors(i, person, fold))
            ],
            np.int64,
        ).reshape(-1, 2)
    else:
        codes = np.empty(0, np.int64)
        while len(codes) < most:
            ends = np.sort(rng.integers(len(person), size=(8 * most, 2)), axis=1)
            one, two = ends.T
            fits = (fold[one] == fold[two]) & (person[one] != person[two])
            codes = np.union1d(codes, one[fits] * len(person) + two[fits])
        found = np.stack(np.divmod(codes, len(person)), axis=1)
    if len(found) > most:
        found = found[np.sort(rng.choice(len(found), most, replace=False))]
    return [(i, j) for i, j in found.tolist()]


def _are_impostors(i: int, person: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Which of the photos after i show another person of its fold."""
    return (fold[i + 1 :] == fold[i]) & (person[i + 1 :] != person[i])


def _pairs(rows: Sequence[tuple[str, str, bool, int]]) -> pair_lists.Pairs:
    first, second, is_same, fold = zip(*rows, strict=True)
    return pair_lists.Pairs(
        first=first,
        second=second,
        is_same=np.array(is_same, bool),
        fold=np.array(fold, np.int64),
    )
