"""Pair lists: which two photos to compare, and whether they show the same person."""

import csv
import dataclasses
import io
import os
import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from maskarc import files, images

# Tried in this order for lists that name photos without a suffix.
_SUFFIXES = (".jpg", *sorted(images.SUFFIXES - {".jpg"}))

# Names of photos in folders that hold all people.
_AGEDB = re.compile(r"\d+_(?P<person>.+)_\d+_[mf]")
_NUMBERED = re.compile(r"(?P<person>.+)_\d+")
_FLAT_FOLDERS = ("aligned images", "images", "AgeDB")

_FOLDS = 10  # of lists that leave them to counting

_TRUTH = {"1": True, "true": True, "0": False, "false": False}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Pairs of photos to compare.

    Attributes:
      first: name of each pair's photo at index 0, '/'-separated below the root.
      second: name of each pair's photo at index 1, the one that may wear a mask.
      is_same: bool[N], True for a genuine pair, False for an impostor pair.
      fold: int64[N], the cross-validation fold; all 0 where the list has none.
      people: int64[N, 2], numbers of the persons on the two photos, where their names
        do not tell; see `persons`.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    is_same: np.ndarray
    fold: np.ndarray
    people: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.first)

    def persons(self) -> np.ndarray:
        """Who is on the two photos: int64[N, 2], one number a person."""
        if self.people is not None:
            return self.people
        numbers: dict[str, int] = {}
        return np.array(
            [
                [numbers.setdefault(person_of(name), len(numbers)) for name in pair]
                for pair in zip(self.first, self.second, strict=True)
            ],
            np.int64,
        ).reshape(-1, 2)

    def describe(self) -> str:
        """One line for a log: pairs, photos, folds, and pairs that occur again."""
        unordered = {
            frozenset(pair) for pair in zip(self.first, self.second, strict=True)
        }
        genuine = int(self.is_same.sum())
        return (
            f"{len(self)} pairs ({genuine} genuine, {len(self) - genuine} impostor) "
            f"of {len({*self.first, *self.second})} photos, "
            f"folds: {len(np.unique(self.fold))}, "
            f"repeated pairs: {len(self) - len(unordered)}"
        )


def person_of(name: str) -> str:
    """The person that a photo's name tells of.

    The folder, or the one above it for CFP's `frontal` and `profile`. Photos without a
    folder, as in AgeDB, CALFW and CPLFW, are named after the person.

    >>> [person_of(n) for n in ("Ann/Ann_0001.jpg", "Images/007/profile/01.jpg")]
    ['Ann', 'Images/007']
    >>> [person_of(n) for n in ("Ann_Lee_0001.jpg", "12_AnnLee_43_f.jpg", "x.jpg")]
    ['Ann_Lee', 'AnnLee', 'x']
    """
    path = pathlib.PurePosixPath(name)
    folder = path.parent
    if folder.name in ("frontal", "profile"):
        return folder.parent.as_posix()
    match = _AGEDB.fullmatch(path.stem) or _NUMBERED.fullmatch(path.stem)
    if len(folder.parts) == 0 or folder.name in _FLAT_FOLDERS:
        return match["person"] if match else path.stem
    return folder.as_posix()


def write_pairs(path: str | os.PathLike[str], pairs: Pairs) -> None:
    """Writes pairs as CSV with a fold column, for `read_pairs`."""
    rows = zip(
        pairs.first,
        pairs.second,
        pairs.is_same.astype(int).tolist(),
        pairs.fold.tolist(),
        strict=True,
    )
    files.write_csv(path, [["first", "second", "is_same", "fold"], *rows])


class _Pair(NamedTuple):
    first: str
    second: str
    is_same: bool
    fold: int


class _Line(NamedTuple):
    text: str
    where: str  # "FILE:LINE", for error messages


