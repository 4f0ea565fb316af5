"""Templates: one embedding for several photos."""

import numpy as np

from maskarc.evaluation import embedded


def mean_templates(
    embeddings: np.ndarray, owners: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each owner's embeddings, scaled to unit length.

    Args:
      embeddings: float32[N, D], of unit length.
      owners: int[N], person or template that each belongs to.

    Returns:
      templates float32[T, D] and their owners int64[T], rising.

    Raises:
      ValueError: embeddings of one owner that cancel out.

    >>> templates, owners = mean_templates(np.eye(2), np.array([7, 7]))
    >>> float((templates**2).sum().round(3)), owners.tolist()
    (1.0, [7])
    """
    return _pooled(embeddings, owners, np.ones(len(embeddings)))


def media_templates(
    embeddings: np.ndarray,
    templates: np.ndarray,
    media: np.ndarray,
    *,
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Templates as IJB's published evaluation makes them.

    Photos of one medium (the frames of a video) are averaged, the averages of a
    template's media summed, and the sum scaled to unit length.

    Args:
      embeddings: float32[N, D]; the published evaluation takes them unnormalised, so
        that photos the network is unsure of count less.
      templates: int[N], which template each photo belongs to.
      media: int[N], which medium it comes from.
      weights: float[N], factors on the embeddings, such as a detector's scores.

    Returns:
      float32[T, D] of unit length, and their numbers int64[T], rising.

    Raises:
      ValueError: embeddings of one template that cancel out.

    References:
      Maze et al., "IARPA Janus Benchmark – C", ICB 2018; InsightFace's evaluation/IJB.
    """
    if weights is not None:
        embeddings = embeddings * np.asarray(weights, np.float32)[:, None]
    both = np.stack([templates, media], axis=1)
    _, group, size = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    return _pooled(embeddings, templates, 1 / size[group.ravel()])


def _pooled(
    embeddings: np.ndarray, owners: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sums of the rows of each owner, scaled to unit length."""
    numbers, inverse = np.unique(owners, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(len(numbers)))
    sums = np.add.reduceat(
        embeddings[order] * weights[order, None], starts, axis=0, dtype=np.float64
    )
    templates, lengths = embedded.to_unit(sums)
    # NaN is not above either.
    bad = np.flatnonzero(~(lengths > 1e-9))
    if len(bad):
        raise ValueError(
            f"{len(bad)} templates have no length, the first is {numbers[bad[0]]}: its "
            "embeddings cancel out, are zero or not finite"
        )
    return templates.astype(np.float32), numbers.astype(np.int64)
