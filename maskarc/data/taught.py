"""A source whose elements carry what another network made of the bare photo."""

import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np

from maskarc.data import sources

# Rows that are added up at once.
_ROWS = 2**16


@dataclasses.dataclass(frozen=True, eq=False)
class Taught:
    """A source with targets to learn from.

    Attributes:
      source: what is read.
      path: a .npy file of float32[N, E], a row an element, of length 1; of zeros where
        there is none, which then teaches nothing. It is mapped into memory, by each
        process that reads.
    """

    source: sources.Source
    path: pathlib.Path

    def __post_init__(self) -> None:
        shape = self.targets.shape
        if len(shape) != 2 or shape[0] != len(self.source):
            raise ValueError(
                f"{self.path}: expected targets [{len(self.source)}, E], a row an "
                f"element, got {list(shape)}"
            )

    @property
    def targets(self) -> np.ndarray:
        """float32[N, E], read when it is looked at."""
        return _mapped(self.path)

    @property
    def num_classes(self) -> int:
        """Number of identities, C."""
        return self.source.num_classes

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the source."""
        return self.source.names

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of the source, where it lists them."""
        return getattr(self.source, "labels", None)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self.source[index], "target": np.array(self.targets[index])}

    def class_means(self) -> np.ndarray:
        """The directions of each class's mean target.

        Returns:
          float32[C, E], of length 1; zeros for a class without targets.

        Raises:
          ValueError: the source does not list its labels.
        """
        if self.labels is None:
            raise ValueError("the source does not list its labels, by which means go")
        sums = np.zeros((self.num_classes, self.targets.shape[1]), np.float32)
        for start in range(0, len(self), _ROWS):
            labels = self.labels[start : start + _ROWS]
            rows = self.targets[start : start + _ROWS]
            np.add.at(sums, labels[labels >= 0], rows[labels >= 0])
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


@functools.lru_cache(maxsize=8)
def _mapped(path: pathlib.Path) -> np.ndarray:
    """The file's array; a function's, so that it does not travel to other processes."""
    return np.load(path, mmap_mode="r", allow_pickle=False)
