"""The lists of template protocols: IJB-B, IJB-C and MegaFace, as they are published."""

import csv
import dataclasses
import json
import os
import pathlib
import struct
from collections.abc import Iterator, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IjbLists:
    """IJB-B's or IJB-C's lists. People and templates are numbered by the lists.

    Attributes:
      names: photos of loose_crop, in the order of the lists.
      points: float32[N, 5, 2], eyes, nose and mouth in the photo's pixels; None where
        the list of points is not there.
      scores: float32[N], the detector's; ones without the list.
      templates: int64[N], template that each photo belongs to.
      media: int64[N], medium that it comes from.
      pairs: int64[K, 2], templates to compare; None without the list.
      is_same: bool[K].
      galleries: name ("G1") → templates int64[T] and people int64[T].
      probes: templates int64[P] and people int64[P]; None without the list.
    """

    names: tuple[str, ...]
    points: np.ndarray | None
    scores: np.ndarray
    templates: np.ndarray
    media: np.ndarray
    pairs: np.ndarray | None
    is_same: np.ndarray
    galleries: dict[str, tuple[np.ndarray, np.ndarray]]
    probes: tuple[np.ndarray, np.ndarray] | None


def read_ijb(folder: str | os.PathLike[str], target: str = "ijbc") -> IjbLists:
    """Reads the lists of InsightFace's release of IJB-B or IJB-C.

    - ``ijbc_face_tid_mid.txt``: photo, template, medium; needed.
    - ``ijbc_name_5pts_score.txt``: photo, ten coordinates, the detector's score.
    - ``ijbc_template_pair_label.txt``: two templates, 1 for one person.
    - ``ijbc_1N_gallery_G1.csv``, ``…_G2.csv`` (S1 and S2 in IJB-B) and
      ``ijbc_1N_probe_mixed.csv``: a header, then template and person.

    Args:
      folder: meta/ of the release.
      target: "ijbb" or "ijbc".

    Raises:
      FileNotFoundError: no list of photos.
      ValueError: a line of another form, a template without photos, lists that name
        different photos, or another target.
    """
    if target not in ("ijbb", "ijbc"):
        raise ValueError(f"expected 'ijbb' or 'ijbc', got {target!r}")
    folder = pathlib.Path(folder)
    faces = list(_rows(folder / f"{target}_face_tid_mid.txt", 3))
    names = tuple(row[0] for _, row in faces)
    _check_below(names, folder)
    templates, media = _numbers(faces, (1, 2)).T
    known = set(templates.tolist())
    points, scores = None, np.ones(len(names), np.float32)
    path = folder / f"{target}_name_5pts_score.txt"
    if path.is_file():
        points, scores = _points(path, names)
    pairs, is_same = None, np.zeros(0, bool)
    path = folder / f"{target}_template_pair_label.txt"
    if path.is_file():
        table = _numbers(list(_rows(path, 3)), (0, 1, 2))
        pairs, is_same = table[:, :2], table[:, 2] == 1
        _check_known(path, pairs, known)
    galleries = {}
    for name in ("G1", "G2") if target == "ijbc" else ("S1", "S2"):
        path = folder / f"{target}_1N_gallery_{name}.csv"
        if path.is_file():
            galleries[name] = _subjects(path, known)
    path = folder / f"{target}_1N_probe_mixed.csv"
    return IjbLists(
        names=names,
        points=points,
        scores=scores,
        templates=templates,
        media=media,
        pairs=pairs,
        is_same=is_same,
        galleries=galleries,
        probes=_subjects(path, known) if path.is_file() else None,
    )


def _rows(path: pathlib.Path, width: int) -> Iterator[tuple[str, list[str]]]:
    if not path.is_file():
        raise FileNotFoundError(f"no list at {path}")
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            fields = line.split()
            if fields and len(fields) != width:
                raise ValueError(
                    f"{path}:{number}: expected {width} fields, got {len(fields)}: "
                    f"{line.strip()!r}"
                )
            if fields:
                yield f"{path}:{number}", fields


