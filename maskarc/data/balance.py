"""Batches of P identities with K photos each, in an order with random access.

For sets where some people have thousands of photos and others two: every identity comes
equally often, and all photos of one come in turn. Which photo stands at a position is a
function of the seed and the position alone, as `pipeline` wants it.
"""

import dataclasses
import functools
import sys
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Turns:
    """An endless sequence of draws of `size` different ones of `count` items.

    It runs in rounds of ⌈count/size⌉ draws, each shuffled anew. A round has all items
    once, and as many more as fill its last draw; these go round too, so no item is ever
    ahead of another by more than two.

    Attributes:
      count: items, numbered from 0.
      size: of a draw, from 1 to `count`.
      seed: numbers ≥ 0, the last one > 0.
    """

    count: int
    size: int
    seed: tuple[int, ...]

    def at(self, position: int) -> int:
        """The item at a position of the draws, laid end to end."""
        number, place = divmod(position, self._round_length)
        return int(self._round(number)[place])

    def earlier(self, position: int) -> int:
        """How often the item at a position has come before it."""
        number, place = divmod(position, self._round_length)
        item = self._round(number)[place]
        # Round r has the extras (r · extra_count + 0, 1, …) mod count of the rotation.
        before = number * self._extra_count - int(_ranks(self)[item])
        return number + max(0, -(-before // self.count)) + (place >= self.count)

    @property
    def _extra_count(self) -> int:
        return -self.count % self.size

    @property
    def _round_length(self) -> int:
        return self.count + self._extra_count

    def _round(self, number: int) -> np.ndarray:
        # Short rounds are sooner made than kept.
        return _long_round(self, number) if self.count > 64 else self.round(number)

    def round(self, number: int) -> np.ndarray:
        """The items of a round in their order, int64[⌈count/size⌉ · size]."""
        order = np.random.default_rng((*self.seed, 2 + number)).permutation(self.count)
        if not self._extra_count:
            return order
        first = number * self._extra_count
        rotation = np.arange(first, first + self._extra_count) % self.count
        extras = _rotation(self)[rotation]
        # They share the last draw with others, of which none may be one of them: such
        # a one changes places with one that is not. There are enough, as size ≤ count.
        last = self.count - self.count % self.size
        is_extra = np.isin(order, extras)
        wrong = last + np.flatnonzero(is_extra[last:])
        free = np.flatnonzero(~is_extra[:last])[: len(wrong)]
        order[wrong], order[free] = order[free], order[wrong]
        return np.concatenate([order, extras])


# Readers are at most a few rounds apart, whatever the number of threads.
@functools.lru_cache(maxsize=4)
def _long_round(turns: Turns, number: int) -> np.ndarray:
    return turns.round(number)


@functools.lru_cache(maxsize=4)
def _rotation(turns: Turns) -> np.ndarray:
    """The order in which items come once more than the others."""
    return np.random.default_rng((*turns.seed, 1)).permutation(turns.count)


@functools.lru_cache(maxsize=4)
def _ranks(turns: Turns) -> np.ndarray:
    """The place of each item in the rotation."""
    return np.argsort(_rotation(turns))


@dataclasses.dataclass(frozen=True, eq=False)
class Balanced:
    """A source put into the order of balanced batches: an endless source.

    Batch n has the elements n·B to (n + 1)·B − 1: K of each of P = B/K different
    identities. Photos of an identity differ where it has K or more.

    Attributes:
      source: with `labels`.
      batch_size: B, a multiple of K.
      photos_of_each: K.
      seed: of the order, ≥ 0.

    Raises:
      ValueError: the source does not list its labels, B is not a multiple of K, or
        there are fewer than B/K identities.

    Example:
      >>> from maskarc.data import synthetic
      >>> faces = synthetic.SyntheticFaces(3, 5, size=32)
      >>> balanced = Balanced(faces, 4, 2, seed=0)
      >>> [int(faces.labels[balanced.index(p)]) for p in range(6)]
      [1, 1, 0, 0, 2, 2]
    """

    source: Any
    batch_size: int
    photos_of_each: int
    _: dataclasses.KW_ONLY
    seed: int = 0

    def __post_init__(self):
        if getattr(self.source, "labels", None) is None:
            raise ValueError("balanced batches need a source that lists its labels")
        if self.photos_of_each < 1 or self.batch_size % self.photos_of_each:
            raise ValueError(
                f"expected a batch_size that is a multiple of the "
                f"{self.photos_of_each} photos of an identity, got {self.batch_size}"
            )
        identities, drawn = len(self._photos), self._identities.size
        if drawn > identities:
            raise ValueError(
                f"{identities} identities cannot fill a batch of {drawn}; lower "
                f"batch_size or take more than {self.photos_of_each} photos of each"
            )

    @functools.cached_property
    def _photos(self) -> list[np.ndarray]:
        """The elements of each identity that has any."""
        labels = np.asarray(self.source.labels)
        order = np.argsort(labels, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)

    @functools.cached_property
    def _identities(self) -> Turns:
        drawn = self.batch_size // self.photos_of_each
        return Turns(len(self._photos), drawn, (self.seed, 1))

    def __len__(self) -> int:
        return sys.maxsize

    def index(self, position: int) -> int:
        """The number in the source of the element at a position."""
        place, photo = divmod(position, self.photos_of_each)
        identity = self._identities.at(place)
        photos = self._photos[identity]
        whole, drawn = divmod(self.photos_of_each, len(photos))
        if photo < whole * len(photos):  # all of them come at once
            return int(photos[photo % len(photos)])
        turns = Turns(len(photos), drawn, (self.seed, 2, identity, 1))
        first = self._identities.earlier(place) * drawn
        return int(photos[turns.at(first + photo - whole * len(photos))])

    def __getitem__(self, position: int) -> dict[str, Any]:
        return self.source[self.index(position)]
