"""Synthetic faces as a random-access source."""

import dataclasses
import functools
import operator
from typing import Any

import numpy as np

from maskarc.data.synthetic import camera, drawing, people, shots


@dataclasses.dataclass(frozen=True)
class SyntheticFaces:
    """Photos of generated people, drawn when they are asked for.

    A person is a face shape, skin, hair, eyes and so on; a photo adds pose, expression,
    light, background, blur, noise and compression. A photo is a function of
    (seed, identity, photo) alone: not of the order of access, nor of how many people
    or photos the source has.

    An element is {"image": uint8[size, size, 3] RGB, "landmarks": float32[68, 2], the
    exact projections of the face's points in pixels, "label": int}.

    Attributes:
      num_identities: people, C.
      photos_per_identity: photos of each.
      seed: of the world that the people live in, ≥ 0.
      size: side of the photos in pixels, even and ≥ 32; the eyes are about 0.23 · size
        apart.
      first_identity: number of the person with label 0. Sources of one seed that cover
        different numbers have different people.

    Raises:
      ValueError: a number out of range.

    Example:
      >>> faces = SyntheticFaces(10, 4, seed=1)
      >>> len(faces), faces.num_classes, faces.names[7]
      (40, 10, 'id_00001/0003.png')
      >>> element = faces[7]
      >>> element["image"].shape, element["landmarks"].shape, element["label"]
      ((128, 128, 3), (68, 2), 1)
    """

    num_identities: int
    photos_per_identity: int
    _: dataclasses.KW_ONLY
    seed: int = 0
    size: int = 128
    first_identity: int = 0

    def __post_init__(self):
        for name, least in (
            ("num_identities", 1),
            ("photos_per_identity", 1),
            ("seed", 0),
            ("size", 32),
            ("first_identity", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(
                    f"expected {name} of {least} or more, got {getattr(self, name)}"
                )
        if self.size % 2:
            raise ValueError(f"expected an even size, got {self.size}")

    @property
    def num_classes(self) -> int:
        """Number of people, C."""
        return self.num_identities

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """A path for each photo, identity/photo.png."""
        return tuple(
            f"id_{self.first_identity + label:05d}/{photo:04d}.png"
            for label in range(self.num_identities)
            for photo in range(self.photos_per_identity)
        )

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """The label of each photo, int32[N]."""
        labels = np.arange(self.num_identities, dtype=np.int32)
        return np.repeat(labels, self.photos_per_identity)

    def __len__(self) -> int:
        return self.num_identities * self.photos_per_identity

    def __getitem__(self, index: int) -> dict[str, Any]:
        index = operator.index(index)
        if not 0 <= index < len(self):
            raise IndexError(f"no photo {index} among {len(self)}")
        label, photo = divmod(index, self.photos_per_identity)
        identity = self.first_identity + label
        # The person is stream 0 of (seed, identity).
        rng = np.random.default_rng((self.seed, identity, 1 + photo))
        scene = shots.Scene(
            person=people.create_person(self.seed, identity),
            shot=shots.sample_shot(rng),
            size=self.size,
        )
        image = drawing.draw(scene, camera.background(rng, self.size))
        return {
            "image": camera.degrade(image, rng),
            "landmarks": scene.landmarks,
            "label": label,
        }