def _numbers(
    rows: Sequence[tuple[str, list[str]]], columns: tuple[int, ...]
) -> np.ndarray:
    """The columns as int64[N, C]."""
    if not rows:
        raise ValueError("expected a list with lines, got an empty one")
    try:
        return np.array([[int(row[c]) for c in columns] for _, row in rows], np.int64)
    except ValueError:
        where, row = next(
            r for r in rows if not all(r[1][c].isdecimal() for c in columns)
        )
        raise ValueError(f"{where}: expected whole numbers, got {row}") from None


def _points(
    path: pathlib.Path, names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    rows = list(_rows(path, 12))
    if tuple(row[0] for _, row in rows) != names:
        raise ValueError(f"{path}: names other photos than the list of templates")
    try:
        values = np.array([row[1:] for _, row in rows], np.float32)
    except ValueError as error:
        raise ValueError(f"{path}: expected numbers after the name: {error}") from error
    return values[:, :10].reshape(-1, 5, 2), values[:, 10]


def _subjects(path: pathlib.Path, known: set[int]) -> tuple[np.ndarray, np.ndarray]:
    """Templates and people of a gallery or of probes, each template once."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [(f"{path}:{i}", row) for i, row in enumerate(csv.reader(file), 1)][1:]
    table = _numbers([(where, row) for where, row in rows if row], (0, 1))
    _check_known(path, table[:, 0], known)
    _, first = np.unique(table[:, 0], return_index=True)
    table = table[np.sort(first)]
    return table[:, 0], table[:, 1]


def _check_known(path: pathlib.Path, templates: np.ndarray, known: set[int]) -> None:
    unknown = sorted(set(templates.ravel().tolist()) - known)
    if unknown:
        raise ValueError(
            f"{path}: {len(unknown)} templates have no photos, such as {unknown[0]}"
        )


def _check_below(photos: Sequence[str], folder: pathlib.Path) -> None:
    outside = [p for p in photos if ".." in p.split("/") or p.startswith("/")]
    if outside:
        raise ValueError(
            f"{folder}: expected names of photos below a folder, got {outside[0]!r}"
        )


def read_megaface_list(
    path: str | os.PathLike[str],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Reads MegaFace's lists: facescrub_features_list.json and megaface_….json_1000_1.

    Returns:
      Photos, and the person on each; no persons where the list has none, as that of
      the distractors.

    Raises:
      FileNotFoundError: no such list.
      ValueError: not such a list.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no list at {path}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        photos = [str(name) for name in content["path"]]
        people = [str(name) for name in content.get("id", [])]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: expected JSON with a list 'path': {error}"
        ) from error
    if not photos or (people and len(people) != len(photos)):
        raise ValueError(
            f"{path}: expected photos and a person for each or none, got {len(photos)} "
            f"and {len(people)}"
        )
    return tuple(photos), tuple(people)


# OpenCV's number for float32, with which the files' headers end.
_FLOAT32 = 5


def read_feature(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads one of MegaFace's feature files: four int32, then float32 values.

    Returns:
      float32[D].

    Raises:
      FileNotFoundError: no such file.
      ValueError: not such a file.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no feature at {path}")
    data = path.read_bytes()
    header = struct.unpack("<4i", data[:16]) if len(data) > 16 else (0, 0, 0, 0)
    rows, columns, _, kind = header
    if kind != _FLOAT32 or columns != 1 or rows < 1 or len(data) != 16 + 4 * rows:
        raise ValueError(
            f"{path}: expected a header (D, 1, …, {_FLOAT32}) and D float32 values, "
            f"got {(rows, columns, kind)} and {len(data)} bytes"
        )
    return np.frombuffer(data, "<f4", offset=16).astype(np.float32)


def read_features(
    folder: str | os.PathLike[str], photos: Sequence[str], ending: str
) -> np.ndarray:
    """The features float32[N, D] of listed photos: FOLDER/PHOTO + ending each.

    Raises:
      FileNotFoundError, ValueError: as `read_feature`, or a path out of the folder.
    """
    root = pathlib.Path(folder)
    _check_below(photos, root)
    rows = [read_feature(root / (photo + ending)) for photo in photos]
    if len({len(row) for row in rows}) != 1:
        raise ValueError(f"{root}: features of different lengths")
    return np.stack(rows)
