"""Thresholds of a model, from all pairs of different people of a folder."""

import os
from collections.abc import Sequence

import numpy as np

from maskarc.data import crops as crop_lib
from maskarc.evaluation import conditions, embedded, rates
from maskarc.scoring import conditions as condition_scoring
from maskarc.scoring import models

# What the two photos wear.
COMPARED = ("bare-bare", "bare-masked", "masked-masked")


def impostor_thresholds(
    model: models.ModelChoice,
    photos: crop_lib.Photos,
    names: Sequence[str],
    *,
    fars: Sequence[float] = (1e-2, 1e-3),
    keep_in: str | os.PathLike[str],
    progress: bool = True,
) -> dict[str, tuple[tuple[float, float], ...]]:
    """The least similarities that keep to false acceptance rates.

    Args:
      model: the model.
      photos: the folder, and what is put on its faces; of few mislabelled ones.
      names: photos to compare, each with each, as identity/photo.
      fars: rates in (0, 1), each of at least one pair.
      keep_in: folder where landmarks that had to be found are kept.
      progress: show bars.

    Returns:
      Condition of `COMPARED` → (rate, threshold); pairs from the threshold on are taken
      for one person, of which so many show different people at most.

    Raises:
      ValueError: too few pairs for a rate.
    """
    needed = [(name, masked) for name in names for masked in (False, True)]
    images = condition_scoring.embed(
        model, photos, tuple(needed), keep_in=keep_in, progress=progress
    )
    return {
        condition: impostor_quantiles(images, names, condition, fars)
        for condition in COMPARED
    }


def impostor_quantiles(
    images: embedded.EmbeddedImages,
    names: Sequence[str],
    condition: str,
    fars: Sequence[float],
) -> tuple[tuple[float, float], ...]:
    """(rate, threshold) under one condition; arguments as in `impostor_thresholds`."""
    masked = conditions.RENDERED[condition]
    sides = [images.rows(names, side) for side in masked]
    people = np.array([name.rsplit("/", 1)[0] for name in names])
    usable = ~(images.failed[sides[0]] | images.failed[sides[1]])
    first, second = (images.faces[side[usable]] for side in sides)
    is_other = people[usable, None] != people[None, usable]
    if masked[0] == masked[1]:  # else each pair is there twice
        is_other = np.triu(is_other)
    similarities = first.similarities(second)[is_other]
    found = []
    for far in fars:
        allowed = rates.allowed_errors(far, len(similarities))
        if not 0 < allowed < len(similarities):
            raise ValueError(
                f"{far:g} takes {rates.errors_needed(far)} pairs of different "
                f"people, there are {len(similarities)}"
            )
        # The highest that is one too many, and just above it.
        place = len(similarities) - 1 - allowed
        refused = np.partition(similarities, place)[place]
        found.append((far, float(np.nextafter(refused, np.float32(np.inf)))))
    return tuple(found)
