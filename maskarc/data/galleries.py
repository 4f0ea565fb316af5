"""Who is enrolled and who asks: a labelled folder as gallery and probes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from maskarc.data import pairs as pair_lists


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Gallery:
    """A folder's photos, shared out.

    Attributes:
      people: names of the persons, by their numbers.
      gallery: photos enrolled.
      gallery_people: int64[E], the person on each of them.
      probes: photos that ask: the other photos of the enrolled, and all of strangers.
      probe_people: int64[P], the person on each of them.
    """

    people: tuple[str, ...]
    gallery: tuple[str, ...]
    gallery_people: np.ndarray
    probes: tuple[str, ...]
    probe_people: np.ndarray


def split_folder(
    names: Sequence[str],
    *,
    enrolled_photos: int = 1,
    strangers: float = 0.2,
    seed: int = 0,
) -> Gallery:
    """Draws whom to enrol with which photos.

    Args:
      names: photos, whose folder or name tells the person (`pairs.person_of`).
      enrolled_photos: of each enrolled person; who has no more than that is a stranger.
      strangers: share of the others who are strangers too: not enrolled, all of their
        photos ask.
      seed: of the draw.

    Raises:
      ValueError: nobody is left to enrol, or numbers out of range.
    """
    if enrolled_photos < 1 or not 0 <= strangers < 1:
        raise ValueError(
            f"expected 1 photo or more to enrol and strangers from 0 to below 1, got "
            f"{enrolled_photos} and {strangers}"
        )
    photos: dict[str, list[str]] = {}
    for name in names:
        photos.setdefault(pair_lists.person_of(name), []).append(name)
    rng = np.random.default_rng(seed)
    able = [p for p, own in photos.items() if len(own) > enrolled_photos]
    unknown = {
        able[i] for i in rng.permutation(len(able))[: int(strangers * len(able))]
    }
    if len(able) == len(unknown):
        raise ValueError(
            f"expected people with more than {enrolled_photos} photos to enrol, got "
            f"{len(photos)} people, none with so many"
        )
    gallery: list[tuple[str, int]] = []
    probes: list[tuple[str, int]] = []
    for number, (person, own) in enumerate(photos.items()):
        is_enrolled = len(own) > enrolled_photos and person not in unknown
        order = rng.permutation(len(own)) if is_enrolled else np.arange(len(own))
        count = enrolled_photos if is_enrolled else 0
        gallery += [(own[i], number) for i in order[:count]]
        probes += [(own[i], number) for i in sorted(order[count:].tolist())]
    return Gallery(
        people=tuple(photos),
        gallery=tuple(name for name, _ in gallery),
        gallery_people=np.array([n for _, n in gallery], np.int64),
        probes=tuple(name for name, _ in probes),
        probe_people=np.array([n for _, n in probes], np.int64),
    )
