"""Photo → face → crop → embedding → answer: the whole way, for users.

recognizer = Recognizer.load()
recognizer.verify("bare.jpg", "masked.jpg").is_same
"""

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import tqdm

from maskarc import (
    alignment,
    cohorts,
    face_quality,
    files,
    images,
    inference,
    landmarks,
    mask_detection,
    masked_views,
    models,
)
from maskarc.data import crops

Photo = str | os.PathLike[str] | np.ndarray
# The model that is used where none is named.
DEFAULT = "masked_r29"
OK, NO_FACE, UNREADABLE = "ok", "no_face", "unreadable"
# How many of two photos show a mask → what they wear.
_WEARING = ("bare-bare", "bare-masked", "masked-masked")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """What became of one photo.

    Attributes:
      outcome: "ok", "no_face" or "unreadable".
      reason: why it is not "ok".
      embedding: float32[D], of length 1; of NaN where there is none.
      box: float32[4], left, top, right, bottom of the face in the photo's pixels.
      face_count: faces in the photo; the main one is embedded.
      masked: how probably the face wears a mask, in [0, 1]; NaN where there is none.
      in_masks: float32[D], to compare with the embedding of a masked face, likewise of
        length 1 (`masked_views.Faces`); the embedding itself of a masked face, and
        where it was not asked for.
      commonness: what is taken off its similarity to others where one is masked
        (`cohorts.Cohort.commonness`); 0 where no cohort is known.
      doubt: why no verdict about the face is given (`face_quality.doubt`); empty where
        it can be compared, and where there is none.
    """

    outcome: str
    reason: str
    embedding: np.ndarray
    box: np.ndarray
    face_count: int
    masked: float
    in_masks: np.ndarray
    commonness: float
    doubt: str = ""


