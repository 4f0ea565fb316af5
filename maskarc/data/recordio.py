"""MXNet's RecordIO files of images, `.rec` and `.idx`, read and written without MXNet.

A file is a row of parts, each a little-endian uint32 0xced7230a, a uint32 that holds a
flag in its upper three bits and a length in the others, so many bytes, and zeros up to
a multiple of four. Flag 0 is a whole record; where the magic number itself stands in a
record, at a multiple of four, it is left out and the record is split there, into parts
with the flags 1 (first), 2 and 3 (last). The index has a line "key<TAB>offset" for each
record.

The record of an image is a header — uint32 flag, float32 label, uint64 id, uint64 id2,
and flag float32 labels, which replace the one, where the flag is not 0 — and the
encoded image. InsightFace's sets (CASIA, MS1M, Glint360K) begin with a record of key 0
that has no image but the labels (first key of an identity, first key beyond them); the
images have the keys from 1 on, and an identity's record the labels (first key, key
beyond the last) of its images. A text file `property` holds "classes,height,width".
"""

import dataclasses
import os
import pathlib
import re
import struct
import weakref
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

_MAGIC = 0xCED7230A
_MAGIC_BYTES = struct.pack("<I", _MAGIC)
_PART = struct.Struct("<II")
_HEADER = struct.Struct("<IfQQ")
# Lengths have 29 bits; MXNet writes no longer record either, split or not.
MAX_LENGTH = 2**29 - 1
# More labels than any tool writes; a foreign file may claim billions.
_MAX_LABELS = 4096


class RecordError(ValueError):
    """A file, or a record in it, that is damaged or no RecordIO; says which and how."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """The record of an image.

    Attributes:
      labels: float32[L], L ≥ 1; the first is the identity's number.
      content: the encoded image; empty in InsightFace's records of ranges.
      number: the record's id.
      has_list: whether the labels are stored as a list, as ranges always are.
    """

    labels: np.ndarray
    content: bytes
    number: int = 0
    has_list: bool = False


def unpack(payload: bytes, name: str = "record") -> Record:
    """Reads the payload of an image's record.

    Raises:
      RecordError: it is too short for its header.
    """
    if len(payload) < _HEADER.size:
        raise RecordError(f"{name}: {len(payload)} bytes are no image record")
    flag, label, number, _ = _HEADER.unpack_from(payload)
    if not flag:
        labels, start = np.array([label], np.float32), _HEADER.size
    else:
        start = _HEADER.size + 4 * flag
        if flag > _MAX_LABELS or start > len(payload):
            raise RecordError(f"{name}: no image record, or damaged ({flag} labels)")
        labels = np.frombuffer(payload, "<f4", flag, _HEADER.size)
    return Record(
        labels=labels, content=payload[start:], number=number, has_list=bool(flag)
    )


def pack(record: Record) -> bytes:
    """The payload of an image's record; inverts `unpack`."""
    if record.has_list or len(record.labels) != 1:
        header = _HEADER.pack(len(record.labels), 0.0, record.number, 0)
        header += np.asarray(record.labels, "<f4").tobytes()
    else:
        header = _HEADER.pack(0, record.labels[0], record.number, 0)
    return header + record.content


