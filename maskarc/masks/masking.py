"""Masking one photo, bytes in and bytes out: what bulk, Beam and tfds share."""

import dataclasses
import functools
import hashlib
import pathlib
from typing import Any

import numpy as np

from maskarc import files, images, landmarks
from maskarc.landmarks import files as landmark_files
from maskarc.landmarks import registry
from maskarc.landmarks import types as landmark_types
from maskarc.masks import database, figures, labels, manifest, mixture, wearing

FACES = ("main", "all")
# Folder below the output for the pictures that go with a masked photo.
EXTRAS = "extras"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What to do with every photo of a set.

    Attributes:
      masks: what is drawn from, in the language of `masks.mixture`: "builtin", a
        masks.json, "surgical:3, cloth[floral]@nose_out=0.1".
      size_jitter: see `mixture.Mixture`, ≥ 0.
      shift_jitter: likewise.
      seed: which mask goes on which face, ≥ 0.
      detector: landmark back end; empty takes the default.
      landmark_file: landmarks to use instead of a detector: a table by photo name, or
        a .npy array for every photo.
      faces: "main" masks the main face of a photo, "all" every face.
      save_mask: whether to write the binary mask, a grey PNG of 0 and 255.
      overlay: whether to write the result with outlines, boxes and landmarks.
      side_by_side: whether to write the original beside the result.
      labels: of "coco" and "yolo"; boxes and types of the masks (`masks.labels`).
      max_pixels: larger photos are refused.

    Raises:
      ValueError: a field is out of its range.
    """

    masks: str = database.BUILTIN
    size_jitter: float = 0.0
    shift_jitter: float = 0.0
    seed: int = 0
    detector: str = ""
    landmark_file: str = ""
    faces: str = "main"
    save_mask: bool = False
    overlay: bool = False
    side_by_side: bool = False
    labels: tuple[str, ...] = ()
    max_pixels: int = images.MAX_PIXELS

    def __post_init__(self):
        object.__setattr__(self, "labels", tuple(sorted(set(self.labels))))
        if self.seed < 0:
            raise ValueError(f"expected a seed of 0 or more, got {self.seed}")
        for name in ("size_jitter", "shift_jitter"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"expected {name} from 0 to 1, got {getattr(self, name)}"
                )
        if self.faces not in FACES:
            raise ValueError(f"expected faces 'main' or 'all', got {self.faces!r}")
        if unknown := set(self.labels) - set(labels.FORMATS):
            raise ValueError(
                f"unknown labels {', '.join(sorted(unknown))}; expected "
                f"{' or '.join(labels.FORMATS)}"
            )
        if self.max_pixels < 1:
            raise ValueError(f"expected max_pixels of 1 or more, got {self.max_pixels}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedPhoto:
    """What became of one photo.

    Attributes:
      row: its row of the manifest (`masks.manifest`).
      files: what is to be written: path below the output → content.
    """

    row: dict[str, Any]
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)


def mask_photo(
    data: bytes,
    name: str,
    settings: Settings,
    known: landmark_files.Row | None = None,
) -> MaskedPhoto:
    """Masks one photo; a function of its arguments alone, in any process.

    Args:
      data: content of the photo's file.
      name: its path below the input, '/'-separated.
      settings: what to do.
      known: its row of the landmark table, where `settings` names one.

    Raises:
      FileNotFoundError, ValueError, ImportError: masks or detector cannot be had.
        Whatever is wrong with the photo itself becomes its outcome.
    """
    masks, detector = load_masks(settings), load_detector(settings)
    if not images.is_image(name):
        return left_out(name, settings, manifest.IGNORED, images.NO_PHOTO)
    if known is None and detector is None:
        return left_out(name, settings, manifest.NO_FACE, "not in the landmark table")
    if known is not None and known.points is None:
        outcome, _, reason = known.outcome.partition(": ")
        reason = reason or "the landmark table has no face"
        return left_out(name, settings, outcome, reason)
    try:
        photo = images.decode_image(
            data, pathlib.PurePosixPath(name).name, max_pixels=settings.max_pixels
        )
        if known is not None:
            faces = [_face(known)]
        else:
            faces = detector(photo, name) if detector is not None else []
        return _mask_faces(photo, name, settings, masks, faces)
    except images.ImageError as error:
        return left_out(name, settings, manifest.UNREADABLE, str(error))
    except Exception as error:
        # One odd photo must not stop a run over a million.
        return left_out(
            name, settings, manifest.FAILED, f"{type(error).__name__}: {error}"
        )


def left_out(name: str, settings: Settings, outcome: str, reason: str) -> MaskedPhoto:
    """The result for a photo of which nothing is written."""
    return MaskedPhoto(row=manifest.row(name, settings.seed, outcome, reason))


def extra_name(kind: str, name: str) -> str:
    """Where a photo's "mask", "overlay" or "side_by_side" goes, below the output."""
    return files.fitted(f"{EXTRAS}/{kind}/{name}.png")


