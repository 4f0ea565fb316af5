"""Identification: is the nearest other photo one of the same person?"""

import dataclasses
from typing import Any

import numpy as np

METRICS = ("cosine", "l2")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identification:
    """What `nearest_neighbour_rate` measures.

    Attributes:
      rate: share of the probes whose nearest other photo shows the same person.
      chance: what a nearest photo drawn at random would score on average.
      probes: photos asked about: those of people with at least two photos.
      gallery: photos searched, the probe itself left out: all of them, less one.
      identities: people in the gallery.
      single_photo_identities: people with one photo. It cannot be found again, so it
        is no probe, but it stays in the gallery and may be found by mistake.
    """

    rate: float
    chance: float
    probes: int
    gallery: int
    identities: int
    single_photo_identities: int

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return dataclasses.asdict(self)


def nearest_neighbour_rate(
    embeddings: np.ndarray,
    labels: np.ndarray,
    *,
    metric: str = "cosine",
    block_size: int = 1024,
) -> Identification:
    """Leave-one-out identification rate of the nearest neighbour.

    Near-duplicate photos of a person are found easily: compare the rates of models on
    one folder, not of one model on several folders.

    Args:
      embeddings: float[N, D], finite; not necessarily of unit length.
      labels: int[N], the person on each photo.
      metric: "cosine", or "l2" for the distance of the embeddings as they are.
      block_size: probes searched at a time; float32[block_size, N] is held.

    Returns:
      The `Identification`.

    Raises:
      ValueError: unknown metric, shapes that differ, a value that is not finite, a zero
        embedding with "cosine", or nobody with two photos.

    Example:
      >>> embeddings = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.0]])
      >>> nearest_neighbour_rate(embeddings, np.array([7, 7, 8])).rate
      1.0
    """
    embeddings, labels = _checked(embeddings, labels, metric)
    _, label_index, photos = np.unique(labels, return_inverse=True, return_counts=True)
    probes = np.flatnonzero(photos[label_index] >= 2)
    if not len(probes):
        raise ValueError("expected at least one person with two photos, got none")
    vectors, offsets = _scoring(embeddings, metric)
    hits = 0
    for start in range(0, len(probes), block_size):
        block = probes[start : start + block_size]
        scores = vectors[block] @ vectors.T
        scores -= offsets
        scores[np.arange(len(block)), block] = -np.inf
        hits += int((labels[scores.argmax(axis=1)] == labels[block]).sum())
    others = len(labels) - 1
    return Identification(
        rate=hits / len(probes),
        chance=float(np.mean(photos[label_index[probes]] - 1) / others),
        probes=len(probes),
        gallery=others,
        identities=len(photos),
        single_photo_identities=int((photos == 1).sum()),
    )


def _scoring(embeddings: np.ndarray, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Vectors v and offsets o such that the nearest b of a has the largest va·vb − ob.

    For L2: −|a − b|² / 2 = a·b − |b|² / 2 − |a|² / 2, whose last term is the same for
    all b. Distances do not change with the origin; near the mean fewer digits cancel.
    """
    if metric == "cosine":
        vectors = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        return vectors.astype(np.float32), np.zeros(len(vectors), np.float32)
    centred = embeddings - embeddings.mean(axis=0, dtype=np.float64)
    offsets = (centred**2).sum(axis=1) / 2
    return centred.astype(np.float32), offsets.astype(np.float32)


def _checked(
    embeddings: np.ndarray, labels: np.ndarray, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    embeddings, labels = np.asarray(embeddings), np.asarray(labels)
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; expected one of {METRICS}")
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise ValueError(
            "expected embeddings [N, D] and labels [N], got "
            f"{embeddings.shape} and {labels.shape}"
        )
    bad = ~np.isfinite(embeddings).all(axis=1)
    if metric == "cosine":
        bad |= ~embeddings.any(axis=1)
    if bad.any():
        raise ValueError(
            f"{bad.sum()} of {len(bad)} embeddings have no finite, non-zero length, "
            f"the first at index {np.argmax(bad)}; leave failed images out"
        )
    return embeddings, labels
