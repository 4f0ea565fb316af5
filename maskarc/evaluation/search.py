"""Nearest neighbours by brute force, a block of similarities at a time."""

from collections.abc import Iterator

import numpy as np

# Bytes of similarities held at a time.
BLOCK_BYTES = 2**26


def similarity_blocks(
    probes: np.ndarray, gallery: np.ndarray, *, block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the first row and float32[b, G] similarities of some probes at a time.

    The array is overwritten by the next.

    Args:
      probes: float32[P, D].
      gallery: float32[G, D].
      block_bytes: of similarities at a time; one row at least.
    """
    rows = max(1, block_bytes // (4 * max(len(gallery), 1)))
    rows = min(rows, max(len(probes), 1))
    held = np.empty((rows, len(gallery)), np.float32)
    gallery = np.ascontiguousarray(gallery, np.float32)
    for start in range(0, len(probes), rows):
        block = np.asarray(probes[start : start + rows], np.float32)
        found = held[: len(block)]
        np.matmul(block, gallery.T, out=found)
        yield start, found


def top_k(
    probes: np.ndarray,
    gallery: np.ndarray,
    k: int,
    *,
    block_bytes: int = BLOCK_BYTES,
) -> tuple[np.ndarray, np.ndarray]:
    """The k most similar of the gallery for each probe; the full matrix is never held.

    Args:
      probes: float32[P, D].
      gallery: float32[G, D].
      k: how many, at most G.
      block_bytes: see `similarity_blocks`.

    Returns:
      similarities float32[P, k], falling, and their rows of the gallery int64[P, k];
      of equal ones the lower row comes first.

    Raises:
      ValueError: k is not in 1, …, G, or the widths differ.

    >>> scores, rows = top_k(np.eye(2)[:1], np.array([[0.0, 1.0], [1.0, 0.0]]), 1)
    >>> scores.tolist(), rows.tolist()
    ([[1.0]], [[1]])
    """
    if not 1 <= k <= len(gallery):
        raise ValueError(f"expected k from 1 to {len(gallery)}, got {k}")
    if probes.ndim != 2 or probes.shape[1:] != gallery.shape[1:]:
        raise ValueError(
            f"expected probes [P, D] and gallery [G, D], got {probes.shape} and "
            f"{gallery.shape}"
        )
    best = np.empty((len(probes), k), np.float32)
    index = np.empty((len(probes), k), np.int64)
    for start, found in similarity_blocks(probes, gallery, block_bytes=block_bytes):
        rows = slice(start, start + len(found))
        best[rows], index[rows] = best_of(found, k)
    return best, index


def best_of(found: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best k of each row, looked for where they can be.

    The largest values of k chunks of columns bound the k-th best from below, so only
    what reaches the bound is sorted: a few values a row.
    """
    count = found.shape[1]
    chunks = max(k, min(4 * k, count // 16), 1)
    width = count // chunks
    heads = found[:, : width * chunks].reshape(len(found), chunks, width).max(axis=2)
    bound = np.partition(heads, chunks - k, axis=1)[:, chunks - k]
    best = np.empty((len(found), k), np.float32)
    index = np.empty((len(found), k), np.int64)
    for row, least in enumerate(bound):
        candidates = np.flatnonzero(found[row] >= least)
        values = found[row, candidates]
        order = np.argsort(-values, kind="stable")[:k]
        best[row], index[row] = values[order], candidates[order]
    return best, index
