"""Photos of known people, and photos of which nobody knows who they show."""

import dataclasses
import functools
from typing import Any

import numpy as np

from maskarc.data import sources

# The label of an unknown person: in no margin loss.
UNKNOWN = -1


@dataclasses.dataclass(frozen=True, eq=False)
class WithUnlabelled:
    """A source, and after it one whose labels do not count.

    Of the latter's photos only a teacher can say something.

    Attributes:
      labelled: the source whose classes are learnt.
      unlabelled: another one; its names get "unlabelled/" before them.
    """

    labelled: sources.Source
    unlabelled: sources.Source

    @property
    def num_classes(self) -> int:
        """Number of identities of the labelled source, C."""
        return self.labelled.num_classes

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Of both, one after the other."""
        return (
            *self.labelled.names,
            *(f"unlabelled/{name}" for name in self.unlabelled.names),
        )

    @functools.cached_property
    def labels(self) -> np.ndarray | None:
        """int32[N], `UNKNOWN` for the unlabelled; None where none are listed."""
        labels = getattr(self.labelled, "labels", None)
        if labels is None:
            return None
        return np.concatenate(
            [labels, np.full(len(self.unlabelled), UNKNOWN, np.int32)]
        )

    def __len__(self) -> int:
        return len(self.labelled) + len(self.unlabelled)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index < len(self.labelled):
            return self.labelled[index]
        element = self.unlabelled[index - len(self.labelled)]
        return {**element, "label": UNKNOWN}
