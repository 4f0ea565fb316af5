"""A source that goes on where a listed photo has vanished or become damaged.

Its numbering, its labels and with them the run stay what they are: in the place of a
photo that cannot be read comes another one of the same person, always the same one.
"""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from absl import logging

from maskarc.data import sources

# What reading a damaged or missing photo raises, RuntimeError from ArrayRecord.
_UNREADABLE = (OSError, ValueError, RuntimeError)
# So many in a row that cannot be read are no accident.
_MOST_TRIES = 100


class SourceLostError(OSError):
    """Photo after photo cannot be read; the message says what to look at."""


@dataclasses.dataclass(frozen=True, eq=False)
class Substituting:
    """A source of which every element can be read.

    Where one cannot, the next readable one of its identity stands in for it, in the
    order of the source and from its beginning again; where none of them can be read,
    one of the next identity, with that identity's label. Each name is warned of once.

    Attributes:
      source: what is read; without `labels`, its elements count as one identity.
      unreadable: name → what was wrong, of those met so far in this process.
    """

    source: sources.Source
    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)

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

    @functools.cached_property
    def _by_label(self) -> tuple[np.ndarray, np.ndarray]:
        """The elements in the order of their labels, and those labels."""
        labels = self.labels
        if labels is None:
            labels = np.zeros(len(self), np.int32)
        order = np.argsort(labels, kind="stable")
        return order, np.asarray(labels)[order]

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        for tries, candidate in enumerate(self._candidates(index), start=1):
            try:
                return self.source[candidate]
            except _UNREADABLE as error:
                self._warn(candidate, error)
                last = error
            if tries == _MOST_TRIES:
                break
        raise SourceLostError(
            f"{tries} photos in a row cannot be read; is the disk there? The last one: "
            f"{last}"
        ) from last

    def _candidates(self, index: int) -> Iterator[int]:
        """The element itself, the others of its identity, then those of the next."""
        yield index
        order, labels = self._by_label
        label = 0 if self.labels is None else self.labels[index]
        first, beyond = (
            int(np.searchsorted(labels, label, side)) for side in ("left", "right")
        )
        place = first + int(np.searchsorted(order[first:beyond], index))
        for part in (
            order[place + 1 : beyond],
            order[first:place],
            order[beyond:],
            order[:first],
        ):
            yield from map(int, part)

    def _warn(self, index: int, error: Exception) -> None:
        name = self.source.names[index]
        if name not in self.unreadable:
            self.unreadable[name] = str(error)
            logging.warning("another photo stands in for %s: %s", name, error)
