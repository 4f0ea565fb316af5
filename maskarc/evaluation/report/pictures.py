"""The pairs that a model judges worst, as pictures that a page can hold."""

import base64
import dataclasses
import io
from collections.abc import Callable, Mapping

import numpy as np
import PIL.Image

from maskarc.evaluation import conditions, protocol, scored

COUNT = 6  # of each kind and condition
_QUALITY = 85


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorstPair:
    """A pair that looks otherwise to the model than it is.

    Attributes:
      condition: under which it was compared.
      images: (name, masked) of both.
      similarity: what the model says.
      is_same: whether it is one person.
      is_wrong: whether the condition's own threshold decides it wrongly.
    """

    condition: str
    images: tuple[tuple[str, bool], tuple[str, bool]]
    similarity: float
    is_same: bool
    is_wrong: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A worst pair, and its two crops as data URIs."""

    pair: WorstPair
    uris: tuple[str, str]


def worst(
    scores: scored.ScoredPairs, thresholds: Mapping[str, float], *, count: int = COUNT
) -> tuple[WorstPair, ...]:
    """Of each condition the impostors most alike, then the genuine pairs least alike.

    Pairs that failed have nothing to show and are left out.

    Args:
      scores: of a run.
      thresholds: condition → threshold; other conditions are left out.
      count: pairs of each kind and condition.
    """
    found = []
    for condition, threshold in thresholds.items():
        rows = scores.where(condition=condition)
        masked = conditions.RENDERED.get(condition, (False, False))
        order = np.argsort(rows.similarity, kind="stable")
        order = order[rows.similarity[order] > protocol.FAILED]
        alike = order[~rows.is_same[order]][::-1][:count]
        apart = order[rows.is_same[order]][:count]
        for row in (*alike, *apart):
            similarity, is_same = float(rows.similarity[row]), bool(rows.is_same[row])
            found.append(
                WorstPair(
                    condition=condition,
                    images=(
                        (str(rows.first[row]), masked[0]),
                        (str(rows.second[row]), masked[1]),
                    ),
                    similarity=similarity,
                    is_same=is_same,
                    is_wrong=(similarity >= threshold) != is_same,
                )
            )
    return tuple(found)


def needed(pairs: tuple[WorstPair, ...]) -> tuple[tuple[str, bool], ...]:
    """(name, masked) of all images that the pairs show, each once."""
    return tuple(sorted({image for pair in pairs for image in pair.images}))


def draw(
    pairs: tuple[WorstPair, ...],
    images: tuple[tuple[str, bool], ...],
    read: Callable[[int], np.ndarray | None],
) -> tuple[Picture, ...]:
    """The pairs with their crops; pairs of which one cannot be read are left out.

    Args:
      pairs: from `worst`.
      images: `needed` of them.
      read: called with the place of an image in `images`; its crop uint8[S, S, 3].
    """
    uris = {}
    for place, image in enumerate(images):
        crop = read(place)
        if crop is not None:
            uris[image] = data_uri(crop)
    return tuple(
        Picture(pair=pair, uris=(uris[pair.images[0]], uris[pair.images[1]]))
        for pair in pairs
        if all(image in uris for image in pair.images)
    )


def data_uri(crop: np.ndarray) -> str:
    """A picture uint8[H, W, 3] as a JPEG inside an address."""
    file = io.BytesIO()
    PIL.Image.fromarray(crop).save(file, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
