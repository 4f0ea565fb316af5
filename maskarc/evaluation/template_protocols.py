"""IJB's and MegaFace's protocols: templates compared, searched, and lost in a crowd."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskarc.data import template_lists
from maskarc.evaluation import embedded, ranking, rates, search, templates

FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
_PAIRS_AT_ONCE = 2**17


def score_ijb(
    lists: template_lists.IjbLists,
    embeddings: np.ndarray,
    *,
    with_norms: bool = True,
    with_scores: bool = True,
    fars: Sequence[float] = FARS,
) -> dict[str, Any]:
    """Scores IJB-B or IJB-C, 1:1 and 1:N, as far as the lists are there.

    Args:
      lists: of the set.
      embeddings: float32[N, D], of the photos in the lists' order; not normalised. The
        published evaluation sums those of crop and mirror image.
      with_norms: keep their lengths as weights, as is published; else unit length.
      with_scores: weigh by the detector's scores, as is published.
      fars: false-accept rates of 1:1; those beyond the impostors are refused.

    Returns:
      "verification": "operating_points" (`rates`) and counts. "identification": rank 1,
      5 and 10 of the probes in both galleries at once, as InsightFace reports it, and
      for each gallery ranks and TPIR at FPIR, where the people of the other are
      strangers.

    Raises:
      ValueError: embeddings of another number than the photos, or not finite.
    """
    embeddings = np.asarray(embeddings, np.float32)
    if embeddings.ndim != 2 or len(embeddings) != len(lists.names):
        raise ValueError(
            f"expected embeddings [{len(lists.names)}, D], got {embeddings.shape}"
        )
    if not with_norms:
        embeddings, _ = embedded.to_unit(embeddings)
    pooled, numbers = templates.media_templates(
        embeddings,
        lists.templates,
        lists.media,
        weights=lists.scores if with_scores else None,
    )
    result: dict[str, Any] = {"photos": len(embeddings), "templates": len(numbers)}
    if lists.pairs is not None:
        rows = np.searchsorted(numbers, lists.pairs)
        similarities = pair_similarities(pooled, rows)
        points = rates.operating_points(similarities, lists.is_same, fars)
        result["verification"] = {
            "pairs": len(rows),
            "genuine": int(lists.is_same.sum()),
            "operating_points": [point.to_json() for point in points],
        }
    if lists.probes is not None and lists.galleries:
        result["identification"] = _identify(lists, pooled, numbers)
    return result


def pair_similarities(pooled: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Cosines float32[K] of rows [K, 2] of unit templates, a block at a time."""
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _PAIRS_AT_ONCE):
        block = slice(start, start + _PAIRS_AT_ONCE)
        first, second = rows[block].T
        found[block] = np.einsum("kd,kd->k", pooled[first], pooled[second])
    return found


def _identify(
    lists: template_lists.IjbLists, pooled: np.ndarray, numbers: np.ndarray
) -> dict[str, Any]:
    assert lists.probes is not None
    asked, people = lists.probes
    probes = pooled[np.searchsorted(numbers, asked)]
    galleries = dict(lists.galleries)
    together = [np.concatenate(part) for part in zip(*galleries.values(), strict=True)]
    tables = {}
    for name, (listed, owners) in {**galleries, "all": tuple(together)}.items():
        ranked = ranking.rank_probes(
            probes, people, pooled[np.searchsorted(numbers, listed)], owners
        )
        curve = ranking.cmc(ranked)
        tables[name] = {
            "gallery": ranked.gallery,
            "probes": int(ranked.has_mate.sum()),
            "strangers": int((~ranked.has_mate).sum()),
            "rank": {str(k): float(curve[min(k, len(curve)) - 1]) for k in (1, 5, 10)},
            "open_set": [
                point.to_json() for point in ranking.open_set(ranked, (1e-1, 1e-2))
            ],
        }
    return tables


