"""Test sets in InsightFace's .bin files: LFW, CFP, AgeDB-30, CALFW, CPLFW, …

A file is a pickled pair of the photos' encoded files and whether two neighbours among
them show one person. It is read without running it (`plain_pickle`).
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from maskarc.data import pairs as pair_lists
from maskarc.data import plain_pickle

# The largest published set holds 14,000 crops in about 100 MB.
_MOST_BYTES = 2**32


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class BinSet:
    """A test set out of one file.

    Attributes:
      photos: name → content of the photo's file, an aligned crop; each once, although
        the file repeats a photo for every pair it is in. The name is made of a hash.
      pairs: of the photos, in ten folds in the file's order, as all evaluations of
        these files count them. `pairs.people` are groups of photos that genuine pairs
        join; the files do not name people.
    """

    photos: Mapping[str, bytes]
    pairs: pair_lists.Pairs


def read(path: str | os.PathLike[str]) -> BinSet:
    """Reads a .bin file.

    Raises:
      FileNotFoundError: no such file.
      ValueError: too large, damaged, not of this layout, or with code in it.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no .bin file at {path}")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path.name}: larger than {_MOST_BYTES} bytes")
    try:
        content = plain_pickle.loads(path.read_bytes())
        files, is_same = _parts(content)
    except plain_pickle.PickleError as error:
        raise ValueError(f"{path.name}: {error}") from error
    names = [_name(file) for file in files]
    first, second = tuple(names[::2]), tuple(names[1::2])
    count = len(is_same)
    return BinSet(
        photos=dict(zip(names, files, strict=True)),
        pairs=pair_lists.Pairs(
            first=first,
            second=second,
            is_same=is_same,
            fold=np.arange(count) * 10 // count,
            people=_joined(first, second, is_same),
        ),
    )


def _parts(content: object) -> tuple[list[bytes], np.ndarray]:
    if not isinstance(content, tuple | list) or len(content) != 2:
        raise plain_pickle.PickleError(
            "expected a pair of photos and labels, got something else"
        )
    files, labels = content
    labels = np.asarray(labels if isinstance(labels, list | np.ndarray) else [])
    if not isinstance(files, list) or labels.ndim != 1 or not len(labels):
        raise plain_pickle.PickleError("expected a list of photos and one of labels")
    if len(files) != 2 * len(labels) or not np.isin(labels, (0, 1)).all():
        raise plain_pickle.PickleError(
            f"expected two photos a label and labels that are true or false, got "
            f"{len(files)} photos and {len(labels)} labels"
        )
    return [_content(file) for file in files], labels.astype(bool)


def _content(file: object) -> bytes:
    """A photo's file, as bytes or as an array of them."""
    if isinstance(file, np.ndarray) and file.dtype == np.uint8 and file.ndim == 1:
        return file.tobytes()
    if not isinstance(file, bytes):
        raise plain_pickle.PickleError(
            f"expected the bytes of an encoded photo, got {type(file).__name__}"
        )
    return file


def _name(file: bytes) -> str:
    suffix = ".png" if file.startswith(b"\x89PNG") else ".jpg"
    return hashlib.sha256(file).hexdigest()[:16] + suffix


def _joined(
    first: tuple[str, ...], second: tuple[str, ...], is_same: np.ndarray
) -> np.ndarray:
    """Numbers int64[N, 2] of the groups that genuine pairs make of photos."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    for a, b, same in zip(first, second, is_same, strict=True):
        if same:
            parent[find(a)] = find(b)
    numbers: dict[str, int] = {}
    groups = [
        [numbers.setdefault(find(name), len(numbers)) for name in pair]
        for pair in zip(first, second, strict=True)
    ]
    return np.array(groups, np.int64).reshape(-1, 2)
