"""Writing a packed set part by part, so that a run that was killed keeps what it did.

A set of the format "shards" is ArrayRecord files (`data.shards`), one a part. Of the
format "recordio" it is InsightFace's `train.rec`, `train.idx` and `property`
(`data.recordio`); there a part is a stretch of the one file, which has another name
until it is complete. Each part that is finished stands in index.json at once, with a
digest of what was to be in it: it is kept while that is the same.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from maskarc import files
from maskarc.data import recordio, shards


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a set is to hold.

    Attributes:
      identities: name of each label.
      counts: photos of each, ≥ 1.
      part_photos: photos of a part; the last one may have fewer.
      size: side of the crops in pixels; 0 for photos of any size.
    """

    identities: tuple[str, ...]
    counts: tuple[int, ...]
    part_photos: int
    size: int

    @property
    def photos(self) -> int:
        """Photos of the set."""
        return sum(self.counts)

    @property
    def parts(self) -> int:
        """Parts of the set."""
        return -(-self.photos // self.part_photos)


class Writer(Protocol):
    """Writes the parts of a set in their order."""

    done: int  # parts that need not be written again, from the first on

    def add(self, digest: str, records: Iterable[shards.FaceRecord]) -> None:
        """Writes the next part.

        Raises:
          OSError: it cannot be written; the parts before it stay.
        """
        ...

    def finish(self) -> None:
        """Completes the set, after its last part."""
        ...


class ShardWriter:
    """Writes a set of the format "shards"."""

    def __init__(self, folder: pathlib.Path, plan: Plan, digests: list[str]):
        """Begins, or goes on with, a set.

        Args:
          folder: of the set; exists.
          plan: what it is to hold.
          digests: of the plan of each part.
        """
        self._folder, self._plan = folder, plan
        self._parts, _ = _known_parts(folder, shards.SHARDS)
        # Every part stands for itself, but they are counted from the first on.
        self.done = 0
        for part, digest in zip(self._parts, digests, strict=False):
            path = folder / self._name(self.done)
            if not (
                part["plan"] == digest
                and part["file"] == path.name
                and path.is_file()
                and path.stat().st_size == part["bytes"]
            ):
                break
            self.done += 1
        del self._parts[self.done :]

    def _name(self, number: int) -> str:
        return f"faces-{number:05d}-of-{self._plan.parts:05d}.array_record"

    def add(self, digest: str, records: Iterable[shards.FaceRecord]) -> None:
        """Writes the next part, a file; see `Writer`."""
        path = self._folder / self._name(self.done)
        shards.write_shard(path, records)
        first = self.done * self._plan.part_photos
        self._parts.append(
            {
                "file": path.name,
                "photos": min(self._plan.part_photos, self._plan.photos - first),
                "bytes": path.stat().st_size,
                "sha256": file_digest(path),
                "plan": digest,
            }
        )
        self.done += 1
        _write_index(self._folder, shards.SHARDS, self._plan, self._parts, False)

    def finish(self) -> None:
        """Completes the index, and removes shards of an earlier plan."""
        _write_index(self._folder, shards.SHARDS, self._plan, self._parts, True)
        own = {part["file"] for part in self._parts}
        for path in self._folder.glob("faces-*.array_record"):
            if path.name not in own:
                path.unlink()


class RecordWriter:
    """Writes a set of the format "recordio", as InsightFace lays it out."""

    def __init__(self, folder: pathlib.Path, plan: Plan, digests: list[str]):
        """Begins, or goes on with, a set; see `ShardWriter`."""
        self._folder, self._plan = folder, plan
        self._path = folder / "train.rec"
        self._partial = folder / ".train.rec.partial"
        self._parts, is_complete = _known_parts(folder, shards.RECORDIO)
        self._is_complete = (
            is_complete and self._path.is_file() and not self._partial.exists()
        )
        path = self._path if self._is_complete else self._partial
        size = path.stat().st_size if path.is_file() else 0
        self.done = 0
        for part, digest in zip(self._parts, digests, strict=False):
            if part["plan"] != digest or part["end"] > size:
                break
            self.done += 1
        self._is_complete &= self.done == len(digests) == len(self._parts)
        if path is self._path and not self._is_complete:
            self.done = 0
        del self._parts[self.done :]

    def add(self, digest: str, records: Iterable[shards.FaceRecord]) -> None:
        """Writes the next part, a stretch of the file; see `Writer`."""
        key = 1 + self.done * self._plan.part_photos
        start = self._parts[-1]["end"] if self._parts else 0
        with self._partial.open("r+b" if start else "wb") as file:
            file.truncate(start)
            file.seek(start)
            if not start:
                ranges = 1 + self._plan.photos
                beyond = ranges + len(self._plan.identities)
                recordio.write(file, _range(0, ranges, beyond))
            first = key
            for record in records:
                payload = recordio.Record(
                    labels=np.array([record.label], np.float32),
                    content=record.photo,
                    number=key,
                )
                recordio.write(file, recordio.pack(payload))
                key += 1
            file.flush()
            os.fsync(file.fileno())
            end = file.tell()
        self._parts.append(
            {
                "file": self._path.name,
                "photos": key - first,
                "bytes": end - start,
                "end": end,
                "plan": digest,
            }
        )
        self.done += 1
        _write_index(self._folder, shards.RECORDIO, self._plan, self._parts, False)

    def finish(self) -> None:
        """Writes ranges, index and property, and gives the file its name."""
        if self._is_complete:
            return
        start = self._parts[-1]["end"]
        with self._partial.open("r+b") as file:
            file.truncate(start)
            file.seek(start)
            key = 1 + self._plan.photos
            first = 1
            for count in self._plan.counts:
                recordio.write(file, _range(key, first, first + count))
                key, first = key + 1, first + count
            file.flush()
            os.fsync(file.fileno())
        offsets = recordio.RecordFile(self._partial).offsets()
        lines = [f"{key}\t{offset}\n" for key, (offset, _) in enumerate(offsets)]
        files.write_bytes(self._folder / "train.idx", "".join(lines).encode())
        if self._plan.size:
            text = f"{len(self._plan.identities)},{self._plan.size},{self._plan.size}"
            files.write_bytes(self._folder / "property", text.encode())
        digest = file_digest(self._partial)
        _write_index(
            self._folder, shards.RECORDIO, self._plan, self._parts, True, sha256=digest
        )
        os.replace(self._partial, self._path)
        self._is_complete = True


def _range(key: int, first: int, beyond: int) -> bytes:
    labels = np.array([first, beyond], np.float32)
    record = recordio.Record(labels=labels, content=b"", number=key, has_list=True)
    return recordio.pack(record)


# Format → how its sets are written.
WRITERS: dict[str, Callable[[pathlib.Path, Plan, list[str]], Writer]] = {
    shards.SHARDS: ShardWriter,
    shards.RECORDIO: RecordWriter,
}


def file_digest(path: pathlib.Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _known_parts(
    folder: pathlib.Path, file_format: str
) -> tuple[list[dict[str, Any]], bool]:
    """The parts that an earlier run finished, and whether these are all.

    None where its index is damaged.
    """
    try:
        index = shards.read_index(folder)
    except (FileNotFoundError, shards.ShardError):
        return [], False
    if index["format"] != file_format:
        return [], False
    return index["parts"], index["complete"]


def _write_index(
    folder: pathlib.Path,
    file_format: str,
    plan: Plan,
    parts: list[dict[str, Any]],
    is_complete: bool,
    **more: Any,
) -> None:
    index = {
        "format": file_format,
        "complete": is_complete,
        "identities": plan.identities,
        "counts": plan.counts,
        "parts": parts,
        **more,
    }
    files.write_json(folder / shards.INDEX, index, indent=1)
