"""Packing a folder of photos into few large files: resumable, checked, accounted for.

Opening millions of small files is slow on most disks, and slower on those that are
shared. A packed set is read at random all the same, by `data.shards` and
`data.record_faces`.
"""

import collections
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tqdm

from maskarc import alignment, files, images, landmarks
from maskarc.data import crops, pack_writers, shards
from maskarc.masks import bulk

# What became of a file that is not in the set.
UNREADABLE, NO_FACE, TOO_FEW = "unreadable", "no_face", "too_few"
STRAY, IGNORED = "stray", "ignored"
_LANDMARKS = "landmarks.npz"
_ENCODINGS = ("jpg", "png")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What a set is made of.

    Attributes:
      file_format: "shards" (ArrayRecord) or "recordio" (InsightFace's).
      crop: side of the aligned crops to pack, in pixels; 0 packs the photos' own files.
      aligned: whether the photos are aligned crops already; no landmarks then.
      landmark_file: landmark table of the photos; empty to find them.
      detector: landmark back end, where there is no table; empty picks one.
      encoding: of the crops that are made here: "jpg", of quality 95, or "png".
      min_photos: identities with fewer usable photos are left out.
      part_photos: photos of a shard, or between two points a run can go on from.
    """

    file_format: str = shards.SHARDS
    crop: int = 0
    aligned: bool = False
    landmark_file: str = ""
    detector: str = ""
    encoding: str = "jpg"
    min_photos: int = 1
    part_photos: int = 20_000

    def __post_init__(self):
        if self.file_format not in pack_writers.WRITERS:
            raise ValueError(
                f"unknown format {self.file_format!r}; expected one of "
                f"{', '.join(pack_writers.WRITERS)}"
            )
        if self.encoding not in _ENCODINGS:
            raise ValueError(
                f"unknown encoding {self.encoding!r}; expected one of "
                f"{', '.join(_ENCODINGS)}"
            )
        if self.crop and self.aligned:
            raise ValueError(
                "photos that are aligned already are not cropped; drop one"
            )
        if self.file_format == shards.RECORDIO and not (self.crop or self.aligned):
            raise ValueError(
                "recordio holds no landmarks, so photos are packed as aligned crops: "
                "give a crop size, or say that they are aligned"
            )
        if self.aligned and (self.landmark_file or self.detector):
            raise ValueError("photos that are aligned already need no landmarks")
        for name, least in (("crop", 0), ("min_photos", 1), ("part_photos", 1)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"expected {name} of {least} or more, got {getattr(self, name)}"
                )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Photo:
    """A photo that goes into the set; the stamp tells the state of its file."""

    name: str
    label: int
    stamp: str
    points: np.ndarray | None


def pack_folder(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    threads: int = 2,
    progress: bool = True,
    **options: Any,
) -> dict[str, int]:
    """Packs the photos root/identity/photo.jpg of a folder into a set of few files.

    A run that was broken off goes on where it stopped, and ends with the same bytes as
    one that was not. Landmarks that are found here are kept beside the set. The input
    is only read.

    Args:
      source: the folder.
      output: folder of the set; new, empty, or of an earlier run with these settings.
        Of the two neither may lie in the other.
      threads: that read, crop and encode; the result does not depend on them.
      progress: whether to show progress bars.
      **options: the fields of `Settings`.

    Returns:
      How many files had which outcome: "packed", "unreadable", "no_face" (or landmarks
      that span none), "too_few" (photos of an identity), "stray" (in no identity's
      folder) or "ignored" (hidden, or no photo by its name).

    Raises:
      FileNotFoundError: the folder, or the landmark table, does not exist.
      ValueError: a setting out of range, folders that overlap, no photo that can be
        packed, an output that holds something else, or a photo that changes meanwhile.
      ImportError: the detector's packages are missing.
      OSError: a file cannot be written, such as for lack of space.
    """
    settings = Settings(**options)
    if threads < 1:
        raise ValueError(f"expected 1 thread or more, got {threads}")
    root, output = files.given(source).resolve(), files.given(output).resolve()
    listing = images.list_photos(root)
    files.check_apart(root, output, listing.linked)
    listing.check_any(root)
    detector = None
    if not settings.aligned and not settings.landmark_file:
        detector = landmarks.create_detector(settings.detector or None)
    bulk.check_settings(output, {"source": str(root), **dataclasses.asdict(settings)})
    table = _table(root, listing.names, output, settings, detector, progress)
    rows, photos, plan = _plan(root, listing, table, settings, threads, progress)
    # Before the set, so that no complete one is without it.
    lines = b"".join(map(files.to_json, rows))
    files.write_bytes(output / shards.MANIFEST, lines)
    _write_parts(root, output, photos, plan, settings, threads, progress)
    return dict(collections.Counter(row["outcome"] for row in rows))


def _table(
    root: pathlib.Path,
    photos: Sequence[str],
    output: pathlib.Path,
    settings: Settings,
    detector: landmarks.Detector | None,
    progress: bool,
) -> landmarks.LandmarkTable | None:
    """The landmarks of the photos; None where they need none."""
    if settings.landmark_file:
        return landmarks.LandmarkTable.load(settings.landmark_file)
    if detector is None:
        return None
    return landmarks.detect_folder(
        detector, root, photos, save_to=output / _LANDMARKS, progress=progress
    )


def _plan(
    root: pathlib.Path,
    listing: files.Listing,
    table: landmarks.LandmarkTable | None,
    settings: Settings,
    threads: int,
    progress: bool,
) -> tuple[list[dict[str, Any]], list[_Photo], pack_writers.Plan]:
    """Looks at every file: rows of the manifest, photos in their order, the plan."""
    names = listing.names
    looks = crops.read_ahead(
        lambda i: _look(root, names[i], table, settings), len(names), threads=threads
    )
    bar = tqdm.tqdm(looks, "looking", len(names), unit="img", disable=not progress)
    rows: list[dict[str, Any]] = []
    stamps = {}
    for name, (outcome, reason, stamp) in zip(names, bar, strict=True):
        rows.append({"path": name, "outcome": outcome, "reason": reason})
        stamps[name] = stamp
    for outcome, left_out in (
        (IGNORED, listing.ignored),
        (UNREADABLE, listing.unreadable),
    ):
        for name, reason in left_out.items():
            rows.append({"path": name, "outcome": outcome, "reason": reason})
    rows.sort(key=lambda row: row["path"])
    usable = collections.Counter(
        _identity(row["path"]) for row in rows if row["outcome"] == shards.PACKED
    )
    for row in rows:
        count = usable[_identity(row["path"])]
        if row["outcome"] == shards.PACKED and count < settings.min_photos:
            row["outcome"] = TOO_FEW
            row["reason"] = f"{count} usable photos of this identity"
    packed = [row for row in rows if row["outcome"] == shards.PACKED]
    if not packed:
        raise ValueError(
            f"no photo below {root} can be packed: expected identity/photo.jpg; the "
            f"first file, {rows[0]['path']}, is {rows[0]['outcome']}"
        )
    # As `sources.ImageFolder` numbers them.
    packed.sort(key=lambda row: (_identity(row["path"]), row["path"]))
    identities = sorted({_identity(row["path"]) for row in packed})
    labels = {identity: label for label, identity in enumerate(identities)}
    photos = []
    for record, row in enumerate(packed):
        name = row["path"]
        row |= {"label": labels[_identity(name)], "record": record}
        photos.append(
            _Photo(
                name=name,
                label=row["label"],
                stamp=stamps[name],
                points=None if table is None else table.get(name),
            )
        )
    plan = pack_writers.Plan(
        identities=tuple(identities),
        counts=tuple(usable[identity] for identity in identities),
        part_photos=settings.part_photos,
        size=settings.crop,
    )
    return rows, photos, plan


def _identity(name: str) -> str:
    return name.rpartition("/")[0]


def _look(
    root: pathlib.Path,
    name: str,
    table: landmarks.LandmarkTable | None,
    settings: Settings,
) -> tuple[str, str, str]:
    """Outcome and reason of a photo, and a stamp by which a change of it is noticed."""
    if "/" not in name:
        return STRAY, "not in an identity's folder", ""
    data, problem = bulk.read_photo(root, name)
    if not problem:
        try:
            images.decode_image(data, name)
        except images.ImageError as error:
            problem = str(error)
    if problem:
        return UNREADABLE, problem, ""
    if table is not None:
        points = table.get(name)
        if points is None:
            return NO_FACE, table.outcome(name) or "not in the landmark table", ""
        try:
            alignment.CROPS["arcface"](points, size=settings.crop or 112)
        except ValueError as error:
            return NO_FACE, str(error), ""
    return shards.PACKED, "", hashlib.sha256(data).hexdigest()


def _write_parts(
    root: pathlib.Path,
    output: pathlib.Path,
    photos: list[_Photo],
    plan: pack_writers.Plan,
    settings: Settings,
    threads: int,
    progress: bool,
) -> None:
    parts = [
        photos[first : first + plan.part_photos]
        for first in range(0, len(photos), plan.part_photos)
    ]
    digests = [_digest(part, plan) for part in parts]
    writer = pack_writers.WRITERS[settings.file_format](output, plan, digests)
    done = sum(map(len, parts[: writer.done]))
    with tqdm.tqdm(
        None, "packing", len(photos), initial=done, unit="img", disable=not progress
    ) as bar:
        for part, digest in list(zip(parts, digests, strict=True))[writer.done :]:
            writer.add(digest, _records(root, part, settings, threads, bar))
        writer.finish()


def _digest(part: list[_Photo], plan: pack_writers.Plan) -> str:
    """Of all that decides what a part holds, but the settings."""
    digest = hashlib.sha256(json.dumps([plan.photos, len(plan.identities)]).encode())
    for photo in part:
        digest.update(json.dumps([photo.name, photo.label, photo.stamp]).encode())
        if photo.points is not None:
            digest.update(np.asarray(photo.points, "<f4").tobytes())
    return digest.hexdigest()


def _records(
    root: pathlib.Path,
    part: list[_Photo],
    settings: Settings,
    threads: int,
    bar: tqdm.tqdm,
) -> Iterator[shards.FaceRecord]:
    def record(number: int) -> shards.FaceRecord:
        return _record(root, part[number], settings)

    for one in crops.read_ahead(record, len(part), threads=threads):
        yield one
        bar.update()


def _record(root: pathlib.Path, photo: _Photo, settings: Settings) -> shards.FaceRecord:
    data, problem = bulk.read_photo(root, photo.name)
    if problem or hashlib.sha256(data).hexdigest() != photo.stamp:
        raise ValueError(
            f"{photo.name} has changed while it was packed ({problem or 'content'}); "
            "repeat the command"
        )
    points = photo.points
    if settings.crop and points is not None:
        image = images.decode_image(data, photo.name)
        crop = alignment.crop_face(image, points, size=settings.crop)
        data, points = images.encode_image(crop, f"x.{settings.encoding}"), None
    return shards.FaceRecord(
        name=photo.name, label=photo.label, photo=data, landmarks=points
    )