class RecordFile:
    """Random access to the records of a file, from any thread.

    It can be pickled, and is opened anew where it is unpickled.
    """

    def __init__(self, path: str | os.PathLike[str]):
        """Opens a file.

        Raises:
          FileNotFoundError: there is none.
          RecordError: it is empty, or does not begin as a RecordIO file.
        """
        self.path = pathlib.Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"no RecordIO file at {self.path}")
        self._descriptor = os.open(self.path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        self.size = os.fstat(self._descriptor).st_size
        if os.pread(self._descriptor, 4, 0) != _MAGIC_BYTES:
            raise RecordError(
                f"{self.path}: {'not a RecordIO file' if self.size else 'empty'}"
            )

    def __reduce__(self):
        return RecordFile, (self.path,)

    def read(self, offset: int, *, most: int = MAX_LENGTH) -> bytes:
        """The payload of the record at an offset, or the first `most` bytes of it.

        Raises:
          RecordError: there is no whole record at this place.
          OSError: the disk cannot be read.
        """
        payload, _ = self._read(offset, most)
        return payload

    def offsets(self) -> Iterator[tuple[int, int]]:
        """Yields (offset, end) of each record, for files that have no index.

        Raises:
          RecordError: the file is damaged from here on.
        """
        offset = 0
        while offset < self.size:
            _, end = self._read(offset, 0)
            yield offset, end
            offset = end

    def _read(self, offset: int, most: int) -> tuple[bytes, int]:
        """The beginning of a record's payload, and where the record ends."""
        start, payload, flag = offset, bytearray(), None
        while flag not in (0, 3):
            flag, length = self._part(start, offset, is_first=flag is None)
            if flag in (2, 3):
                payload += _MAGIC_BYTES
            left = max(most - len(payload), 0)
            payload += self._bytes(start + _PART.size, min(length, left), offset)
            start += _PART.size + length
            if start > self.size:
                raise self._damaged(offset, "it runs over the end of the file")
            if start - offset > MAX_LENGTH + _PART.size:
                raise self._damaged(offset, "it is longer than 512 MB")
            start += -length % 4
        return bytes(payload[:most]), start

    def _part(self, start: int, offset: int, is_first: bool) -> tuple[int, int]:
        """Flag and length of the part at `start`, of the record at `offset`."""
        head = self._bytes(start, _PART.size, offset)
        magic, word = _PART.unpack(head)
        flag, length = word >> 29, word & MAX_LENGTH
        if magic != _MAGIC:
            raise self._damaged(offset, "no magic number where a part should begin")
        if flag not in ((0, 1) if is_first else (2, 3)):
            raise self._damaged(offset, f"flag {flag} where no such part can be")
        return flag, length

    def _bytes(self, start: int, length: int, offset: int) -> bytes:
        if not 0 <= start <= self.size - length:
            raise self._damaged(offset, "it runs over the end of the file")
        data = os.pread(self._descriptor, length, start)
        if len(data) < length:  # the file was cut after it was opened
            raise self._damaged(offset, "the file has become shorter")
        return data

    def _damaged(self, offset: int, reason: str) -> RecordError:
        return RecordError(f"{self.path}: damaged record at byte {offset}: {reason}")


def read_index(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Reads an `.idx` file.

    Returns:
      Keys int64[N], which increase, and their offsets int64[N].

    Raises:
      FileNotFoundError: there is none.
      RecordError: not an index, empty, or a key twice.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no RecordIO index at {path}")
    if not path.stat().st_size:
        raise RecordError(f"{path}: empty")
    try:
        rows = np.loadtxt(path, np.int64, comments=None, ndmin=2)
    except (ValueError, OverflowError) as error:
        raise RecordError(f"{path}: not a RecordIO index ({error})") from error
    if rows.shape[1] != 2:
        raise RecordError(f"{path}: expected 2 columns, got {rows.shape[1]}")
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    if (np.diff(rows[:, 0]) == 0).any():
        raise RecordError(f"{path}: a key occurs twice")
    return rows[:, 0].copy(), rows[:, 1].copy()


def write(file: BinaryIO, payload: bytes) -> int:
    """Appends a record to a file; returns how many bytes it took.

    Raises:
      ValueError: it is longer than the format can hold.
    """
    parts = _split(payload)
    size = sum(_PART.size + len(part) + -len(part) % 4 for part in parts)
    if size > MAX_LENGTH:
        raise ValueError(
            f"a record holds at most {MAX_LENGTH} bytes, got {len(payload)}"
        )
    for number, part in enumerate(parts):
        is_first, is_last = number == 0, number == len(parts) - 1
        flag = (0 if is_last else 1) if is_first else (3 if is_last else 2)
        file.write(_PART.pack(_MAGIC, flag << 29 | len(part)))
        file.write(part + bytes(-len(part) % 4))
    return size


def _split(payload: bytes) -> list[bytes]:
    """The payload without the magic numbers at multiples of four, split at them."""
    parts, start = [], 0
    for match in re.finditer(re.escape(_MAGIC_BYTES), payload):
        if match.start() % 4 == 0:
            parts.append(payload[start : match.start()])
            start = match.end()
    return [*parts, payload[start:]]
