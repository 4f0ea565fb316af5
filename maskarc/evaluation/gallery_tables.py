"""Identification of a folder's photos, bare and masked, as tables."""

import pathlib
from typing import Any

import numpy as np

from maskarc.data import galleries
from maskarc.evaluation import (
    bootstrap,
    embedded,
    identification,
    ranking,
    templates,
)

RANKS = (1, 5, 10)
PROBES = {"bare": False, "masked": True}


def tabulate(
    images: embedded.EmbeddedImages,
    split: galleries.Gallery,
    output: pathlib.Path,
    *,
    draws: int = bootstrap.DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Searches the probes, bare and masked, in the gallery of bare templates.

    Args:
      images: every photo bare, and masked where masked probes are wanted.
      split: who is enrolled and who asks.
      output: existing folder for ranked_bare.npz and ranked_masked.npz.
      draws: of people.
      seed: of the draws.

    Returns:
      As `scoring.identify_gallery` says.

    Raises:
      ValueError: no enrolled photo could be embedded, or an image is missing.
    """
    rows = images.rows(split.gallery, False)
    usable = ~images.failed[rows]
    if not usable.any():
        raise ValueError("expected enrolled photos with a usable face, got none")
    enrolled, owners = rows[usable], split.gallery_people[usable]
    people = np.unique(owners)
    kinds = [kind for kind, masked in PROBES.items() if (images.masked == masked).any()]
    result: dict[str, Any] = {
        "people": len(split.people),
        "gallery": len(people),
        "not_enrolled_for_failure": len(np.unique(split.gallery_people)) - len(people),
    }
    firsts = {}
    for kind in kinds:
        rows = images.rows(split.probes, PROBES[kind])
        # Nobody is enrolled with a mask on.
        compared = images.in_masks if PROBES[kind] else images.embeddings
        gallery, people = templates.mean_templates(compared[enrolled], owners)
        ranked = ranking.rank_probes(
            compared[rows],
            split.probe_people,
            gallery,
            people,
            failed=images.failed[rows],
        )
        ranked.save(output / f"ranked_{kind}.npz")
        firsts[kind] = ranked.rank[ranked.has_mate] == 1, ranked.people[ranked.has_mate]
        result[kind] = _table(ranked, firsts[kind], draws, seed)
    if len(firsts) == 2:
        drawn = {
            kind: bootstrap.mean_replicates(*first, draws=draws, seed=seed)
            for kind, first in firsts.items()
        }
        result["drop"] = bootstrap.interval(
            float(firsts["bare"][0].mean() - firsts["masked"][0].mean()),
            drawn["bare"] - drawn["masked"],
        ).to_json()
    result["nearest_neighbour"] = {
        kind: _nearest_neighbour(images, split, PROBES[kind]) for kind in kinds
    }
    return result


def _table(
    ranked: ranking.RankedProbes,
    first: tuple[np.ndarray, np.ndarray],
    draws: int,
    seed: int,
) -> dict[str, Any]:
    curve = ranking.cmc(ranked)
    drawn = bootstrap.mean_replicates(*first, draws=draws, seed=seed)
    return {
        "probes": len(first[0]),
        "strangers": len(ranked) - len(first[0]),
        "rank": {str(k): float(curve[min(k, len(curve)) - 1]) for k in RANKS},
        "rank_1": bootstrap.interval(float(curve[0]), drawn).to_json(),
        "cmc": curve.tolist(),
        "open_set": [point.to_json() for point in ranking.open_set(ranked)],
    }


def _nearest_neighbour(
    images: embedded.EmbeddedImages, split: galleries.Gallery, masked: bool
) -> dict[str, Any] | None:
    """The original's rate: nearest other photo, all bare or all masked, by cosine."""
    rows = images.rows((*split.gallery, *split.probes), masked)
    people = np.concatenate([split.gallery_people, split.probe_people])
    good = ~images.failed[rows]
    try:
        found = identification.nearest_neighbour_rate(
            images.embeddings[rows][good], people[good]
        )
    except ValueError:  # nobody is left with two photos
        return None
    return found.to_json()
