"""From a model and a list of photos to scores, pictures and files.

The model is any function from crops to embeddings, so that others than ours can be
scored too.
"""

import csv
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tqdm

from maskarc.data import crops as crop_lib
from maskarc.data import pairs as pair_lists
from maskarc.evaluation import grids, identification, plots, protocol, verification

# Aligned crops uint8[S, S, 3] in, float32[N, D] out, in the same order.
EmbedFn = Callable[[Iterable[np.ndarray]], np.ndarray]


def embed_crops(
    embed: EmbedFn, crops: crop_lib.FaceCrops, *, progress: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Embeds each crop once.

    Args:
      embed: the model.
      crops: what to embed; reading runs ahead in threads.
      progress: show a bar.

    Returns:
      float32[N, D] embeddings as the model gives them, with zeros for the failed, and
      bool[N], which failed.

    Raises:
      ValueError: every photo failed.
    """
    failed = np.ones(len(crops), bool)

    def usable() -> Iterator[np.ndarray]:
        stream = crop_lib.read_ahead(crops.read, len(crops))
        for index, crop in enumerate(
            tqdm.tqdm(stream, "embedding", len(crops), unit="img", disable=not progress)
        ):
            if crop is not None:
                failed[index] = False
                yield crop

    done = embed(usable())
    if failed.all():
        raise ValueError(
            f"none of the {len(crops)} photos below {crops.root} has a usable face"
        )
    embeddings = np.zeros((len(crops), done.shape[1]), np.float32)
    embeddings[~failed] = done
    return embeddings, failed


def verify_pairs(
    embed: EmbedFn,
    pairs: pair_lists.Pairs,
    needed: protocol.PairImages,
    crops: crop_lib.FaceCrops,
    output: str | os.PathLike[str],
    *,
    progress: bool = True,
) -> dict[str, Any]:
    """Scores a list of pairs and writes what can be looked at.

    Args:
      embed: the model.
      pairs: the pairs.
      needed: their images (`protocol.unique_images`).
      crops: the crops of needed.images, in that order.
      output: folder for result.json, similarities.csv, roc.png, similarities.png and
        worst_pairs.png; made if missing.
      progress: show a bar.

    Returns:
      The fields of `verification.Verification`, "failed_images" and "images".
    """
    output = pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    embeddings, failed = embed_crops(embed, crops, progress=progress)
    scores = protocol.similarities(needed, unit_length(embeddings), failed)
    scored = verification.evaluate(scores, pairs.is_same, pairs.fold)
    result = scored.to_json() | {
        "failed_images": int(failed.sum()),
        "images": len(crops),
    }
    _write_similarities(output / "similarities.csv", pairs, scores)
    plots.roc_curves(output / "roc.png", {"": (scores, pairs.is_same)})
    plots.score_histogram(
        output / "similarities.png", scores, pairs.is_same, scored.threshold
    )

    def crops_of(pair: int) -> tuple[np.ndarray, np.ndarray]:
        blank = np.zeros((crops.size, crops.size, 3), np.uint8)
        first = crops.read(int(needed.first_index[pair]))
        second = crops.read(int(needed.second_index[pair]))
        return (blank if first is None else first), (
            blank if second is None else second
        )

    grids.worst_pairs(
        output / "worst_pairs.png", crops_of, scores, pairs.is_same, scored.threshold
    )
    (output / "result.json").write_text(
        json.dumps(result, indent=2) + "\n", encoding="utf-8"
    )
    return result


def identify_folder(
    embed: EmbedFn, crops: crop_lib.FaceCrops, *, progress: bool = True
) -> dict[str, Any]:
    """Leave-one-out 1-nearest-neighbour identification of a labelled folder.

    The identity of a photo is its folder.

    Returns:
      "cosine" and "l2" (the embeddings as they are, the original system's metric),
      each the fields of `identification.Identification`; and "failed_images".
    """
    embeddings, failed = embed_crops(embed, crops, progress=progress)
    names = [
        name for (name, _), bad in zip(crops.images, failed, strict=True) if not bad
    ]
    labels = np.unique([name.rpartition("/")[0] for name in names], return_inverse=True)
    rates = {
        metric: identification.nearest_neighbour_rate(
            embeddings[~failed], labels[1], metric=metric
        ).to_json()
        for metric in identification.METRICS
    }
    return rates | {"failed_images": int(failed.sum())}


def unit_length(embeddings: np.ndarray) -> np.ndarray:
    """The embeddings float32[N, D] scaled to length 1; zero rows stay zero."""
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.maximum(norms, 1e-12)


def _write_similarities(
    path: pathlib.Path, pairs: pair_lists.Pairs, scores: np.ndarray
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["first", "second", "is_same", "fold", "similarity"])
        writer.writerows(
            zip(
                pairs.first,
                pairs.second,
                pairs.is_same.astype(int).tolist(),
                pairs.fold.tolist(),
                (f"{score:.6f}" for score in scores),
                strict=True,
            )
        )
