"""A landmark table: detection paid once for a folder, every image with an outcome."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tqdm

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
    """

    names: tuple[str, ...]
    landmarks: np.ndarray
    outcomes: tuple[str, ...]

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
        row = self._rows.get(name)
        if row is None or not np.isfinite(self.landmarks[row]).all():
            return None
        return self.landmarks[row]

    @functools.cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names)}

    def outcome(self, name: str) -> str | None:
        """The outcome of an image; None if it is not in the table."""
        row = self._rows.get(name)
        return None if row is None else self.outcomes[row]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes .npz, .csv or .json (see `files`) atomically; makes the folder."""
        files.write(
            path,
            [
                files.Row(name=name, outcome=outcome, points=self.get(name))
                for name, outcome in zip(self.names, self.outcomes, strict=True)
            ],
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "LandmarkTable":
        """Reads .npz, .csv or .json (see `files`) with 68 or 468 points an image.

        Raises:
          FileNotFoundError: there is no such file.
          ValueError: not a landmark file, or not with 68 or 468 points.
        """
        rows = files.read(path)
        points = [
            None
            if r.points is None
            else layouts.to_landmarks(r.points, layouts.layout_of(len(r.points)))
            for r in rows
        ]
        return _table([r.name for r in rows], points, [r.outcome for r in rows])


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

    One bad file never stops it: the outcome tells what was wrong.

    Args:
      detector: a detector with layout "68" or "468".
      root: the folder.
      names: images, relative to the folder; all below it by default.
      known: a table to go on from; its images are not looked at again.
      progress: whether to show a progress bar.
      save_to: a file that the table is written to on the way and at the end.
      save_every: images between two such writes.

    Returns:
      A table of `names`, in their order.

    Raises:
      FileNotFoundError: the folder does not exist.
    """
    root = pathlib.Path(root)
    names = images.list_images(root) if names is None else list(names)
    points: list[np.ndarray | None] = []
    outcomes: list[str] = []
    fresh = 0
    for name in tqdm.tqdm(names, "landmarks", unit="img", disable=not progress):
        outcome = known.outcome(name) if known else None
        if known is None or outcome is None:
            found, outcome = _detect_file(detector, root, name)
            fresh += 1
        else:
            found = known.get(name)
        points.append(found)
        outcomes.append(outcome)
        if save_to is not None and fresh and fresh % save_every == 0:
            _table(names[: len(points)], points, outcomes).save(save_to)
    table = _table(names, points, outcomes)
    if save_to is not None:
        table.save(save_to)
    return table


def _detect_file(
    detector: types.Detector, root: pathlib.Path, name: str
) -> tuple[np.ndarray | None, str]:
    try:
        image = images.read_image(root / name)
    except (images.ImageError, OSError) as error:
        return None, f"{UNREADABLE}{error}"
    face = types.main_face(detector(image, name), image.shape)
    if face is None:
        return None, NO_FACE
    return layouts.to_landmarks(face.points, face.layout), OK


def _table(
    names: Sequence[str],
    points: Sequence[np.ndarray | None],
    outcomes: Sequence[str],
) -> LandmarkTable:
    landmarks = np.full([len(names), 68, 2], np.nan, np.float32)
    for row, found in zip(landmarks, points, strict=True):
        if found is not None:
            row[:] = found
    return LandmarkTable(tuple(names), landmarks, tuple(outcomes))
