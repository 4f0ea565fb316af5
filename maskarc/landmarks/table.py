"""A landmark table: detection paid once for a folder, every image with an outcome."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tqdm

from maskarc import files as file_lib
from maskarc import images
from maskarc.landmarks import files, layouts, types

OK, NO_FACE = files.OK, files.NO_FACE
# Begins the outcome of a file that is not a usable photo; the reason follows.
UNREADABLE = "unreadable: "


@dataclasses.dataclass(frozen=True, eq=False)
class LandmarkTable:
    """The landmarks of the main face of each image of a folder.

    Attributes:
      names: paths relative to the folder, '/'-separated, unique.
      landmarks: float32[N, 68, 2], (x, y) in pixels; NaN where there are none.
      outcomes: for each name "ok", "no_face", or "unreadable: " and why.
      stamps: for each name what its file was like, or none for all.
    """

    names: tuple[str, ...]
    landmarks: np.ndarray
    outcomes: tuple[str, ...]
    stamps: tuple[str, ...] = ()

    def __post_init__(self):
        count = len(self.names)
        if self.landmarks.shape != (count, 68, 2) or len(self.outcomes) != count:
            raise ValueError(
                f"expected {count} outcomes and landmarks [{count}, 68, 2] for {count} "
                f"names, got {len(self.outcomes)} and {self.landmarks.shape}"
            )
        if len(set(self.names)) != count:
            raise ValueError("expected each name once; some occur twice")

    def __len__(self) -> int:
        return len(self.names)

    def get(self, name: str) -> np.ndarray | None:
        """The landmarks float32[68, 2] of an image; None if unknown or without."""
        row = self._index.get(name)
        if row is None or not np.isfinite(self.landmarks[row]).all():
            return None
        return self.landmarks[row]

    @functools.cached_property
    def _index(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names)}

    def outcome(self, name: str) -> str | None:
        """The outcome of an image; None if it is not in the table."""
        row = self._index.get(name)
        return None if row is None else self.outcomes[row]

    def rows(self) -> list[files.Row]:
        """The table image by image."""
        stamps = self.stamps or ("",) * len(self)
        return [
            files.Row(name=name, outcome=outcome, points=self.get(name), stamp=stamp)
            for name, outcome, stamp in zip(
                self.names, self.outcomes, stamps, strict=True
            )
        ]

    @classmethod
    def of_rows(cls, rows: Sequence[files.Row]) -> "LandmarkTable":
        """Makes a table of rows with 68 or 468 points each.

        Raises:
          ValueError: another number of points, or a name twice.
        """
        landmarks = np.full([len(rows), 68, 2], np.nan, np.float32)
        for target, row in zip(landmarks, rows, strict=True):
            if row.points is not None:
                layout = layouts.layout_of(len(row.points))
                target[:] = layouts.to_landmarks(row.points, layout)
        return cls(
            tuple(row.name for row in rows),
            landmarks,
            tuple(row.outcome for row in rows),
            tuple(row.stamp for row in rows),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes .npz, .csv or .json (see `files`) atomically; makes the folder.

        Raises:
          ValueError: another suffix.
        """
        files.write(path, self.rows())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "LandmarkTable":
        """Reads .npz, .csv or .json (see `files`) with 68 or 468 points an image.

        Raises:
          FileNotFoundError: there is no such file.
          ValueError: not a landmark file, or not with 68 or 468 points.
        """
        return cls.of_rows(files.read(path))


def detect_folder(
    detector: types.Detector,
    root: str | os.PathLike[str],
    names: Sequence[str] | None = None,
    *,
    known: LandmarkTable | None = None,
    progress: bool = True,
    save_to: str | os.PathLike[str] | None = None,
    save_every: int = 1000,
) -> LandmarkTable:
    """Finds the landmarks of the main face of each image of a folder.

    One bad file never stops it: the outcome tells what was wrong. Photos of a known
    table are not looked at again, unless they were unreadable, or it knows their size
    and time of change (.npz files do) and these are others now; of those that are gone
    the row stays.

    Args:
      detector: a detector with layout "68" or "468".
      root: the folder.
      names: images, relative to the folder; all below it by default.
      known: a table to go on from.
      progress: whether to show a progress bar.
      save_to: a file for the table: gone on from where it exists, and written on the
        way, at the end and on an interruption, with all that was known.
      save_every: images between two such writes.

    Returns:
      A table of `names`, in their order.

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: the detector has layout "5", a name occurs twice, or `save_to` is not
        a landmark file or has another suffix than .npz, .csv or .json.
    """
    root = file_lib.given(root)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder at {root}")
    if names is not None:
        file_lib.check_many(names, "photos")
    names = images.list_images(root) if names is None else list(names)
    if known is None and save_to is not None and os.path.exists(save_to):
        known = LandmarkTable.load(save_to)
    rows = {row.name: row for row in known.rows()} if known else {}
    todo = [n for n in names if n not in rows or _is_due(root / n, rows[n])]

    def save():
        if save_to is not None:
            LandmarkTable.of_rows(list(rows.values())).save(save_to)

    save()  # a path that cannot be written fails here
    done = len(names) - len(todo)
    bar = tqdm.tqdm(
        todo, "landmarks", len(names), initial=done, unit="img", disable=not progress
    )
    try:
        for count, name in enumerate(bar, start=1):
            rows[name] = _detect_file(detector, root, name)
            if count % save_every == 0:
                save()
    finally:
        save()
    return LandmarkTable.of_rows([rows[name] for name in names])


def _detect_file(detector: types.Detector, root: pathlib.Path, name: str) -> files.Row:
    stamp = file_lib.stamp(root / name)  # before it is read: a later change is noticed
    try:
        image = images.read_image(root / name)
    except (images.ImageError, OSError) as error:
        outcome = f"{UNREADABLE}{error}"
        return files.Row(name=name, outcome=outcome, points=None, stamp=stamp)
    face = types.main_face(detector(image, name), image.shape)
    if face is None:
        return files.Row(name=name, outcome=NO_FACE, points=None, stamp=stamp)
    points = layouts.to_landmarks(face.points, face.layout)
    return files.Row(name=name, outcome=OK, points=points, stamp=stamp)


def _is_due(path: pathlib.Path, row: files.Row) -> bool:
    """Whether a file is to be looked at again: it was unreadable, or is another now."""
    now = file_lib.stamp(path)
    if now == "absent":
        return False
    return row.outcome.startswith(UNREADABLE) or row.stamp not in ("", now)
