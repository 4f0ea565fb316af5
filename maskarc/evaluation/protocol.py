"""From pairs to similarities: each image embedded once, masks on the right side."""

import dataclasses

import numpy as np

from maskarc.data import pairs as pair_lists

# The similarity of a pair with a photo that could not be embedded (no face found, a
# damaged file): the lowest cosine, so the pair counts as two different people.
FAILED = -1.0

# Which photos of a pair (index 0, index 1) wear a mask.
MASKED_SIDES = {
    "none": (False, False),
    "second": (False, True),
    "both": (True, True),
}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PairImages:
    """The different images that a list of pairs needs.

    Attributes:
      images: (name, masked), each once; a photo seen bare and masked is two images.
      first_index: int64[N], the image at index 0 of each pair.
      second_index: int64[N], the image at index 1 of each pair.
    """

    images: tuple[tuple[str, bool], ...]
    first_index: np.ndarray
    second_index: np.ndarray


def unique_images(pairs: pair_lists.Pairs, masked: str = "none") -> PairImages:
    """Lists the images to embed, in the order in which the pairs first need them.

    Args:
      pairs: the pairs.
      masked: "none"; "second": the photo at index 1 of every pair wears a mask; "both".

    Raises:
      ValueError: another value of `masked`.
    """
    if masked not in MASKED_SIDES:
        raise ValueError(
            f"unknown masked={masked!r}; expected one of {', '.join(MASKED_SIDES)}"
        )
    first_masked, second_masked = MASKED_SIDES[masked]
    rows: dict[tuple[str, bool], int] = {}
    index = np.array(
        [
            (
                rows.setdefault((first, first_masked), len(rows)),
                rows.setdefault((second, second_masked), len(rows)),
            )
            for first, second in zip(pairs.first, pairs.second, strict=True)
        ],
        np.int64,
    ).reshape(-1, 2)
    return PairImages(
        images=tuple(rows), first_index=index[:, 0], second_index=index[:, 1]
    )


def similarities(
    images: PairImages, embeddings: np.ndarray, failed: np.ndarray | None = None
) -> np.ndarray:
    """Cosine similarity of each pair; `FAILED` where either image failed.

    Args:
      images: from `unique_images`, M images and N pairs.
      embeddings: float32[M, D], of unit length; rows of failed images are not read.
      failed: bool[M], the images that could not be embedded; None for none.

    Returns:
      float32[N].

    Raises:
      ValueError: shapes that differ, or an embedding that is not of unit length.
    """
    count = len(images.images)
    failed = np.zeros(count, bool) if failed is None else np.asarray(failed)
    if embeddings.ndim != 2 or len(embeddings) != count or failed.shape != (count,):
        raise ValueError(
            f"expected embeddings [{count}, D] and failed [{count}], got "
            f"{embeddings.shape} and {failed.shape}"
        )
    norms = np.linalg.norm(embeddings, axis=1)
    # Rows of a half-precision model are off by up to 1 %; NaN is not within 1 % either.
    bad = np.flatnonzero(~failed & ~(np.abs(norms - 1) < 0.01))
    if len(bad):
        raise ValueError(
            f"{len(bad)} embeddings are not of unit length, the first that of "
            f"{images.images[bad[0]][0]}: {norms[bad[0]]}; normalise them first"
        )
    first, second = images.first_index, images.second_index
    cosines = np.einsum("nd,nd->n", embeddings[first], embeddings[second])
    cosines[failed[first] | failed[second]] = FAILED
    return cosines.astype(np.float32)
