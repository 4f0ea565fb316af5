"""InsightFace's `.rec/.idx` sets, and others of MXNet's, as a random-access source."""

import dataclasses
import functools
import os
import pathlib
from typing import Any

import numpy as np

from maskarc import images
from maskarc.data import recordio

# Whole numbers up to here are exact in float32, in which the format keeps its labels.
_EXACT = 2**24


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RecordFaces:
    """The images of a RecordIO file. Build it with `open`.

    The images are aligned crops, so elements have no "landmarks": `transforms` take
    the mean face's.

    Attributes:
      file: the records.
      keys: int64[N], of the images in the index, increasing.
      offsets: int64[N], where their records begin.
      labels: int32[N], as the set numbers its identities.
      num_classes: number of identities, C; some may have no image.
    """

    file: recordio.RecordFile
    keys: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    num_classes: int

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "RecordFaces":
        """Opens a set, and lists its labels.

        The labels are those of InsightFace's ranges, where it has them, and else come
        from the header of every record.

        Args:
          path: the `.rec` file, or its folder where that has no other one.

        Raises:
          FileNotFoundError: there is no `.rec` file, or no `.idx` beside it.
          recordio.RecordError: one of them is damaged, or no RecordIO.
        """
        path = find(path)
        file = recordio.RecordFile(path)
        keys, offsets = recordio.read_index(path.with_suffix(".idx"))
        if offsets.min() < 0 or offsets.max() >= file.size:
            raise recordio.RecordError(
                f"{path.with_suffix('.idx')} points outside {path.name}, which has "
                f"{file.size} bytes; do the two belong together?"
            )
        labels = _labels_of_ranges(file, keys, offsets)
        if labels is None:
            peeked = [_peek(file, int(offset)) for offset in offsets]
            labels = np.array([-1 if label is None else label for label in peeked])
        is_image = labels >= 0
        if not is_image.any():
            raise recordio.RecordError(f"{path} has no images")
        labels = labels[is_image].astype(np.int32)
        return cls(
            file=file,
            keys=keys[is_image],
            offsets=offsets[is_image],
            labels=labels,
            num_classes=max(_property(path.parent), int(labels.max()) + 1),
        )

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The keys: the format keeps no file names."""
        return tuple(f"{key:08d}" for key in self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> dict[str, Any]:
        name = f"{self.file.path.name}, image {self.keys[index]}"
        record = recordio.unpack(self.file.read(int(self.offsets[index])), name)
        if record.labels[0] != self.labels[index]:
            raise recordio.RecordError(
                f"{name} has the label {record.labels[0]:g}, where the set lists "
                f"{self.labels[index]}"
            )
        return {
            "image": images.decode_image(record.content, name),
            "label": int(self.labels[index]),
        }


def find(path: str | os.PathLike[str]) -> pathlib.Path:
    """The `.rec` file at a path, in the folder there, or with this path as its stem.

    Raises:
      FileNotFoundError: there is none, or the folder has several.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        found = sorted(path.glob("*.rec"))
        if len(found) != 1:
            raise FileNotFoundError(
                f"expected one .rec file in {path}, got {len(found)}"
            )
        return found[0]
    if path.suffix != ".rec":
        path = path.with_name(path.name + ".rec")
    if not path.is_file():
        raise FileNotFoundError(f"no RecordIO file at {path}")
    return path


def _labels_of_ranges(
    file: recordio.RecordFile, keys: np.ndarray, offsets: np.ndarray
) -> np.ndarray | None:
    """Each record's label, −1 where it is no image; None where ranges do not tell.

    One image of each identity is read for it.
    """
    if keys[0] != 0:
        return None
    begin, end = _range(file, int(offsets[0]))
    if not 0 < begin < end <= min(keys[-1] + 1, _EXACT):
        return None
    labels = np.full(len(keys), -1, np.int64)
    for row in range(*np.searchsorted(keys, (begin, end))):
        first, beyond = np.searchsorted(keys, _range(file, int(offsets[row])))
        if first >= beyond:
            continue
        label = _peek(file, int(offsets[first]))
        if keys[first] < 1 or keys[beyond - 1] >= begin or label is None:
            return None
        labels[first:beyond] = label
    is_image = (keys > 0) & (keys < begin)
    return labels if ((labels >= 0) == is_image).all() else None


def _range(file: recordio.RecordFile, offset: int) -> tuple[float, float]:
    """The range that a record holds; (0, 0) where it holds an image."""
    record = recordio.unpack(file.read(offset), f"{file.path}, byte {offset}")
    if record.content or len(record.labels) != 2:
        return 0.0, 0.0
    return float(record.labels[0]), float(record.labels[1])


def _peek(file: recordio.RecordFile, offset: int) -> int | None:
    """The label of the image at an offset; None where the record is a range.

    Raises:
      recordio.RecordError: a label that is no identity's number.
    """
    # Enough for the labels that any tool writes and a byte of the image.
    head = file.read(offset, most=128)
    record = recordio.unpack(head, f"{file.path}, byte {offset}")
    if not record.content:
        return None
    label = float(record.labels[0])
    if not (0 <= label < 2**31 and label == int(label)):
        raise recordio.RecordError(
            f"{file.path}: expected identities numbered from 0, got the label "
            f"{label:g} at byte {offset}"
        )
    return int(label)


def _property(folder: pathlib.Path) -> int:
    """The number of identities that the file `property` tells; 0 where it does not."""
    try:
        text = (folder / "property").read_text(encoding="utf-8")
        return max(int(text.split(",")[0]), 0)
    except (OSError, ValueError):
        return 0
