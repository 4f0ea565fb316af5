"""Identification of probes in a gallery: CMC, and who is turned away (open set).

The real use: a gallery of bare faces, one template a person, and probes with masks.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskarc import files
from maskarc.evaluation import rates, search

TOP = 10
_ARRAYS = {
    "mate": np.int64,
    "rank": np.int64,
    "mate_similarity": np.float32,
    "top": np.int64,
    "top_similarity": np.float32,
    "people": np.int64,
}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RankedProbes:
    """What a search told of each probe.

    Attributes:
      mate: int64[P], row of the gallery with the probe's person; −1 for people who are
        not in it.
      rank: int64[P], place of the mate, from 1; of equals it comes last. 0 without one,
        and G + 1 for a probe that could not be embedded.
      mate_similarity: float32[P], −1 without a mate or an embedding.
      top: int64[P, k], the most similar rows of the gallery, the best first.
      top_similarity: float32[P, k], −1 without an embedding.
      people: int64[P], numbers of the persons, for intervals.
      gallery: rows of the gallery.
    """

    mate: np.ndarray
    rank: np.ndarray
    mate_similarity: np.ndarray
    top: np.ndarray
    top_similarity: np.ndarray
    people: np.ndarray
    gallery: int

    def __len__(self) -> int:
        return len(self.mate)

    @property
    def has_mate(self) -> np.ndarray:
        """bool[P], whether the gallery holds the person."""
        return np.asarray(self.mate >= 0)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an .npz without pickle."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays["gallery"] = np.array(self.gallery)
        files.write_npz(path, arrays, compressed=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "RankedProbes":
        """Reads what `save` wrote.

        Raises:
          FileNotFoundError, ValueError: as `files.read_npz`.
        """
        columns = files.read_npz(path, (*_ARRAYS, "gallery"))
        return cls(
            **{name: columns[name].astype(kind) for name, kind in _ARRAYS.items()},
            gallery=int(columns["gallery"]),
        )


def rank_probes(
    probes: np.ndarray,
    people: np.ndarray,
    gallery: np.ndarray,
    gallery_people: np.ndarray,
    *,
    failed: np.ndarray | None = None,
    top: int = TOP,
    block_bytes: int = search.BLOCK_BYTES,
) -> RankedProbes:
    """Searches each probe in the gallery.

    Args:
      probes: float32[P, D], of unit length.
      people: int[P], who they are.
      gallery: float32[G, D], of unit length: one template a person (`templates`).
      gallery_people: int[G], each once.
      failed: bool[P], probes without an embedding: found nowhere, at no similarity.
      top: how many of the best to keep.
      block_bytes: of similarities at a time (`search`).

    Raises:
      ValueError: shapes that differ, a person twice in the gallery, or embeddings that
        are not finite.
    """
    failed = np.zeros(len(probes), bool) if failed is None else np.asarray(failed)
    _check(probes, people, gallery, gallery_people, failed)
    row_of = {int(person): row for row, person in enumerate(gallery_people)}
    mate = np.array([row_of.get(int(person), -1) for person in people], np.int64)
    k = min(top, len(gallery))
    rank = np.zeros(len(probes), np.int64)
    mate_similarity = np.full(len(probes), -1.0, np.float32)
    best = np.empty((len(probes), k), np.float32)
    index = np.empty((len(probes), k), np.int64)
    usable = np.where(failed[:, None], 0, probes)
    for start, found in search.similarity_blocks(
        usable, gallery, block_bytes=block_bytes
    ):
        rows = np.arange(start, start + len(found))
        best[rows], index[rows] = search.best_of(found, k)
        known = np.flatnonzero(mate[rows] >= 0)
        own = found[known, mate[rows][known]]
        mate_similarity[rows[known]] = own
        # The mate itself is among those counted.
        rank[rows[known]] = (found[known] >= own[:, None]).sum(axis=1)
    rank[failed & (mate >= 0)] = len(gallery) + 1
    mate_similarity[failed] = best[failed] = -1.0
    return RankedProbes(
        mate=mate,
        rank=rank,
        mate_similarity=mate_similarity,
        top=index,
        top_similarity=best,
        people=np.asarray(people, np.int64),
        gallery=len(gallery),
    )


def cmc(ranked: RankedProbes, most: int = 50) -> np.ndarray:
    """Share float64[min(most, G)] of the probes with a mate found up to rank 1, 2, ….

    Raises:
      ValueError: no probe has a mate.
    """
    ranks = ranked.rank[ranked.has_mate]
    if not len(ranks):
        raise ValueError("expected probes of people in the gallery, got none")
    most = min(most, ranked.gallery)
    return np.array([(ranks <= k).mean() for k in range(1, most + 1)])


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenSetPoint:
    """The true-positive identification rate at a false-positive rate.

    Attributes:
      fpir: asked for: share of the probes of strangers for whom anyone is reported.
      tpir: share of the others found at rank 1 above the threshold; None if refused.
      threshold: from this similarity on somebody is reported; None if refused.
      strangers: probes without a mate that there are.
      strangers_needed: fewest that can show this rate: 1 / fpir.
    """

    fpir: float
    tpir: float | None
    threshold: float | None
    strangers: int
    strangers_needed: int

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return dataclasses.asdict(self)


def open_set(
    ranked: RankedProbes, fpirs: Sequence[float] = (1e-1, 1e-2, 1e-3)
) -> list[OpenSetPoint]:
    """TPIR at FPIR, refused where there are too few strangers.

    Raises:
      ValueError: no probe has a mate, or a rate outside (0, 1].
    """
    mated = ranked.has_mate
    if not mated.any():
        raise ValueError("expected probes of people in the gallery, got none")
    alarms = np.sort(ranked.top_similarity[~mated, 0])[::-1]
    found = ranked.mate_similarity[mated][ranked.rank[mated] == 1]
    points = []
    for fpir in fpirs:
        if not 0 < fpir <= 1:
            raise ValueError(f"expected a rate in (0, 1], got {fpir}")
        allowed = rates.allowed_errors(fpir, len(alarms))
        tpir = threshold = None
        if allowed:
            # Just above the first alarm that is one too many.
            threshold = -1.0
            if allowed < len(alarms):
                threshold = float(np.nextafter(alarms[allowed], np.float32(np.inf)))
            tpir = float((found >= threshold).sum() / mated.sum())
        points.append(
            OpenSetPoint(
                fpir=fpir,
                tpir=tpir,
                threshold=threshold,
                strangers=len(alarms),
                strangers_needed=rates.errors_needed(fpir),
            )
        )
    return points


def _check(
    probes: np.ndarray,
    people: np.ndarray,
    gallery: np.ndarray,
    gallery_people: np.ndarray,
    failed: np.ndarray,
) -> None:
    if (
        probes.ndim != 2
        or gallery.ndim != 2
        or probes.shape[1] != gallery.shape[1]
        or len(people) != len(probes)
        or len(failed) != len(probes)
        or len(gallery_people) != len(gallery)
    ):
        raise ValueError(
            "expected probes [P, D], people [P], gallery [G, D], gallery_people [G], "
            f"got {probes.shape}, {np.shape(people)}, {gallery.shape}, "
            f"{np.shape(gallery_people)}"
        )
    if not len(gallery) or len(np.unique(gallery_people)) != len(gallery):
        raise ValueError("expected each person of the gallery once; make templates")
    if not np.isfinite(gallery).all() or not np.isfinite(probes[~failed]).all():
        raise ValueError("expected finite embeddings, got NaN or infinity")
