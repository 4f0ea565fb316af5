"""The crops of an evaluation: named photos of a folder, bare or masked, aligned.

Everything that training does to a photo but the jitter, by the same functions.
"""

import collections
import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from maskarc import alignment, landmarks
from maskarc import images as image_files
from maskarc.masks import database, mixture, wearing
from maskarc.masks import types as mask_types

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FaceCrops:
    """Reads aligned crops by number.

    Attributes:
      root: folder of the photos.
      images: (name, masked) of each crop; name is a path below the root.
      table: the landmarks of the photos.
      size: side of the crops in pixels.
      crop: which crop, a key of `alignment.CROPS`.
      masks: to choose from for the masked ones.
      seed: the mask on a photo depends on the seed and the photo's name alone.
    """

    root: pathlib.Path
    images: tuple[tuple[str, bool], ...]
    table: landmarks.LandmarkTable
    size: int = alignment.CROP_SIZE
    crop: str = "arcface"
    masks: tuple[mask_types.Mask, ...] | mixture.Mixture = ()
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
            image = image_files.read_image(self.root / name)
        except image_files.ImageError:
            return None
        if masked:
            rng = wearing.photo_rng(self.seed, name)
            image = wearing.put_on(image, points, self.masks, rng).image
        return alignment.crop_face(image, points, size=self.size, crop=self.crop)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Photos:
    """A folder of photos to evaluate on, as a command names it.

    Attributes:
      root: the folder.
      masks: what is drawn from, in the language of `masks.mixture`.
      seed: which mask goes on which photo, ≥ 0.
      landmarks: landmark table; empty to find them.
      detector: landmark back end, where there is no table; empty picks one.
    """

    root: str
    masks: str = database.BUILTIN
    seed: int = 0
    landmarks: str = ""
    detector: str = ""

    def crops(
        self,
        images: Sequence[tuple[str, bool]],
        *,
        size: int,
        crop: str = "arcface",
        keep_in: str | os.PathLike[str],
        progress: bool = True,
    ) -> FaceCrops:
        """Opens the crops of the named photos.

        Args:
          images: (name, masked) of each crop.
          size: side of the crops in pixels.
          crop: which crop, a key of `alignment.CROPS`.
          keep_in: folder where landmarks that had to be found are kept for next time.
          progress: show a bar while they are found.

        Raises:
          FileNotFoundError, ValueError, ImportError: as detector, table and database
            raise them.
        """
        if self.landmarks:
            table = landmarks.LandmarkTable.load(self.landmarks)
        else:
            table = landmarks.detect_folder(
                landmarks.create_detector(self.detector or None),
                self.root,
                list(dict.fromkeys(name for name, _ in images)),
                save_to=pathlib.Path(keep_in) / "landmarks.npz",
                progress=progress,
            )
        return FaceCrops(
            root=pathlib.Path(self.root),
            images=tuple(images),
            table=table,
            size=size,
            crop=crop,
            masks=mixture.parse(self.masks),
            seed=self.seed,
        )


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
