"""Random-access sources of labelled faces.

A source has ``len(source)``, ``source[i]``, ``num_classes`` and ``names``, and in most
cases ``labels`` int32[N], which balanced batches need. An element is a dict: "image"
uint8[H, W, 3] RGB, "landmarks" float32[68, 2] in its pixels (absent where the images
are aligned crops), and "label", an int in 0..num_classes−1. Grain shuffles, reads and
batches them.
"""

import collections
import dataclasses
import functools
import logging
import os
import pathlib
from typing import Any, Protocol

import numpy as np

from maskarc import extras, files, images
from maskarc.landmarks import table as landmark_table

_LOG = logging.getLogger(__name__)
_LISTING_HEADER = ["name", "label", "identity"]


class Source(Protocol):
    """What the pipeline reads from."""

    @property
    def num_classes(self) -> int:
        """Number of identities, C."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each element, such as its path below the root."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...


@dataclasses.dataclass(frozen=True)
class ImageFolder:
    """Photos in the VGGFace2 and CASIA layout, root/identity/photo.jpg.

    Build it with `from_folder`. Labels number the sorted identity names, so they are
    the same on every machine.

    Attributes:
      root: the folder.
      names: path of each photo below the root, '/'-separated, sorted.
      labels: int32[N].
      landmarks: float32[N, 68, 2].
      identities: name of each class, sorted.
      left_out: (name, reason) of files that are not used.
    """

    root: pathlib.Path
    names: tuple[str, ...]
    labels: np.ndarray
    landmarks: np.ndarray
    identities: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]

    @property
    def num_classes(self) -> int:
        """Number of identities that have photos, C."""
        return len(self.identities)

    @classmethod
    def from_folder(
        cls,
        root: str | os.PathLike[str],
        landmarks: landmark_table.LandmarkTable,
        *,
        min_photos: int = 1,
    ) -> "ImageFolder":
        """Lists the photos of a folder that have landmarks.

        Args:
          root: folder with one subfolder an identity.
          landmarks: by photo name (`landmarks.table.detect_folder`).
          min_photos: identities with fewer usable photos are left out.

        Raises:
          FileNotFoundError: no such folder.
          ValueError: no photo is left.
        """
        usable: dict[str, list[tuple[str, np.ndarray]]] = collections.defaultdict(list)
        listing = images.list_photos(root)
        left_out = [*listing.ignored.items(), *listing.unreadable.items()]
        for name in listing.names:
            points = landmarks.get(name)
            if "/" not in name:
                left_out.append((name, "not in an identity's folder"))
            elif points is None:
                left_out.append((name, "no landmarks"))
            else:
                usable[name.rsplit("/", 1)[0]].append((name, points))
        for identity in sorted(usable):
            if len(usable[identity]) < min_photos:
                photos = usable.pop(identity)
                reason = f"{identity} has fewer than {min_photos} usable photos"
                left_out.extend((name, reason) for name, _ in photos)
        if not usable:
            rest = "".join(f"; {files.shown(n)}: {why}" for n, why in left_out[-1:])
            raise ValueError(
                f"none of the {len(listing.names)} photos in {root} can be used: "
                f"expected identity/photo.jpg and landmarks for them{rest}"
            )
        for line in listing.lines():
            _LOG.warning("%s: %s", root, line)
        if others := left_out[len(listing.ignored) + len(listing.unreadable) :]:
            name, reason = others[0]
            _LOG.warning(
                "%s: %d photos are not used, such as %s: %s",
                *(root, len(others), files.shown(name), reason),
            )
        identities = tuple(sorted(usable))
        rows = [
            (name, label, points)
            for label, identity in enumerate(identities)
            for name, points in usable[identity]
        ]
        names, labels, points = zip(*rows, strict=True)
        return cls(
            root=pathlib.Path(root),
            names=names,
            labels=np.array(labels, np.int32),
            landmarks=np.stack(points),
            identities=identities,
            left_out=tuple(left_out),
        )

    @classmethod
    def from_listing(
        cls,
        root: str | os.PathLike[str],
        listing: str | os.PathLike[str],
        landmarks: landmark_table.LandmarkTable,
    ) -> "ImageFolder":
        """Takes the photos of a listing, whatever the folder holds by now.

        Photos that are gone keep their numbers and labels, and fail when they are read;
        those that are not listed are not used.

        Args:
          root: folder of the photos.
          listing: from `save_listing`.
          landmarks: by photo name.

        Raises:
          FileNotFoundError: no such listing.
          ValueError: it is damaged, or a photo has no landmarks.
        """
        rows = _read_listing(pathlib.Path(listing))
        names = tuple(name for name, _, _ in rows)
        points = [landmarks.get(name) for name in names]
        if lost := [n for n, p in zip(names, points, strict=True) if p is None]:
            raise ValueError(
                f"{listing} lists {len(lost)} photos that have no landmarks now, such "
                f"as {lost[0]}; bring back the landmark table that it was made with"
            )
        people = {label: identity for _, label, identity in rows}
        return cls(
            root=pathlib.Path(root),
            names=names,
            labels=np.array([label for _, label, _ in rows], np.int32),
            landmarks=np.stack([p for p in points if p is not None]),
            identities=tuple(people[label] for label in sorted(people)),
            left_out=(),
        )

    def save_listing(self, path: str | os.PathLike[str]) -> None:
        """Writes names, labels and identities as CSV, for `from_listing`."""
        labels = self.labels.tolist()
        people = (self.identities[label] for label in labels)
        rows = zip(self.names, labels, people, strict=True)
        files.write_csv(path, [_LISTING_HEADER, *rows])

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {
            "image": images.read_image(self.root / self.names[index]),
            "landmarks": self.landmarks[index],
            "label": int(self.labels[index]),
        }


def listed_names(listing: str | os.PathLike[str]) -> list[str]:
    """The names of the photos in a listing (`ImageFolder.save_listing`).

    Raises:
      FileNotFoundError: no such listing.
      ValueError: it is damaged.
    """
    return [name for name, _, _ in _read_listing(pathlib.Path(listing))]


def _read_listing(path: pathlib.Path) -> list[tuple[str, int, str]]:
    """The rows (name, label, identity) of a listing."""
    if not path.is_file():
        raise FileNotFoundError(f"no listing of photos at {path}")
    try:
        header, *rows = files.read_csv(path)
        if header != _LISTING_HEADER or not rows:
            raise ValueError(f"expected rows of {', '.join(_LISTING_HEADER)}")
        listing = [(name, int(label), identity) for name, label, identity in rows]
        people = {label: identity for _, label, identity in listing}
        if sorted(people) != list(range(len(people))):
            raise ValueError("its labels are not 0, 1, 2, …")
        if any(people[label] != identity for _, label, identity in listing):
            raise ValueError("a label stands for two identities")
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    return listing


@dataclasses.dataclass(frozen=True)
class TfdsFaces:
    """A prepared TensorFlow data set of faces, read without TensorFlow.

    The data set must be stored as ArrayRecord and have the features "image", "label"
    (an integer) and "landmarks" float[68, 2].

    Attributes:
      records: ``tfds.data_source(...)``.
      num_classes: number of identities, C.
      bare: the same with images not decoded, from which the labels are listed.
    """

    records: Any
    num_classes: int
    bare: Any

    @classmethod
    def load(cls, name: str, *, split: str, data_dir: str | None = None) -> "TfdsFaces":
        """Opens a prepared data set.

        Raises:
          ImportError: tensorflow-datasets is missing.
          ValueError: a feature is missing.
        """
        with extras.needed("tfds"):
            import tensorflow_datasets as tfds
        builder = tfds.builder(name, data_dir=data_dir)
        features = builder.info.features
        if missing := {"image", "label", "landmarks"} - set(features):
            raise ValueError(
                f"{name} has no feature {sorted(missing)}; it has {sorted(features)}"
            )
        as_they_are = {
            name: tfds.decode.SkipDecoding()
            for name, feature in features.items()
            if isinstance(feature, tfds.features.Image)
        }
        return cls(
            records=builder.as_data_source(split=split),
            num_classes=features["label"].num_classes,
            bare=builder.as_data_source(split=split, decoders=as_they_are),
        )

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """The label of each record, int32[N]; reads the whole set once."""
        labels = (self.bare[index]["label"] for index in range(len(self)))
        return np.fromiter(labels, np.int32, len(self))

    @property
    def names(self) -> tuple[str, ...]:
        """Record numbers: tfds keeps no file names."""
        return tuple(f"{index:08d}" for index in range(len(self)))

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        record = self.records[index]
        return {
            "image": record["image"],
            "landmarks": np.asarray(record["landmarks"], np.float32),
            "label": int(record["label"]),
        }