def with_detector(settings: Settings) -> Settings:
    """The settings with the name of the detector that is used where they have none."""
    if settings.detector or settings.landmark_file:
        return settings
    return dataclasses.replace(settings, detector=registry.DEFAULT)


def load_masks(settings: Settings) -> mixture.Mixture:
    """The mixture of these settings, read once a process."""
    return _parse_masks(settings.masks, settings.size_jitter, settings.shift_jitter)


@functools.lru_cache(maxsize=2)
def _parse_masks(text: str, size_jitter: float, shift_jitter: float) -> mixture.Mixture:
    return mixture.parse(text, size_jitter=size_jitter, shift_jitter=shift_jitter)


def load_detector(settings: Settings) -> landmarks.Detector | None:
    """The detector of these settings, made once a process; None for a table."""
    return _create_detector(settings.detector, settings.landmark_file)


@functools.lru_cache(maxsize=2)
def _create_detector(name: str, landmark_file: str) -> landmarks.Detector | None:
    if pathlib.Path(landmark_file).suffix.lower() == ".npy":
        return landmarks.create_detector("given", landmarks=landmark_file)
    return None if landmark_file else landmarks.create_detector(name or None)


def forget() -> None:
    """Makes the next calls read masks and detectors anew."""
    _parse_masks.cache_clear()
    _create_detector.cache_clear()


def _face(known: landmark_files.Row) -> landmarks.Face:
    points = np.asarray(known.points, np.float32)
    box = landmark_types.box_of(points)
    return landmarks.Face(box=box, score=1.0, points=points, layout="68")


def _mask_faces(
    photo: np.ndarray,
    name: str,
    settings: Settings,
    masks: mixture.Mixture,
    faces: list[landmarks.Face],
) -> MaskedPhoto:
    finite = [face for face in faces if np.isfinite(face.points).all()]
    if not finite:
        reason = "the landmarks are not finite" if faces else "no face was found"
        return left_out(name, settings, manifest.NO_FACE, reason)
    faces = wearing.order_faces(finite, photo.shape)
    points = [landmarks.to_landmarks(face.points, face.layout) for face in faces]
    chosen = points if settings.faces == "all" else points[:1]
    result, worn = wearing.put_on_all(
        photo, chosen, masks, seed=settings.seed, name=name
    )
    records = [
        manifest.face_record(
            face, worn[i] if i < len(worn) else None, "coco" in settings.labels
        )
        for i, face in enumerate(faces)
    ]
    height, width = photo.shape[:2]
    row = manifest.row(name, settings.seed, manifest.UNFIT)
    row |= {"size": [width, height], "faces": records}
    put_on = [w for w in worn if isinstance(w, wearing.Worn)]
    if not put_on:
        return MaskedPhoto(row=row | {"reason": str(worn[0])})
    written = images.writable_name(name)
    content = images.encode_image(result, written)
    extras = _extras(photo, result, records, put_on, name, settings)
    if "yolo" in settings.labels:
        text = labels.yolo_text(records, (width, height), masks.kinds)
        extras[labels.yolo_name(written)] = text.encode()
    row |= {
        "outcome": manifest.MASKED,
        "result": written,
        "sha256": _digest(content),
        "extras": {path: _digest(extra) for path, extra in extras.items()},
    }
    return MaskedPhoto(row=row, files={written: content, **extras})


def _extras(
    photo: np.ndarray,
    result: np.ndarray,
    records: list[dict[str, Any]],
    put_on: list[wearing.Worn],
    name: str,
    settings: Settings,
) -> dict[str, bytes]:
    """The pictures that were asked for beside the masked photo."""
    covered = labels.binary(np.max([worn.alpha for worn in put_on], axis=0))
    pictures = {}
    if settings.save_mask:
        pictures["mask"] = covered
    if settings.overlay:
        pictures["overlay"] = figures.draw_overlay(result, covered, records)
    if settings.side_by_side:
        pictures["side_by_side"] = np.concatenate([photo, result], axis=1)
    return {
        extra_name(kind, name): images.encode_image(picture, "x.png")
        for kind, picture in pictures.items()
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
