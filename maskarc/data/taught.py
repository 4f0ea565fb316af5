"""A source whose elements carry what another network made of the bare photo."""

import dataclasses
from typing import Any

import numpy as np

from maskarc.data import sources


@dataclasses.dataclass(frozen=True, eq=False)
class Taught:
    """A source with targets to learn from.

    Attributes:
      source: what is read.
      targets: float32[N, E], a row an element, of length 1; of zeros where there is
        none, which then teaches nothing.
    """

    source: sources.Source
    targets: np.ndarray

    def __post_init__(self) -> None:
        if self.targets.ndim != 2 or len(self.targets) != len(self.source):
            raise ValueError(
                f"expected targets [{len(self.source)}, E], a row an element, got "
                f"{list(self.targets.shape)}"
            )

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
        return {**self.source[index], "target": self.targets[index]}

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
        is_known = self.labels >= 0
        np.add.at(sums, self.labels[is_known], self.targets[is_known])
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
