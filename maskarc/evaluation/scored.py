"""Scored pairs: similarities with all that is known of them, kept in one file.

From it every table and curve can be made again without photos or model.
"""

import dataclasses
import json
import os
from typing import Any

import numpy as np

from maskarc import files

_ARRAYS = {
    "pair": np.int64,
    "people": np.int64,
    "is_same": np.bool_,
    "fold": np.int64,
    "similarity": np.float32,
    "failed": np.bool_,
}
_LABEL = "label:"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ScoredPairs:
    """One row a pair and condition.

    Attributes:
      pair: int64[R], its number in the list of pairs, the same in all conditions.
      first: str[R], name of the photo at index 0.
      second: str[R], name of the photo at index 1.
      people: int64[R, 2], who is on the two photos, numbered over the whole list.
      is_same: bool[R], True for genuine pairs.
      fold: int64[R].
      similarity: float32[R], `protocol.FAILED` where a photo failed.
      failed: bool[R], whether a photo of the pair could not be embedded.
      labels: name → str[R], what the rows can be grouped by: "condition", "kind",
        "wear" and "yaw" (`conditions`), or others.
      about: what made the scores, as JSON: model, seeds, versions, times.

    Raises:
      ValueError: arrays of different lengths.
    """

    pair: np.ndarray
    first: np.ndarray
    second: np.ndarray
    people: np.ndarray
    is_same: np.ndarray
    fold: np.ndarray
    similarity: np.ndarray
    failed: np.ndarray
    labels: dict[str, np.ndarray]
    about: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        columns = {name: getattr(self, name) for name in (*_ARRAYS, "first", "second")}
        columns |= self.labels
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) != 1 or self.people.shape[1:] != (2,):
            raise ValueError(
                f"expected columns of one length and people [R, 2], got {lengths} and "
                f"people {list(self.people.shape)}"
            )

    def __len__(self) -> int:
        return len(self.pair)

    @property
    def conditions(self) -> list[str]:
        """The conditions, in the order of their first row."""
        return list(dict.fromkeys(self.labels["condition"].tolist()))

    def where(self, **labels: str) -> "ScoredPairs":
        """The rows that have all of these labels.

        Raises:
          ValueError: there is no such label; the message lists those there are.
        """
        chosen = np.ones(len(self), bool)
        for name, value in labels.items():
            if name not in self.labels:
                raise ValueError(
                    f"no label {name!r}; expected one of {', '.join(self.labels)}"
                )
            chosen &= self.labels[name] == value
        return self.rows(chosen)

    def rows(self, chosen: np.ndarray) -> "ScoredPairs":
        """The rows that a mask bool[R] or indices int[M] choose."""
        names = (*_ARRAYS, "first", "second")
        return dataclasses.replace(
            self,
            **{name: getattr(self, name)[chosen] for name in names},
            labels={name: values[chosen] for name, values in self.labels.items()},
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an .npz without pickle; `about` is JSON in it.

        Raises:
          ValueError: the path does not end in .npz.
        """
        columns = {name: getattr(self, name) for name in (*_ARRAYS, "first", "second")}
        columns |= {f"{_LABEL}{name}": v for name, v in self.labels.items()}
        about = {"about": np.array(json.dumps(self.about))}
        files.write_npz(path, about | columns, compressed=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ScoredPairs":
        """Reads what `save` wrote; nothing in the file is executed.

        Raises:
          FileNotFoundError: no such file.
          ValueError: not such a file.
        """
        columns = files.read_npz(path, (*_ARRAYS, "first", "second", "about"))
        labels = {
            name.removeprefix(_LABEL): values
            for name, values in columns.items()
            if name.startswith(_LABEL)
        }
        if "condition" not in labels:
            raise ValueError(f"{path}: expected the label 'condition', got {[*labels]}")
        return cls(
            **{name: columns[name].astype(kind) for name, kind in _ARRAYS.items()},
            first=columns["first"],
            second=columns["second"],
            labels=labels,
            about=json.loads(str(columns["about"])),
        )
