"""A bare face in rendered masks, for comparing it with faces that wear one.

Two photos of a person are more alike where both wear a mask. So before a bare face is
compared with a masked one, it is put into a few masks, and what the network makes of
them is added to what it makes of the bare face. Two bare faces are compared as they
are, by cosine; where one is masked, what is common about both may be taken off.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from maskarc import alignment, geometry
from maskarc.masks import mixture, wearing

# A light and a dark one: a third brought nothing on LFW's View 1.
MASKS = ("surgical_blue", "cloth_black")
# Of the masked views in the sum, whose rest is the bare face's: of View 1, where 0.5 to
# 0.7 are as good.
SHARE = 0.6
# Least probability of a mask at which a face counts as masked.
LEAST = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MaskedViews:
    """Tells bare faces from masked ones, and puts the bare ones into masks.

    Attributes:
      probability: of a photo uint8[H, W, 3] and landmarks float[68, 2], how probably
        the face wears a mask (`mask_detection.MaskDetector.look`).
      masks: to put on, each in turn.
    """

    probability: Callable[[np.ndarray, np.ndarray], float]
    masks: tuple[mixture.Mixture, ...] = dataclasses.field(
        default_factory=lambda: tuple(mixture.parse(name) for name in MASKS)
    )

    def crops(
        self, image: np.ndarray, landmarks: np.ndarray, *, size: int, crop: str
    ) -> tuple[np.ndarray, ...]:
        """The crop of a face in each of the masks.

        The same face always wears the same.

        Args:
          image: uint8[H, W, 3] RGB; not written to.
          landmarks: float[68, 2], (x, y) in its pixels.
          size: side of the crops in pixels.
          crop: which crop, a key of `alignment.CROPS`.

        Returns:
          uint8[size, size, 3] each.

        Raises:
          ValueError: landmarks that do not span a face.
        """
        bare = alignment.crop_face(image, landmarks, size=size, crop=crop)
        to_crop = alignment.CROPS[crop](landmarks, size=size)
        points = geometry.transform(landmarks, to_crop)
        return tuple(
            wearing.put_on(bare, points, mask, np.random.default_rng(0)).image
            for mask in self.masks
        )


def add_views(bare: np.ndarray, views: np.ndarray) -> np.ndarray:
    """What to compare with a masked face.

    Args:
      bare: float32[D], embedding of the bare face, of any length but 0.
      views: float32[K, D], those of its masked views.

    Returns:
      float32[D], of length 1.
    """
    mean = _unit(np.stack([_unit(view) for view in views]).sum(axis=0))
    return _unit((1 - SHARE) * _unit(bare) + SHARE * mean)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Faces:
    """Embedded faces, ready to be compared, masked or bare.

    Attributes:
      embeddings: float32[N, D], of length 1; zeros or NaN where there is none.
      in_masks: float32[N, D], likewise: of a bare face `add_views`, of a masked one
        its embedding.
      is_masked: bool[N].
      commonness: float32[N], what is taken off the similarity of each to others where
        one of both is masked (`cohorts.Cohort.commonness`).
    """

    embeddings: np.ndarray
    in_masks: np.ndarray
    is_masked: np.ndarray
    commonness: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Faces":
        return Faces(
            embeddings=self.embeddings[rows],
            in_masks=self.in_masks[rows],
            is_masked=self.is_masked[rows],
            commonness=self.commonness[rows],
        )

    def paired(self, other: "Faces") -> np.ndarray:
        """Similarities float32[N] of each face with the one beside it."""
        bare = np.einsum("nd,nd->n", self.embeddings, other.embeddings)
        masked = np.einsum("nd,nd->n", self.in_masks, other.in_masks)
        masked -= self.commonness + other.commonness
        return np.where(self.is_masked | other.is_masked, masked, bare)

    def similarities(self, other: "Faces") -> np.ndarray:
        """Similarities float32[N, M] of each face with each."""
        result = self.in_masks @ other.in_masks.T
        result -= self.commonness[:, None]
        result -= other.commonness
        rows = np.flatnonzero(~self.is_masked)
        columns = np.flatnonzero(~other.is_masked)
        result[np.ix_(rows, columns)] = (
            self.embeddings[rows] @ other.embeddings[columns].T
        )
        return result


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
