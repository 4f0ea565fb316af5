"""Packed faces: ArrayRecord files for grain, which `maskarc pack` makes, as a source.

A folder holds

  index.json        format, identities, photos of each; and of each file its name,
                    photos, bytes and sha256;
  faces-00000-of-00012.array_record, …  the photos, sorted by identity;
  manifest.jsonl    what became of every input file.

A record is a head, a name, landmarks and the file of the photo, end to end. The head is
little-endian: 4 bytes "mfr1", uint32 CRC-32 of all that follows it, int32 label, uint16
bytes of the name, uint16 points; the name is as in the file system, UTF-8 in most
cases, the points float32 (x, y).
"""

import dataclasses
import functools
import os
import pathlib
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from maskarc import extras, files, images

with extras.needed("train"):
    from array_record.python import array_record_data_source, array_record_module

INDEX, MANIFEST = "index.json", "manifest.jsonl"
SHARDS, RECORDIO = "shards", "recordio"
# What became of a file that is in the set; the manifest has others.
PACKED = "packed"

_HEAD = struct.Struct("<4sIiHH")
_MAGIC = b"mfr1"
_CHECKED_FROM = 8  # behind magic and checksum
# Each record for itself, and no second compression of what is compressed.
_WRITER_OPTIONS = "group_size:1,uncompressed"


class ShardError(ValueError):
    """A packed set, or a record in it, that is damaged; says which and how."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FaceRecord:
    """One photo of a packed set.

    Attributes:
      name: path of the photo where it came from.
      label: its identity's number, ≥ 0.
      photo: its encoded content, such as a JPEG file's.
      landmarks: float32[K, 2], (x, y) in pixels; None for aligned crops.
    """

    name: str
    label: int
    photo: bytes
    landmarks: np.ndarray | None = None


def encode(record: FaceRecord) -> bytes:
    """The record as it stands in a shard."""
    name = record.name.encode(errors="surrogateescape")
    points = b""
    if record.landmarks is not None:
        points = np.asarray(record.landmarks, "<f4").tobytes()
    sizes = struct.pack("<iHH", record.label, len(name), len(points) // 8)
    body = b"".join([sizes, name, points, record.photo])
    return _MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def decode(data: bytes, where: str = "record") -> FaceRecord:
    """Inverts `encode`.

    Raises:
      ShardError: it is no such record, or damaged.
    """
    if len(data) < _HEAD.size or not data.startswith(_MAGIC):
        raise ShardError(f"{where}: not a record of maskarc pack")
    _, checksum, label, name_size, points = _HEAD.unpack_from(data)
    photo = _HEAD.size + name_size + 8 * points
    if zlib.crc32(memoryview(data)[_CHECKED_FROM:]) != checksum or photo > len(data):
        raise ShardError(f"{where}: damaged, its checksum differs")
    name = data[_HEAD.size : _HEAD.size + name_size]
    landmarks = None
    if points:
        landmarks = np.frombuffer(data, "<f4", 2 * points, photo - 8 * points)
        landmarks = landmarks.reshape(points, 2).astype(np.float32)
    return FaceRecord(
        name=name.decode(errors="surrogateescape"),
        label=label,
        photo=data[photo:],
        landmarks=landmarks,
    )


def write_shard(path: pathlib.Path, records: Iterable[FaceRecord]) -> None:
    """Writes a shard whole or not at all; the same records give the same bytes.

    Raises:
      OSError: it cannot be written, such as for lack of space.
    """
    with files.replaced(path) as aside:
        # Opened here first: for a path that cannot be written, an error that says why.
        aside.open("wb").close()
        writer = array_record_module.ArrayRecordWriter(str(aside), _WRITER_OPTIONS)
        try:
            for record in records:
                writer.write(encode(record))
            writer.close()
        except RuntimeError as error:
            raise OSError(f"{path.name} cannot be written: {error}") from error


@dataclasses.dataclass(frozen=True, eq=False)
class ShardedFaces:
    """The photos of a packed set. Build it with `open`.

    Attributes:
      folder: of the set.
      records: of all shards, in their order.
      labels: int32[N], increasing.
      identities: name of each class.
    """

    folder: pathlib.Path
    records: array_record_data_source.ArrayRecordDataSource
    labels: np.ndarray
    identities: tuple[str, ...]

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> "ShardedFaces":
        """Opens a set.

        Raises:
          FileNotFoundError: there is no index, or a shard is missing.
          ShardError: the index is damaged or not of shards, the set is not complete, or
            a shard has another size.
        """
        folder = pathlib.Path(folder)
        index = read_index(folder)
        if index["format"] != SHARDS or not index["complete"]:
            raise ShardError(
                f"{folder} holds no finished shards ({index['format']}, "
                f"{'complete' if index['complete'] else 'not complete'}); repeat the "
                "command that packs them"
            )
        paths = []
        for shard in index["parts"]:
            path = folder / pathlib.PurePath(shard["file"]).name
            if not path.is_file():
                raise FileNotFoundError(f"no shard at {path}")
            if path.stat().st_size != shard["bytes"]:
                raise ShardError(
                    f"{path} has {path.stat().st_size} bytes, not {shard['bytes']}"
                )
            paths.append(f"{path}[0:{shard['photos']}]")
        counts = np.array(index["counts"], np.int64)
        return cls(
            folder=folder,
            records=array_record_data_source.ArrayRecordDataSource(paths),
            labels=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            identities=tuple(index["identities"]),
        )

    @property
    def num_classes(self) -> int:
        """Number of identities, C."""
        return len(self.identities)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The photos' paths where they came from, as the manifest has them."""
        with (self.folder / MANIFEST).open("rb") as file:
            rows = [files.from_json(line) for line in file]
        packed = [row for row in rows if row["outcome"] == PACKED]
        return tuple(r["path"] for r in sorted(packed, key=lambda r: r["record"]))

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, index: int) -> FaceRecord:
        """The record of a photo.

        Raises:
          ShardError: it is damaged, or of another identity than the index has it.
        """
        where = f"{self.folder.name}, photo {index}"
        try:
            data = self.records[index]
        except RuntimeError as error:
            raise ShardError(f"{where}: {error}") from error
        record = decode(data, where)
        if record.label != self.labels[index]:
            raise ShardError(
                f"{where} has the label {record.label}, where the index has "
                f"{self.labels[index]}"
            )
        return record

    def __getitem__(self, index: int) -> dict[str, Any]:
        record = self.read(index)
        element = {
            "image": images.decode_image(record.photo, record.name),
            "label": record.label,
        }
        if record.landmarks is not None:
            element["landmarks"] = record.landmarks
        return element


def read_index(folder: pathlib.Path) -> dict[str, Any]:
    """Reads index.json.

    Raises:
      FileNotFoundError: there is none.
      ShardError: it is damaged.
    """
    path = folder / INDEX
    if not path.is_file():
        raise FileNotFoundError(f"no packed set at {folder}: it has no {INDEX}")
    try:
        index = files.read_json(path)
        parts = [(p["file"], int(p["photos"]), int(p["bytes"])) for p in index["parts"]]
        counts = [int(count) for count in index["counts"]]
        if index["format"] not in (SHARDS, RECORDIO) or min(counts) < 1:
            raise ValueError("it has an unknown format, or an identity without photos")
        if len(counts) != len(index["identities"]):
            raise ValueError("it has other counts than identities")
        if index["complete"] and sum(counts) != sum(photos for _, photos, _ in parts):
            raise ValueError("its parts have other photos than its identities")
    except (ValueError, KeyError, TypeError) as error:
        raise ShardError(f"{path} is damaged ({error})") from error
    return index
