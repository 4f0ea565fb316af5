"""The manifest of a masked set: one JSON line a photo, written as the run goes.

A line is UTF-8, whatever the photo's name (`files`).

A row holds
  path      of the photo below the input;
  outcome   "masked", "no_face", "unfit", "unreadable", "ignored" or "failed";
  reason    why it was not masked;
  size      width and height in pixels;
  faces     of each face found, the main one first: outcome ("masked", "unfit" or
            "bare"), reason, score, box (left, top, right, bottom), landmarks, pose in
            radians, mask, kind, mirrored, wear, mask_box (x, y, width, height),
            mask_area in pixels, and polygons where COCO labels were asked for;
  result    path of the masked photo below the output: that of the photo, with .png
            at its end where its format is not written (`images.writable_name`);
  sha256    of the masked photo;
  extras    path → sha256 of what else was written for it;
  seed      of the set.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from maskarc import files, geometry, images, landmarks
from maskarc.masks import labels, wearing

NAME = "manifest.jsonl"
# What became of a photo.
MASKED, UNFIT, NO_FACE = "masked", "unfit", "no_face"
UNREADABLE, IGNORED, FAILED = "unreadable", "ignored", "failed"
# Of a face that no mask was asked for; others are MASKED or UNFIT.
BARE = "bare"
# Photos with other outcomes are looked at again when a run goes on.
_FINAL = (MASKED, UNFIT, NO_FACE)


def row(name: str, seed: int, outcome: str, reason: str = "") -> dict[str, Any]:
    """The row of a photo of which nothing is known but its outcome."""
    return {
        "path": name,
        "outcome": outcome,
        "reason": reason,
        "size": None,
        "faces": [],
        "result": None,
        "sha256": None,
        "extras": {},
        "seed": seed,
    }


def face_record(
    face: landmarks.Face,
    worn: wearing.Worn | ValueError | None,
    with_polygons: bool = False,
) -> dict[str, Any]:
    """What a row says of one face.

    Args:
      face: as it was found.
      worn: its mask, why it has none, or None if none was asked for.
      with_polygons: whether to add the outlines of the mask.
    """
    points = landmarks.to_landmarks(face.points, face.layout)
    record: dict[str, Any] = {
        "outcome": BARE,
        "reason": "",
        "score": round(float(face.score), 4),
        "box": _numbers(face.box),
        "landmarks": _numbers(points),
        "pose": None,
        "mask": None,
        "kind": None,
        "mirrored": None,
        "wear": None,
        "mask_box": None,
        "mask_area": 0,
    }
    if isinstance(worn, ValueError):
        return record | {"outcome": UNFIT, "reason": str(worn)}
    if worn is None:
        try:
            return record | {"pose": _angles(landmarks.head_pose(points))}
        except ValueError as error:
            return record | {"reason": str(error)}
    if with_polygons:
        record["polygons"] = labels.polygons(worn.alpha)
    return record | {
        "outcome": MASKED,
        "pose": _angles(worn.pose),
        "mask": worn.mask.name,
        "kind": worn.mask.kind,
        "mirrored": worn.mask.is_mirrored,
        "wear": worn.mask.variation.worn.name,
        **labels.region(worn.alpha),
    }


def _angles(pose: geometry.Pose) -> dict[str, float]:
    return {name: round(v, 4) for name, v in dataclasses.asdict(pose).items()}


def _numbers(values: np.ndarray) -> list:
    """Nested lists of short decimals that are exactly these float32 values."""
    # Nine digits tell any two float32 apart.
    short = [float(f"{value:.9g}") for value in np.float32(values).ravel().tolist()]
    return np.reshape(short, np.shape(values)).tolist()


class Manifest:
    """An append-only file of rows; only their places in it are held in memory.

    Attributes:
      path: of the file.
    """

    def __init__(self, output: pathlib.Path, names: Sequence[str]):
        """Opens the manifest of an output folder, or starts it.

        Rows of an earlier run count if their files are there as it left them. A last
        line that a killed run left unfinished is dropped.

        Raises:
          ValueError: a line is damaged.
        """
        self.path = output / NAME
        self._output = output
        self._places: dict[str, tuple[int, int]] = {}
        self.path.touch()
        self._read(set(names))
        self._file = self.path.open("r+b")
        self._file.seek(0, os.SEEK_END)

    def _read(self, names: set[str]) -> None:
        end = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                row = self._parse(line, number)
                self._places.pop(row["path"], None)
                if row["path"] in names and _is_finished(self._output, row):
                    self._places[row["path"]] = end, len(line)
                end += len(line)
        os.truncate(self.path, end)

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            row = files.from_json(line)
            if {"path", "outcome", "sha256", "extras"} <= set(row):
                return row
        except (ValueError, TypeError):
            pass
        raise ValueError(
            f"{self.path}: line {number} is damaged; delete the file, and all photos "
            "are masked again"
        )

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, row: dict[str, Any]) -> None:
        """Appends a row; it is in the file when this returns."""
        line = files.to_json(row)
        self._places[row["path"]] = self._file.tell(), len(line)
        self._file.write(line)
        self._file.flush()

    def rows(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yields the rows of these photos."""
        return map(files.from_json, self._lines(names))

    def finish(self, names: Sequence[str]) -> None:
        """Puts the rows of these photos in their order, whatever order they came in."""
        with files.replaced(self.path) as aside:
            with aside.open("wb") as file:
                file.writelines(self._lines(names))
            self.close()

    def close(self) -> None:
        """Closes the file; no row can be added then."""
        self._file.close()

    def _lines(self, names: Sequence[str]) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            for name in names:
                start, length = self._places[name]
                file.seek(start)
                yield file.read(length)


def write_below(output: pathlib.Path, name: str, content: bytes) -> None:
    """Writes output/name whole or not at all.

    Raises:
      ValueError: the path would lead out of the output, by ".." or by a link.
      OSError: it cannot be written.
    """
    path = output / name
    if not path.parent.resolve().is_relative_to(output.resolve()):
        raise ValueError(f"{name} would be written outside {output}: a link is in it")
    # What a power cut takes is noticed by its checksum when the run goes on.
    files.write_bytes(path, content, sync=False, follow=False)


def _is_finished(output: pathlib.Path, row: dict[str, Any]) -> bool:
    """Whether nothing is to be done for this photo."""
    files = dict(row["extras"])
    if row["sha256"]:
        files[images.writable_name(row["path"])] = row["sha256"]
    return row["outcome"] in _FINAL and all(
        (output / name).is_file() and _file_digest(output / name) == digest
        for name, digest in files.items()
    )


def _file_digest(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