def read_pairs(
    path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> Pairs:
    """Reads a list of pairs, in one of six formats told apart by the first line.

    - LFW View 2: ``10 300`` (folds, pairs of a kind), then for each fold the genuine
      pairs ``Name i j`` followed by the impostor pairs ``Name i Other j``.
    - LFW View 1: ``1100``, that many genuine and as many impostor pairs, no folds.
    - MFR2: both kinds of line in any order, without a count and without folds.
    - CALFW and CPLFW: two lines a pair, ``photo.jpg label``; 0 stands for impostors,
      1 or a fold's number for genuine pairs.
      The genuine pairs come first, and ten folds take both kinds in the list's order.
    - AgeDB-30 and others as text: ``photo.jpg photo.jpg label``, 1 or else 0 or -1, in
      ten folds of equal size.
    - CSV: the header ``first,second,is_same`` or ``first,second,is_same,fold``, then
      photos by their path below the root, is_same as 1/0 or true/false. Names that
      are not UTF-8 are escaped (`maskarc.files`).

    Photo i of Name is ``Name/Name_000i`` with the suffix that it has below the root.
    Blank lines are skipped; a pair may occur more than once.

    Args:
      path: the list.
      root: the folder of the photos. Without it the photos are not looked for, and
        those named without a suffix are taken to be .jpg.

    Returns:
      The `Pairs`, in the order of the list.

    Raises:
      FileNotFoundError: no such list or root, or photos missing below the root.
      ValueError: the list does not keep to its format; says where.

    References:
      Huang et al., "Labeled Faces in the Wild", UMass technical report 07-49, 2007.
    """
    path = pathlib.Path(path)
    text = _read_text(path)
    lines = _lines(text, path)
    header = lines[0].text.split()
    suffixes: Sequence[str] = _SUFFIXES
    if "," in lines[0].text or path.suffix.lower() == ".csv":
        try:
            rows, suffixes = _parse_csv(text, path), [""]
        except csv.Error as error:
            raise ValueError(f"{path}: not CSV: {error}") from error
    elif images.is_image(header[0]):
        rows, suffixes = _parse_files(lines), [""]
    elif len(header) <= 2 and all(field.isdecimal() for field in header):
        rows = _parse_counted(lines)
    else:
        rows = [_parse_names(line) for line in lines]
    names = _find_photos(rows, suffixes, root, path)
    return Pairs(
        first=tuple(names[row.first] for row in rows),
        second=tuple(names[row.second] for row in rows),
        is_same=np.array([row.is_same for row in rows], bool),
        fold=np.array([row.fold for row in rows], np.int64),
    )


def _read_text(path: pathlib.Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"no list of pairs at {path}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected a list of pairs in UTF-8") from error


def _lines(text: str, path: pathlib.Path) -> list[_Line]:
    lines = [
        _Line(line.strip(), f"{path}:{number}")
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]
    if not lines:
        raise ValueError(f"{path}: the list of pairs is empty")
    return lines


def _parse_names(line: _Line, fold: int = 0) -> _Pair:
    """``Name i j`` or ``Name i Other j``."""
    match line.text.split():
        case [name, i, j]:
            other, is_same = name, True
        case [name, i, other, j]:
            is_same = False
        case fields:
            raise ValueError(
                f"{line.where}: expected 'Name i j' (genuine) or 'Name i Other j' "
                f"(impostor), got {len(fields)} fields: {line.text!r}"
            )
    if name == other and not is_same:
        raise ValueError(
            f"{line.where}: an impostor pair needs two people, got {name!r} twice"
        )
    return _Pair(_stem(name, i, line), _stem(other, j, line), is_same, fold)


def _stem(name: str, index: str, line: _Line) -> str:
    if not index.isdecimal():
        raise ValueError(
            f"{line.where}: expected the number of a photo, got {index!r}: "
            f"{line.text!r}"
        )
    return _below_root(f"{name}/{name}_{int(index):04d}", line)


def _below_root(name: str, line: _Line) -> str:
    path = pathlib.PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(
            f"{line.where}: expected the name of a photo below the root, got {name!r}"
        )
    return path.as_posix()


def _parse_counted(lines: list[_Line]) -> list[_Pair]:
    """The formats of LFW, which begin with their counts."""
    header, lines = lines[0], lines[1:]
    *folds, size = (int(field) for field in header.text.split())
    expected = 2 * size * (folds[0] if folds else 1)
    if len(lines) != expected or not lines:
        raise ValueError(
            f"{header.where}: the count line {header.text!r} stands for {expected} "
            f"pairs (genuine and impostor), the list holds {len(lines)}"
        )
    rows = []
    for position, line in enumerate(lines):
        fold, within = divmod(position, 2 * size)
        row = _parse_names(line, fold)
        if row.is_same != (within < size):
            kind = "genuine" if within < size else "impostor"
            raise ValueError(
                f"{line.where}: expected pair {within % size + 1} of {size} {kind} "
                f"pairs here, got {line.text!r}; check the count line"
            )
        rows.append(row)
    return rows


def _parse_files(lines: list[_Line]) -> list[_Pair]:
    """The formats that name files, without a header."""
    fields = [line.text.split() for line in lines]
    width = len(fields[0])
    wrong = next((i for i, f in enumerate(fields) if len(f) != width), None)
    if width not in (2, 3) or wrong is not None or (width == 2 and len(lines) % 2):
        line = lines[wrong or 0]
        raise ValueError(
            f"{line.where}: expected 'photo photo label' on each line, or 'photo "
            f"label' on an even number of lines, got {line.text!r} among {len(lines)}"
        )
    if width == 2:
        # Of a pair's two labels CALFW and CPLFW repeat the first.
        for a, b, line in zip(fields[::2], fields[1::2], lines[1::2], strict=True):
            if a[1] != b[1]:
                raise ValueError(f"{line.where}: expected the label {a[1]}: {b[1]!r}")
        fields = [[a[0], *b] for a, b in zip(fields[::2], fields[1::2], strict=True)]
        lines = lines[::2]
    rows = []
    for (first, second, label), line in zip(fields, lines, strict=True):
        if label not in ("1", "0", "-1") and not (width == 2 and label.isdecimal()):
            raise ValueError(
                f"{line.where}: expected 1 (same person) or else 0 or -1 as label: "
                f"{label!r}"
            )
        names = _below_root(first, line), _below_root(second, line)
        rows.append(_Pair(*names, int(label) > 0, 0))
    numbers = _counted_folds([row.is_same for row in rows], by_kind=width == 2)
    return [row._replace(fold=n) for row, n in zip(rows, numbers, strict=True)]


def _counted_folds(is_same: list[bool], *, by_kind: bool) -> list[int]:
    """Ten folds in the list's order, of all pairs or of each kind."""
    seen, totals = {True: 0, False: 0}, {k: is_same.count(k) for k in (True, False)}
    folds = []
    for index, kind in enumerate(is_same):
        done, total = (seen[kind], totals[kind]) if by_kind else (index, len(is_same))
        folds.append(done * _FOLDS // total)
        seen[kind] += 1
    return folds


def _parse_csv(text: str, path: pathlib.Path) -> list[_Pair]:
    reader = csv.reader(io.StringIO(text, newline=""))
    (header, begin), *records = (
        (record, _Line(",".join(record), f"{path}:{reader.line_num}"))
        for record in reader
        if any(field.strip() for field in record)
    )
    columns = ["first", "second", "is_same", "fold"]
    if header not in (columns, columns[:3]):
        raise ValueError(
            f"{begin.where}: expected the header 'first,second,is_same' or "
            f"'first,second,is_same,fold', got {begin.text!r}"
        )
    if not records:
        raise ValueError(f"{begin.where}: no pair follows the header")
    rows = []
    for record, line in records:
        if len(record) != len(header):
            raise ValueError(
                f"{line.where}: expected {len(header)} fields, got {len(record)}: "
                f"{line.text!r}"
            )
        first, second, is_same, fold = (v.strip() for v in (*record, "0")[:4])
        if is_same.lower() not in _TRUTH or not fold.isdecimal():
            raise ValueError(
                f"{line.where}: expected is_same as 1, 0, true or false and fold as "
                f"a number, got {line.text!r}"
            )
        names = (
            _below_root(files.unescaped(first), line),
            _below_root(files.unescaped(second), line),
        )
        rows.append(_Pair(*names, _TRUTH[is_same.lower()], int(fold)))
    return rows


def _find_photos(
    rows: list[_Pair],
    suffixes: Sequence[str],
    root: str | os.PathLike[str] | None,
    path: pathlib.Path,
) -> dict[str, str]:
    """The name with suffix of every photo that the rows name."""
    stems = dict.fromkeys(stem for row in rows for stem in row[:2])
    if root is None:
        return {stem: stem + suffixes[0] for stem in stems}
    root = pathlib.Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder of photos at {root}")
    names, missing = {}, []
    for stem in stems:
        for suffix in suffixes:
            if (root / (stem + suffix)).is_file():
                names[stem] = stem + suffix
                break
        else:
            missing.append(stem)
    if missing:
        raise FileNotFoundError(
            f"{path} names {len(missing)} photos (of {len(stems)}) that are not below "
            f"{root}: {', '.join(missing[:5])}{', …' if len(missing) > 5 else ''}"
        )
    return names
