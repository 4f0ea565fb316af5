"""Score normalisation by a cohort: being like many strangers counts against a face.

Where embeddings lie densely, strangers are as alike as one person's photos elsewhere. A
face's nearness to the likest of some strangers tells how dense its place is, and is
taken off its similarity to others.

References:
  Matejka et al., "Analysis of Score Normalization in Multilingual Speaker Recognition",
  Interspeech 2017: the nearest of a cohort.
  Conneau et al., "Word Translation Without Parallel Data", ICLR 2018: their mean,
  taken off the cosine.
"""

import dataclasses
import functools

import numpy as np

# How many strangers, and how much of the mean similarity to them is taken off for each
# of two faces: of LFW's View 1 and mfr2_dev, where 3 to 30 and 0.15 to 0.35 are as
# good.
NEAREST, SHARE = 10, 0.25


@dataclasses.dataclass(frozen=True, eq=False)
class Cohort:
    """Strangers, by their embeddings.

    Attributes:
      embeddings: float32[C, D] of length 1, of C > `NEAREST` faces of other people than
        those compared, such as are compared: with masks on.

    Raises:
      ValueError: another shape, or too few.
    """

    embeddings: np.ndarray

    def __post_init__(self):
        shape = self.embeddings.shape
        if len(shape) != 2 or shape[0] <= NEAREST:
            raise ValueError(
                f"expected embeddings [C, D] of more than {NEAREST} strangers, got "
                f"{list(shape)}"
            )

    def commonness(self, faces: np.ndarray) -> np.ndarray:
        """What to take off the similarity of each face to any other.

        Args:
          faces: float32[N, D] of length 1, or of NaN.

        Returns:
          float32[N], around 0 for faces like the cohort's; NaN for those of NaN.
        """
        return SHARE * (_nearness(faces @ self.embeddings.T) - self._usual)

    @functools.cached_property
    def _usual(self) -> np.float32:
        """The mean nearness of the strangers to one another."""
        among = self.embeddings @ self.embeddings.T
        np.fill_diagonal(among, -1)
        return _nearness(among).mean()


def _nearness(similarities: np.ndarray) -> np.ndarray:
    """Mean float32[N] of the largest in each row of [N, C]."""
    return np.sort(similarities, axis=1)[:, -NEAREST:].mean(axis=1)
