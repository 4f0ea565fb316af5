"""The crops of an evaluation: named photos of a folder, bare or masked, aligned.

Everything that training does to a photo but the jitter, by the same functions.
"""

import collections
import concurrent.futures
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from maskarc import alignment, images, landmarks
from maskarc.masks import types as mask_types
from maskarc.masks import wearing

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FaceCrops:
    """Reads aligned crops by number.

    Attributes:
      root: folder of the photos.
      images: (name, masked) of each crop; name is a path below the root.
      table: the landmarks of the photos.
      size: side of the crops in pixels.
      masks: to choose from for the masked ones.
      seed: the mask on a photo depends on the seed and the photo's name alone.
    """

    root: pathlib.Path
    images: tuple[tuple[str, bool], ...]
    table: landmarks.LandmarkTable
    size: int = alignment.CROP_SIZE
    masks: tuple[mask_types.Mask, ...] = ()
    seed: int = 0

    def __len__(self) -> int:
        return len(self.images)

    def read(self, index: int) -> np.ndarray | None:
        """The crop uint8[S, S, 3]; None where the photo has no face or is damaged."""
        name, masked = self.images[index]
        points = self.table.get(name)
        if points is None:
            return None
        try:
            image = images.read_image(self.root / name)
        except images.ImageError:
            return None
        if masked:
            rng = wearing.photo_rng(self.seed, name)
            image, _ = wearing.put_on(image, points, self.masks, rng)
        return alignment.align(image, landmarks.to_five(points, "68"), size=self.size)


def read_ahead(
    read: Callable[[int], T], count: int, *, threads: int = 2, ahead: int = 64
) -> Iterator[T]:
    """Yields read(0), …, read(count − 1) in order, computed ahead in threads."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        pending: collections.deque[concurrent.futures.Future[T]] = collections.deque()
        for index in range(count):
            pending.append(pool.submit(read, index))
            if len(pending) >= ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