# Field → column of an .npz, a row a photo.
COLUMNS = {
    "outcome": "outcomes",
    "reason": "reasons",
    "embedding": "embeddings",
    "box": "boxes",
    "face_count": "face_counts",
    "masked": "masked",
    "in_masks": "in_masks",
    "commonness": "commonness",
    "doubt": "doubts",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """Whether two photos show one person.

    Attributes:
      is_same: None where it cannot be told.
      similarity: of two bare faces the cosine; where one is masked, that of
        `masked_views.Faces`, on about the same scale.
      threshold: least similarity of one person's photos, or None.
      far: share of different people that the threshold takes for one at most; or None.
      wearing: what the photos were taken to wear: "bare-bare", "bare-masked" (in either
        order) or "masked-masked".
      masked: how probably each face wears a mask, in [0, 1].
      face_counts: faces found in each photo; the main one was compared.
      reason: why it cannot be told; empty where there is a verdict.
    """

    is_same: bool | None
    similarity: float
    threshold: float | None
    far: float | None
    wearing: str
    masked: tuple[float, float]
    face_counts: tuple[int, int]
    reason: str = ""


class NoFaceError(ValueError):
    """A photo that cannot be compared: unreadable, or without a face."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Looked:
    """A photo's main face, before it is embedded; the fields of `Embedded`.

    `image`, `points` and `crop` are None where there is none.
    """

    outcome: str = OK
    reason: str = ""
    box: np.ndarray = dataclasses.field(
        default_factory=lambda: np.full(4, np.nan, np.float32)
    )
    face_count: int = 0
    masked: float = float("nan")
    doubt: str = ""
    image: np.ndarray | None = None
    points: np.ndarray | None = None
    crop: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Recognizer:
    """Finds, aligns, embeds and compares faces.

    Attributes:
      embedder: the network.
      detector: finds the faces and their landmarks.
      views: tells who wears a mask, and puts bare faces into some.
      thresholds: what the photos wear ("bare-bare", "bare-masked", "masked-masked") →
        (false acceptance rate, least similarity), the lowest rate last; empty where
        none were measured.
      cohort: strangers in masks, to compare with; or None.
    """

    embedder: inference.Embedder
    detector: landmarks.Detector
    views: masked_views.MaskedViews
    thresholds: Mapping[str, tuple[tuple[float, float], ...]] = dataclasses.field(
        default_factory=dict
    )
    cohort: cohorts.Cohort | None = None

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str] = DEFAULT,
        *,
        architecture: str = "",
        detector: str = "",
        flip: bool = True,
        batch_size: int = 64,
    ) -> Self:
        """Loads a model and a detector.

        Args:
          model: a name in `models.PRETRAINED`, the run folder of a training, or a
            weights file (`inference.load_weights`).
          architecture: of a weights file of others, a key of `models.MODELS`.
          detector: landmark back end; empty takes the default.
          flip: add the embedding of the mirrored crop; without, no threshold is known.
          batch_size: crops a call of the network.

        Raises:
          FileNotFoundError, ValueError, ImportError: as `inference.load_weights` and
            `landmarks.create_detector`.
        """
        known = models.PRETRAINED.get(str(model))
        weights = inference.load_weights(model, model=architecture)
        embedder = inference.Embedder(weights, flip=flip, batch_size=batch_size)
        if embedder.embed_dim == 1:
            raise ValueError(f"{model} gives one number, and no embedding of a face")
        return cls(
            embedder=embedder,
            detector=landmarks.create_detector(detector or None),
            views=mask_detection.MaskDetector.load().views(),
            thresholds=known.thresholds if known and flip else {},
            cohort=embedder.cohort,
        )

    def embed(
        self,
        photos: Sequence[Photo],
        *,
        against_masked: bool = False,
        progress: bool = False,
    ) -> list[Embedded]:
        """Embeds the main face of each photo.

        Args:
          photos: paths, or images (`images.to_photo`).
          against_masked: also put bare faces into masks, for `Embedded.in_masks`; they
            take three times as long.
          progress: show a bar.

        Returns:
          One outcome a photo, in order; none is left out.

        Raises:
          ValueError: the network's weights are broken.
          TypeError: one path, and no list of them.
        """
        files.check_many(photos, "photos")
        found: list[tuple[_Looked, int]] = []

        def look(index: int) -> tuple[_Looked, tuple[np.ndarray, ...]]:
            seen = self._look(photos[index])
            views: tuple[np.ndarray, ...] = ()
            if against_masked and seen.masked < masked_views.LEAST:
                try:
                    views = self._views(seen)
                except ValueError as error:
                    return _Looked(outcome=NO_FACE, reason=str(error)), ()
            return dataclasses.replace(seen, image=None), views

        def usable() -> Iterator[np.ndarray]:
            stream = crops.read_ahead(look, len(photos))
            for seen, views in tqdm.tqdm(
                stream, "embedding", len(photos), unit="img", disable=not progress
            ):
                kept = dataclasses.replace(seen, crop=None)
                found.append((kept, len(views)))
                if seen.crop is not None:
                    yield seen.crop
                yield from views

        embeddings = self.embedder.embed(usable())
        result, row = [], 0
        for seen, count in found:
            end = row + (seen.outcome == OK) + count
            result.append(self._embedded(seen, embeddings[row:end]))
            row = end
        return result

    def similarities(
        self, first: Sequence[Embedded], second: Sequence[Embedded]
    ) -> np.ndarray:
        """Compares each face with each, as `verify` does.

        Args:
          first: N faces, of `embed`; with against_masked if others are masked.
          second: M faces, likewise.

        Returns:
          float32[N, M]; NaN where there is no face.
        """
        if not first or not second:
            return np.zeros((len(first), len(second)), np.float32)
        return _faces(first).similarities(_faces(second))

    def verify(
        self,
        a: Photo,
        b: Photo,
        *,
        far: float = 1e-2,
        wearing: str = "",
        any_quality: bool = False,
    ) -> Verification:
        """Compares the main faces of two photos.

        Two bare faces by cosine; where one is masked, by `masked_views` and `cohorts`.
        There is no verdict where a face is too small, blurred, dark, bright or noisy
        (`face_quality`): of such, far more than `far` are taken for one person.

        Args:
          a: path or image.
          b: likewise.
          far: false acceptance rate, one of those in `thresholds`.
          wearing: what the photos are known to wear, "bare-bare", "bare-masked" (in
            either order) or "masked-masked"; empty to look. The threshold is that of
            such pairs.
          any_quality: give a verdict about such faces too.

        Raises:
          NoFaceError: a photo is unreadable or shows no face.
          ValueError: no threshold was measured at this rate, or an unknown wearing.
        """
        self._check(far, wearing)
        photos, doubts = (a, b), []
        looked = list(crops.read_ahead(lambda index: self._look(photos[index]), 2))
        for photo, seen, which in zip(photos, looked, ("first", "second"), strict=True):
            name = f"the {which} image" if isinstance(photo, np.ndarray) else photo
            if seen.outcome != OK:
                raise NoFaceError(f"{name}: {seen.reason}")
            if seen.doubt and not any_quality:
                doubts.append(f"{name}: {seen.doubt}")
        first, second = looked
        if not wearing:
            masks = [seen.masked >= masked_views.LEAST for seen in looked]
            wearing = _WEARING[sum(masks)]
        views: tuple[np.ndarray, ...] = ()
        if wearing == "bare-masked":  # the bare one comes first
            first, second = sorted(looked, key=lambda seen: seen.masked)
            views = self._views(first)
        embeddings = self.embedder.embed(
            [crop for crop in (second.crop, first.crop, *views) if crop is not None]
        )
        # As they are known to be, whatever was seen.
        one = dataclasses.replace(
            _faces([self._embedded(first, embeddings[1:])]),
            is_masked=np.array([wearing == "masked-masked"]),
        )
        other = dataclasses.replace(
            _faces([self._embedded(second, embeddings[:1])]),
            is_masked=np.array([wearing != "bare-bare"]),
        )
        [similarity] = one.paired(other).tolist()
        threshold = dict(self.thresholds.get(wearing, ())).get(far)
        if threshold is None:
            doubts.append("no threshold is known of this model, used so")
        return Verification(
            is_same=None if doubts else similarity >= threshold,
            similarity=similarity,
            threshold=threshold,
            far=None if threshold is None else far,
            wearing=wearing,
            masked=(looked[0].masked, looked[1].masked),
            face_counts=(looked[0].face_count, looked[1].face_count),
            reason="; ".join(doubts),
        )

    def _check(self, far: float, wearing: str) -> None:
        """Whether there are thresholds for what is asked."""
        if wearing and wearing not in _WEARING:
            raise ValueError(
                f"unknown wearing {wearing!r}; expected one of {', '.join(_WEARING)}"
            )
        for name in [wearing] if wearing else self.thresholds:
            rates = dict(self.thresholds.get(name, ()))
            if self.thresholds and far not in rates:
                raise ValueError(
                    f"no threshold was measured at a false acceptance rate of {far:g} "
                    f"for {name} photos; expected one of "
                    f"{', '.join(f'{rate:g}' for rate in rates) or 'none'}"
                )

    def _look(self, photo: Photo) -> _Looked:
        """The main face of a photo, or why there is none."""
        try:
            if isinstance(photo, np.ndarray):
                image = images.to_photo(photo)
            else:
                image = images.read_image(photo)
            faces = self.detector(image)
        except (images.ImageError, OSError) as error:
            return _Looked(outcome=UNREADABLE, reason=str(error))
        face = landmarks.main_face(faces, image.shape)
        if face is None:
            return _Looked(outcome=NO_FACE, reason="no face was found")
        points = landmarks.to_landmarks(face.points, face.layout)
        try:
            crop = alignment.crop_face(
                image, points, size=self.embedder.image_size, crop=self.embedder.crop
            )
            masked = self.views.probability(image, points)
            doubt = face_quality.doubt(face_quality.measure(image, points))
        except ValueError as error:
            return _Looked(outcome=NO_FACE, reason=str(error))
        return _Looked(
            box=face.box,
            face_count=len(faces),
            masked=masked,
            doubt=doubt,
            image=image,
            points=points,
            crop=crop,
        )

    def _embedded(self, seen: _Looked, embeddings: np.ndarray) -> Embedded:
        """The outcome, of embeddings float32[1 + K, D]: as it is, and in masks."""
        commonness = 0.0
        if seen.outcome != OK:
            embedding = in_masks = np.full(embeddings.shape[1], np.nan, np.float32)
        else:
            embedding = in_masks = _unit(embeddings[0])
            if len(embeddings) > 1:
                in_masks = masked_views.add_views(embeddings[0], embeddings[1:])
            if self.cohort is not None:
                [commonness] = self.cohort.commonness(in_masks[None]).tolist()
        return Embedded(
            outcome=seen.outcome,
            reason=seen.reason,
            embedding=embedding,
            box=seen.box,
            face_count=seen.face_count,
            masked=seen.masked,
            in_masks=in_masks,
            commonness=commonness,
            doubt=seen.doubt,
        )

    def _views(self, seen: _Looked) -> tuple[np.ndarray, ...]:
        """The crops of a face in masks."""
        assert seen.image is not None and seen.points is not None
        return self.views.crops(
            seen.image,
            seen.points,
            size=self.embedder.image_size,
            crop=self.embedder.crop,
        )


def save_embeddings(
    path: str | os.PathLike[str],
    names: Sequence[str],
    embedded: Sequence[Embedded],
    *,
    stamps: Sequence[str] = (),
    about: Mapping[str, Any] | None = None,
) -> None:
    """Writes an .npz without pickle: a row a photo.

    names, outcomes, reasons, embeddings [N, D], boxes [N, 4], face_counts [N], masked
    [N], in_masks [N, D], commonness [N], doubts; and stamps [N] and about, as JSON.

    Args:
      path: ends in .npz; its folder is made if missing.
      names: of the photos.
      embedded: what became of each.
      stamps: state of each photo's file (`files.stamp`).
      about: what made them.

    Raises:
      ValueError: the path does not end in .npz, or other counts of names.
      TypeError: one name, and no list of them.
    """
    files.check_many(names, "names")
    if len(names) != len(embedded):
        raise ValueError(f"expected {len(embedded)} names, got {len(names)}")
    arrays = {}
    for field, column in COLUMNS.items():
        values = np.array([getattr(one, field) for one in embedded])
        is_float = values.dtype.kind == "f"
        arrays[column] = values.astype(np.float32) if is_float else values
    arrays["names"] = np.array(names, str)
    arrays["stamps"] = np.array(stamps or [""] * len(names), str)
    arrays["about"] = np.array(json.dumps(about or {}))
    files.write_npz(path, arrays)


def _faces(embedded: Sequence[Embedded]) -> masked_views.Faces:
    return masked_views.Faces(
        embeddings=np.stack([one.embedding for one in embedded]),
        in_masks=np.stack([one.in_masks for one in embedded]),
        is_masked=np.array([one.masked >= masked_views.LEAST for one in embedded]),
        commonness=np.array([one.commonness for one in embedded], np.float32),
    )


def _unit(embedding: np.ndarray) -> np.ndarray:
    return embedding / max(float(np.linalg.norm(embedding)), 1e-12)
