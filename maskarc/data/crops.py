"""The crops of an evaluation: named photos of a folder, bare or masked, aligned.

Everything that training does to a photo but the jitter, by the same functions.
"""

import collections
import concurrent.futures
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from maskarc import alignment, landmarks, masked_views
from maskarc import images as image_files
from maskarc.landmarks import table as table_lib
from maskarc.masks import database, mixture, wearing
from maskarc.masks import types as mask_types

T = TypeVar("T")

# What became of a photo.
OK, NO_FACE, UNREADABLE, UNFIT = "ok", "no_face", "unreadable", "unfit"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Crop:
    """A crop, and what was put on it.

    Attributes:
      outcome: "ok"; "no_face": none was found; "unreadable": a damaged photo; "unfit":
        the mask or the crop does not fit the landmarks.
      image: uint8[S, S, 3]; None unless the outcome is "ok".
      yaw: of the face in radians, NaN where it was not found.
      mask: name of the mask put on; empty for none.
      kind: its kind.
      wear: how it is worn, a key of `masks.wear.WEARS`.
      looks_masked: whether `FaceCrops.views` sees a mask.
      views: a bare face in the masks of `FaceCrops.views`.
    """

    outcome: str
    image: np.ndarray | None = None
    yaw: float = float("nan")
    mask: str = ""
    kind: str = ""
    wear: str = ""
    looks_masked: bool = False
    views: tuple[np.ndarray, ...] = ()


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
      files: name → content of the photos' files, where they are in no folder.
      detector: finds the landmarks again on the masked photos, as a system in use has
        to; None crops them by the landmarks of the bare photo.
      views: tells which faces wear a mask, and puts the others into some; None for
        neither.
    """

    root: pathlib.Path
    images: tuple[tuple[str, bool], ...]
    table: landmarks.LandmarkTable
    size: int = alignment.CROP_SIZE
    crop: str = "arcface"
    masks: tuple[mask_types.Mask, ...] | mixture.Mixture = ()
    seed: int = 0
    files: Mapping[str, bytes] | None = None
    detector: landmarks.Detector | None = None
    views: masked_views.MaskedViews | None = None

    def __post_init__(self):
        if self.crop not in alignment.CROPS:
            raise ValueError(
                f"unknown crop {self.crop!r}; expected one of "
                f"{', '.join(alignment.CROPS)}"
            )

    def __len__(self) -> int:
        return len(self.images)

    def read(self, index: int) -> np.ndarray | None:
        """The crop uint8[S, S, 3]; None where the photo has no face or is damaged."""
        return self.look(index).image

    def look(self, index: int) -> Crop:
        """The crop and what is known of it."""
        name, masked = self.images[index]
        points = self.table.get(name)
        if points is None:
            unreadable = (self.table.outcome(name) or "").startswith(
                table_lib.UNREADABLE
            )
            return Crop(outcome=UNREADABLE if unreadable else NO_FACE)
        try:
            image = self._photo(name)
        except (image_files.ImageError, OSError):
            return Crop(outcome=UNREADABLE)
        try:
            return self._crop(image, points, name, masked)
        except ValueError:  # landmarks that span no face
            return Crop(outcome=UNFIT)

    def _photo(self, name: str) -> np.ndarray:
        if self.files is None:
            return image_files.read_image(self.root / name)
        return image_files.decode_image(self.files[name], name)

    def _crop(
        self, image: np.ndarray, points: np.ndarray, name: str, masked: bool
    ) -> Crop:
        if not masked:
            seen = Crop(outcome=OK, yaw=landmarks.head_pose(points).yaw)
        else:
            rng = wearing.photo_rng(self.seed, name)
            worn = wearing.put_on(image, points, self.masks, rng)
            image = worn.image
            seen = Crop(
                outcome=OK,
                yaw=worn.pose.yaw,
                mask=worn.mask.name,
                kind=worn.mask.kind,
                wear=worn.mask.variation.worn.name,
            )
        if masked and self.detector is not None:
            face = landmarks.main_face(self.detector(image, name), image.shape)
            if face is None:
                return dataclasses.replace(seen, outcome=NO_FACE)
            points = landmarks.to_landmarks(face.points, face.layout)
        crop = alignment.crop_face(image, points, size=self.size, crop=self.crop)
        seen = dataclasses.replace(seen, image=crop)
        if self.views is None:
            return seen
        if self.views.probability(image, points) >= masked_views.LEAST:
            return dataclasses.replace(seen, looks_masked=True)
        views = self.views.crops(image, points, size=self.size, crop=self.crop)
        return dataclasses.replace(seen, views=views)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PointCrops:
    """Reads ArcFace's crops by five points that came with the photos.

    Attributes:
      root: folder of the photos.
      names: of each crop's photo, below the root.
      points: float[N, 5, 2], (x, y) in pixels.
      size: side of the crops in pixels.
    """

    root: pathlib.Path
    names: tuple[str, ...]
    points: np.ndarray
    size: int = alignment.CROP_SIZE

    def __len__(self) -> int:
        return len(self.names)

    @property
    def images(self) -> tuple[tuple[str, bool], ...]:
        """(name, False) of each crop: all are as they are."""
        return tuple((name, False) for name in self.names)

    def look(self, index: int) -> Crop:
        """The crop; a photo that is not there is an error."""
        try:
            image = image_files.read_image(self.root / self.names[index])
            crop = alignment.align(image, self.points[index], size=self.size)
        except image_files.ImageError:
            return Crop(outcome=UNREADABLE)
        except ValueError:  # points that coincide
            return Crop(outcome=UNFIT)
        return Crop(outcome=OK, image=crop)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Photos:
    """A folder of photos to evaluate on, as a command names it.

    Attributes:
      root: the folder.
      masks: what is drawn from, in the language of `masks.mixture`.
      seed: which mask goes on which photo, ≥ 0.
      landmarks: landmark table; empty to find them.
      detector: landmark back end, where there is no table; empty picks one.
      landmarks_on: "bare": masked photos are cropped by the landmarks of the bare ones;
        "masked": the landmarks are found again under the mask, by the same back end.
      files: name → content, for photos that are in no folder (a .bin file); root is
        then what to call them.

    Raises:
      ValueError: another value of landmarks_on.
    """

    root: str
    masks: str = database.BUILTIN
    seed: int = 0
    landmarks: str = ""
    detector: str = ""
    landmarks_on: str = "bare"
    files: Mapping[str, bytes] | None = None

    def __post_init__(self):
        if self.landmarks_on not in ("bare", "masked"):
            raise ValueError(
                f"expected landmarks on 'bare' or 'masked', got {self.landmarks_on!r}"
            )

    def crops(
        self,
        images: Sequence[tuple[str, bool]],
        *,
        size: int,
        crop: str = "arcface",
        keep_in: str | os.PathLike[str],
        views: masked_views.MaskedViews | None = None,
        progress: bool = True,
    ) -> FaceCrops:
        """Opens the crops of the named photos.

        Args:
          images: (name, masked) of each crop.
          size: side of the crops in pixels.
          crop: which crop, a key of `alignment.CROPS`.
          keep_in: folder where landmarks that had to be found are kept for next time.
          views: as in `FaceCrops`.
          progress: show a bar while they are found.

        Raises:
          FileNotFoundError, ValueError, ImportError: as detector, table and database
            raise them.
        """
        names = list(dict.fromkeys(name for name, _ in images))
        again = self.landmarks_on == "masked" and any(masked for _, masked in images)
        detector = None
        if again or not self.landmarks:
            detector = landmarks.create_detector(self.detector or None)
        if self.landmarks or detector is None:
            table = landmarks.LandmarkTable.load(self.landmarks)
        elif self.files is not None:
            table = _table_of_files(detector, self.files, names)
        else:
            table = landmarks.detect_folder(
                detector,
                self.root,
                names,
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
            files=self.files,
            detector=detector if again else None,
            views=views,
        )


def _table_of_files(
    detector: landmarks.Detector, files: Mapping[str, bytes], names: Sequence[str]
) -> landmarks.LandmarkTable:
    """The landmarks of photos that are in no folder."""
    points = np.full([len(names), 68, 2], np.nan, np.float32)
    outcomes = []
    for row, name in enumerate(names):
        try:
            image = image_files.decode_image(files[name], name)
        except image_files.ImageError as error:
            outcomes.append(f"{table_lib.UNREADABLE}{error}")
            continue
        face = landmarks.main_face(detector(image, name), image.shape)
        outcomes.append(table_lib.NO_FACE if face is None else table_lib.OK)
        if face is not None:
            points[row] = landmarks.to_landmarks(face.points, face.layout)
    return landmarks.LandmarkTable(tuple(names), points, tuple(outcomes))


def read_ahead(
    read: Callable[[int], T], count: int, *, threads: int = 2, ahead: int = 64
) -> Iterator[T]:
    """Yields read(0), …, read(count − 1) in order, computed ahead in threads."""
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    try:
        pending: collections.deque[concurrent.futures.Future[T]] = collections.deque()
        for index in range(count):
            pending.append(pool.submit(read, index))
            if len(pending) >= ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # an interruption waits for none of them