def score_megaface(
    probes: np.ndarray,
    people: Sequence[str],
    distractors: np.ndarray,
    *,
    enrolled: np.ndarray | None = None,
    fars: Sequence[float] = (1e-3, 1e-4, 1e-5, 1e-6),
    ranks: Sequence[int] = (1, 10),
) -> dict[str, Any]:
    """Scores MegaFace's protocol: a person's photo found among distractors.

    Each photo of a person is enrolled by itself among all distractors, and each other
    photo of the person asks for it. It is found at rank k if fewer than k distractors
    are at least as like the asking photo.

    Args:
      probes: float32[P, D], photos that ask.
      people: the person on each of them.
      distractors: float32[M, D], photos of others.
      enrolled: float32[P, D], the same photos as they are enrolled: bare, where the
        probes wear masks. None takes the probes.
      fars: false-accept rates of verification, each photo that asks against each
        distractor; those beyond their number are refused.
      ranks: which shares to report.

    Raises:
      ValueError: shapes that differ, values that are not finite, or nobody with two
        photos.
    """
    enrolled = probes if enrolled is None else enrolled
    if enrolled.shape != probes.shape or len(people) != len(probes):
        raise ValueError(
            f"expected probes and enrolled [P, D] and people [P], got {probes.shape}, "
            f"{enrolled.shape} and {len(people)}"
        )
    if not all(np.isfinite(a).all() for a in (probes, enrolled, distractors)):
        raise ValueError("expected finite embeddings, got NaN or infinity")
    asking, found = _genuine(probes, enrolled, np.asarray(people))
    if not len(asking):
        raise ValueError("expected somebody with two photos, got nobody")
    distractors, _ = embedded.to_unit(distractors)
    impostors = len(probes) * len(distractors)
    kept = max((rates.allowed_errors(far, impostors) for far in fars), default=0) + 1
    k = min(max(ranks), len(distractors))
    best = np.empty((len(probes), k), np.float32)
    top = np.empty(0, np.float32)  # the most similar impostors of all
    unit, _ = embedded.to_unit(probes)
    for start, block in search.similarity_blocks(unit, distractors):
        best[start : start + len(block)], _ = search.best_of(block, k)
        if len(top) >= kept:
            block = block[block > top[0]]
        top = np.sort(np.concatenate([top, block.ravel()]))[-kept:]
    return {
        "photos": len(probes),
        "people": len(set(people)),
        "distractors": len(distractors),
        "searches": len(found),
        "rank": {
            str(r): float((found > best[asking, r - 1]).mean()) for r in ranks if r <= k
        },
        "tar_at_far": [_tar(found, top[::-1], far, impostors) for far in fars],
    }


def score_megaface_files(
    *,
    probe_list: str | os.PathLike[str],
    probes: str | os.PathLike[str],
    distractor_list: str | os.PathLike[str],
    distractors: str | os.PathLike[str],
    enrolled: str | os.PathLike[str] = "",
    ending: str = ".bin",
) -> dict[str, Any]:
    """`score_megaface` of the published lists and folders of feature files.

    Args:
      probe_list: facescrub_features_list.json, with people.
      probes: folder of the features of its photos.
      distractor_list: megaface_features_list.json_1000000_1 or a shorter one.
      distractors: folder of the features of its photos.
      enrolled: folder of the probes' features without masks; empty for the same.
      ending: what follows a photo's name in its feature's.

    Raises:
      FileNotFoundError, ValueError: as `data.template_lists` raises them.
    """
    asking, people = template_lists.read_megaface_list(probe_list)
    if not people:
        raise ValueError(f"{probe_list}: expected a person for each photo, 'id'")
    others, _ = template_lists.read_megaface_list(distractor_list)
    read = template_lists.read_features
    return score_megaface(
        read(probes, asking, ending),
        people,
        read(distractors, others, ending),
        enrolled=read(enrolled, asking, ending) if enrolled else None,
    )


def _genuine(
    probes: np.ndarray, enrolled: np.ndarray, people: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of each ordered pair of one person's photos: who asks, and the similarity."""
    probes, _ = embedded.to_unit(probes)
    enrolled, _ = embedded.to_unit(enrolled)
    asking, found = [], []
    for person in np.unique(people):
        own = np.flatnonzero(people == person)
        similarities = probes[own] @ enrolled[own].T
        one, other = np.nonzero(~np.eye(len(own), dtype=bool))
        asking.append(own[one])
        found.append(similarities[one, other])
    return np.concatenate(asking), np.concatenate(found).astype(np.float32)


def _tar(
    genuine: np.ndarray, falling: np.ndarray, far: float, impostors: int
) -> dict[str, Any]:
    """The share of genuine pairs above the first impostor that is one too many."""
    allowed = rates.allowed_errors(far, impostors)
    tar = None
    if allowed:
        limit = falling[allowed] if allowed < len(falling) else -np.inf
        tar = float((genuine > limit).mean())
    return {
        "far": far,
        "tar": tar,
        "impostors": impostors,
        "impostors_needed": rates.errors_needed(far),
    }
