"""Photo → face → crop → embedding → answer: the whole way, for users.

recognizer = Recognizer.load()
recognizer.verify("bare.jpg", "masked.jpg").is_same
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import tqdm

from maskarc import alignment, images, inference, landmarks, models
from maskarc.data import crops
from maskarc.evaluation import scored

Photo = str | os.PathLike[str] | np.ndarray
# The model that is used where none is named.
DEFAULT = "masked_r29"
OK, NO_FACE, UNREADABLE = "ok", "no_face", "unreadable"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """What became of one photo.

    Attributes:
      outcome: "ok", "no_face" or "unreadable".
      reason: why it is not "ok".
      embedding: float32[D], of length 1; of NaN where there is none.
      box: float32[4], left, top, right, bottom of the face in the photo's pixels.
      face_count: faces in the photo; the main one is embedded.
    """

    outcome: str
    reason: str
    embedding: np.ndarray
    box: np.ndarray
    face_count: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """Whether two photos show one person.

    Attributes:
      is_same: None where no threshold is known.
      similarity: cosine of the embeddings, in [−1, 1].
      threshold: least similarity of one person's photos, or None.
      far: share of different people that the threshold takes for one at most; or None.
      face_counts: faces found in each photo; the main one was compared.
    """

    is_same: bool | None
    similarity: float
    threshold: float | None
    far: float | None
    face_counts: tuple[int, int]


class NoFaceError(ValueError):
    """A photo that cannot be compared: unreadable, or without a face."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Recognizer:
    """Finds, aligns, embeds and compares faces.

    Attributes:
      embedder: the network.
      detector: finds the faces and their landmarks.
      thresholds: what the photos wear ("bare-bare", "bare-masked", "masked-masked") →
        (false acceptance rate, least similarity), the lowest rate last; empty where
        none were measured.
    """

    embedder: inference.Embedder
    detector: landmarks.Detector
    thresholds: Mapping[str, tuple[tuple[float, float], ...]] = dataclasses.field(
        default_factory=dict
    )

    @classmethod
    def load(
        cls,
        model: str | os.PathLike[str] = DEFAULT,
        *,
        detector: str = "",
        flip: bool = True,
        batch_size: int = 64,
    ) -> Self:
        """Loads a model and a detector.

        Args:
          model: a name in `models.PRETRAINED`, or the run folder of a training.
          detector: landmark back end; empty takes the first that is installed.
          flip: add the embedding of the mirrored crop; the thresholds are of this.
          batch_size: crops a call of the network.

        Raises:
          FileNotFoundError, ValueError, ImportError: as `inference.Embedder.load` and
            `landmarks.create_detector`.
        """
        known = models.PRETRAINED.get(str(model))
        return cls(
            embedder=inference.Embedder.load(model, flip=flip, batch_size=batch_size),
            detector=landmarks.create_detector(detector or None),
            thresholds=known.thresholds if known else {},
        )

    def embed(
        self, photos: Sequence[Photo], *, progress: bool = False
    ) -> list[Embedded]:
        """Embeds the main face of each photo.

        Args:
          photos: paths, or images uint8[H, W, 3] RGB.
          progress: show a bar.

        Returns:
          One outcome a photo, in order; none is left out.

        Raises:
          ValueError: the network's weights are broken.
        """
        found: list[dict[str, Any]] = []

        def usable() -> Iterator[np.ndarray]:
            stream = crops.read_ahead(
                lambda index: self._find(photos[index]), len(photos)
            )
            for crop, fields in tqdm.tqdm(
                stream, "embedding", len(photos), unit="img", disable=not progress
            ):
                found.append(fields)
                if crop is not None:
                    yield crop

        embeddings = iter(_unit(self.embedder.embed(usable())))
        none = np.full(self.embedder.embed_dim, np.nan, np.float32)
        return [
            Embedded(
                embedding=next(embeddings) if fields["outcome"] == OK else none,
                **fields,
            )
            for fields in found
        ]

    def verify(
        self, a: Photo, b: Photo, *, far: float = 1e-2, wearing: str = ""
    ) -> Verification:
        """Compares the main faces of two photos.

        Args:
          a: path or image.
          b: likewise.
          far: false acceptance rate, one of those in `thresholds`.
          wearing: what the photos are known to wear, a key of `thresholds`; empty for
            one mask at most: the higher threshold of "bare-bare" and "bare-masked".

        Raises:
          NoFaceError: a photo is unreadable or shows no face.
          ValueError: no threshold was measured at this rate, or for this wearing.
        """
        threshold = self._threshold(far, wearing)
        first, second = self.embed([a, b])
        for photo, one in ((a, first), (b, second)):
            if one.outcome != OK:
                name = "the image" if isinstance(photo, np.ndarray) else photo
                raise NoFaceError(f"{name}: {one.reason}")
        similarity = float(first.embedding @ second.embedding)
        return Verification(
            is_same=None if threshold is None else similarity >= threshold,
            similarity=similarity,
            threshold=threshold,
            far=None if threshold is None else far,
            face_counts=(first.face_count, second.face_count),
        )

    def _threshold(self, far: float, wearing: str) -> float | None:
        if not self.thresholds:
            return None
        if wearing and wearing not in self.thresholds:
            raise ValueError(
                f"no threshold was measured for {wearing!r}; expected one of "
                f"{', '.join(self.thresholds)}"
            )
        # Two masked faces are more alike, whoever they are: of them one has to be told.
        usual = [name for name in self.thresholds if name != "masked-masked"]
        chosen = [wearing] if wearing else usual
        known = [dict(self.thresholds[name]) for name in chosen]
        common = [rate for rate in known[0] if all(rate in rates for rates in known)]
        if far not in common:
            raise ValueError(
                f"no threshold was measured at a false acceptance rate of {far:g}; "
                f"expected one of {', '.join(f'{rate:g}' for rate in common)}"
            )
        return max(rates[far] for rates in known)

    def _find(self, photo: Photo) -> tuple[np.ndarray | None, dict[str, Any]]:
        """The crop of a photo's main face, and the outcome."""
        fields = {
            "outcome": OK,
            "reason": "",
            "box": np.full(4, np.nan, np.float32),
            "face_count": 0,
        }
        try:
            image = photo if isinstance(photo, np.ndarray) else _read(photo)
            faces = self.detector(image)
        except (images.ImageError, OSError) as error:
            return None, fields | {"outcome": UNREADABLE, "reason": str(error)}
        face = landmarks.main_face(faces, image.shape)
        if face is None:
            return None, fields | {"outcome": NO_FACE, "reason": "no face was found"}
        points = landmarks.to_landmarks(face.points, face.layout)
        try:
            crop = alignment.crop_face(
                image, points, size=self.embedder.image_size, crop=self.embedder.crop
            )
        except ValueError as error:
            return None, fields | {"outcome": NO_FACE, "reason": str(error)}
        return crop, fields | {"box": face.box, "face_count": len(faces)}


def save_embeddings(
    path: str | os.PathLike[str], names: Sequence[str], embedded: Sequence[Embedded]
) -> None:
    """Writes an .npz: names, outcomes, embeddings [N, D], boxes [N, 4]; no pickle.

    Args:
      path: ends in .npz; its folder is made if missing.
      names: of the photos.
      embedded: what became of each.

    Raises:
      ValueError: the path does not end in .npz.
    """
    np.savez(
        scored.archive_path(path),
        names=np.array(names, str),
        outcomes=np.array([one.outcome for one in embedded], str),
        embeddings=np.stack([one.embedding for one in embedded]),
        boxes=np.stack([one.box for one in embedded]),
    )


def _read(path: str | os.PathLike[str]) -> np.ndarray:
    return images.read_image(pathlib.Path(path))


def _unit(embeddings: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(lengths, 1e-12)
