"""Masks as conditions: which pairs are compared bare, masked, or with real masks.

    bare-bare       both photos as they are
    bare-masked     a mask rendered on the photo at index 1 of every pair
    masked-masked   masks rendered on both
    bare-real       one photo shows a real mask, as the labels of the set say
    real-real       both do

Rendered masks are put on bare photos only. A set without labels counts as bare.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from maskarc import masked_views
from maskarc.data import crops as crop_lib
from maskarc.data import pairs as pair_lists
from maskarc.evaluation import embedded, protocol, scored

# Condition → whether a mask is rendered on the photos at index 0 and 1.
RENDERED = {
    "bare-bare": (False, False),
    "bare-masked": (False, True),
    "masked-masked": (True, True),
}
REAL = ("bare-real", "real-real")
ALL = (*RENDERED, *REAL)
# Least |yaw| in degrees of a pair's more turned photo → name of the bin.
YAW_BINS = ((45, "45°–"), (30, "30–45°"), (15, "15–30°"), (0, "0–15°"))
MIXED, UNKNOWN = "mixed", "unknown"


def parse(text: str) -> tuple[str, ...]:
    """The conditions that a command names: "all", or some with commas between.

    Raises:
      ValueError: an unknown one; the message lists those there are.
    """
    if text == "all":
        return ALL
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in names if name not in ALL]:
        raise ValueError(
            f"unknown condition {unknown[0]!r}; expected 'all' or of {', '.join(ALL)}"
        )
    return names


def needed_images(
    pairs: pair_lists.Pairs,
    conditions: Sequence[str],
    real_masks: Mapping[str, str] | None = None,
) -> tuple[tuple[str, bool], ...]:
    """(name, masked) of all images that the conditions compare, each once.

    Args:
      pairs: the pairs.
      conditions: of `ALL`.
      real_masks: name → kind of the mask that the photo shows, "" for none.

    Raises:
      ValueError: no pair is left for any of the conditions.
    """
    found = dict.fromkeys(
        image
        for condition in conditions
        for first, second in _compared(pairs, condition, real_masks or {}).values()
        for image in (first, second)
    )
    if not found:
        raise ValueError(
            f"no pair of the list is {' or '.join(conditions)}; labels of real masks "
            "make bare-real and real-real"
        )
    # A photo bare and masked one after the other: its file is in the cache then.
    return tuple(sorted(found))


def _compared(
    pairs: pair_lists.Pairs, condition: str, real: Mapping[str, str]
) -> dict[int, tuple[tuple[str, bool], tuple[str, bool]]]:
    """Number of the pair → its two images."""
    masked = RENDERED.get(condition, (False, False))
    wanted = 1 + REAL.index(condition) if condition in REAL else 0
    return {
        number: ((first, masked[0]), (second, masked[1]))
        for number, (first, second) in enumerate(
            zip(pairs.first, pairs.second, strict=True)
        )
        if bool(real.get(first)) + bool(real.get(second)) == wanted
    }


def score(
    pairs: pair_lists.Pairs,
    images: embedded.EmbeddedImages,
    conditions: Sequence[str],
    real_masks: Mapping[str, str] | None = None,
) -> scored.ScoredPairs:
    """Compares the pairs under each condition.

    Args:
      pairs: the pairs.
      images: with at least the `needed_images`.
      conditions: of `ALL`; those without a pair are left out.
      real_masks: as in `needed_images`.

    Returns:
      Rows with the labels "condition"; "kind" and "wear" of the masks, `MIXED` where
      two differ; and "yaw", a bin of `YAW_BINS`.

    Raises:
      ValueError: an image is missing.
    """
    real = real_masks or {}
    persons = pairs.persons()
    parts = []
    for condition in conditions:
        compared = _compared(pairs, condition, real)
        if not compared:
            continue
        numbers = np.array(list(compared), np.int64)
        masked = RENDERED.get(condition, (False, False))
        sides = [
            images.rows((pair[side][0] for pair in compared.values()), masked[side])
            for side in (0, 1)
        ]
        failed = images.failed[sides[0]] | images.failed[sides[1]]
        labels = _labels(images, sides, real if condition in REAL else {})
        parts.append(
            scored.ScoredPairs(
                pair=numbers,
                first=images.names[sides[0]],
                second=images.names[sides[1]],
                people=persons[numbers],
                is_same=pairs.is_same[numbers],
                fold=pairs.fold[numbers],
                similarity=_similarities(images.faces, sides, failed),
                failed=failed,
                labels={"condition": np.full(len(numbers), condition), **labels},
            )
        )
    return _joined(parts, dict(images.about))


def _similarities(
    faces: masked_views.Faces, sides: list[np.ndarray], failed: np.ndarray
) -> np.ndarray:
    """float32[N]; a block at a time, for lists longer than memory."""
    found = np.empty(len(failed), np.float32)
    for start in range(0, len(failed), 2**16):
        rows = slice(start, start + 2**16)
        found[rows] = faces[sides[0][rows]].paired(faces[sides[1][rows]])
    found[failed] = protocol.FAILED
    return found


def _labels(
    images: embedded.EmbeddedImages, sides: list[np.ndarray], real: Mapping[str, str]
) -> dict[str, np.ndarray]:
    kinds = images.kinds
    if real:
        kinds = np.array([real.get(name, "") for name in images.names], str)
    turned = np.abs(np.degrees(images.yaws))
    turned = np.fmax(turned[sides[0]], turned[sides[1]])
    yaw = np.full(len(turned), UNKNOWN, "<U8")
    for least, name in reversed(YAW_BINS):
        yaw[turned >= least] = name
    return {
        "kind": _common(kinds, sides),
        "wear": _common(images.wears, sides),
        "yaw": yaw,
    }


def _common(values: np.ndarray, sides: list[np.ndarray]) -> np.ndarray:
    """The label of both photos, or of the one that has any."""
    first, second = values[sides[0]], values[sides[1]]
    either = np.where(first == "", second, first)
    return np.where((first != "") & (second != "") & (first != second), MIXED, either)


def _joined(parts: list[scored.ScoredPairs], about: dict) -> scored.ScoredPairs:
    if not parts:
        raise ValueError("no pair of the list belongs to one of the conditions")
    fields = [f.name for f in dataclasses.fields(scored.ScoredPairs)][:-2]
    return scored.ScoredPairs(
        **{f: np.concatenate([getattr(p, f) for p in parts]) for f in fields},
        labels={
            name: np.concatenate([p.labels[name] for p in parts])
            for name in parts[0].labels
        },
        about=about,
    )


def outcomes(images: embedded.EmbeddedImages) -> dict[str, dict[str, int]]:
    """How many bare and masked images had which outcome."""
    return {
        name: {
            outcome: int((images.outcomes[images.masked == masked] == outcome).sum())
            for outcome in (
                crop_lib.OK,
                crop_lib.NO_FACE,
                crop_lib.UNREADABLE,
                crop_lib.UNFIT,
            )
        }
        for name, masked in (("bare", False), ("masked", True))
        if (images.masked == masked).any()
    }
