"""From a model and a list of photos to scores, pictures and files.

The model is any function from crops to embeddings, so that others than ours can be
scored too.
"""

import os
import pathlib
from typing import Any

import numpy as np

from maskarc import files
from maskarc.data import crops as crop_lib
from maskarc.data import pairs as pair_lists
from maskarc.evaluation import (
    embedded,
    grids,
    identification,
    plots,
    protocol,
    verification,
)


def verify_pairs(
    embed: embedded.EmbedFn,
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
    found = embedded.embed_images(embed, crops, progress=progress)
    failed = found.failed
    scores = protocol.similarities(needed, found.embeddings, failed)
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
    files.write_json(output / "result.json", result)
    return result


def identify_folder(
    embed: embedded.EmbedFn, crops: crop_lib.FaceCrops, *, progress: bool = True
) -> dict[str, Any]:
    """Leave-one-out 1-nearest-neighbour identification of a labelled folder.

    The identity of a photo is its folder.

    Returns:
      "cosine" and "l2" (the embeddings as they are, the original system's metric),
      each the fields of `identification.Identification`; and "failed_images".
    """
    found = embedded.embed_images(embed, crops, progress=progress)
    good = ~found.failed
    folders = [name.rpartition("/")[0] for name in found.names[good].tolist()]
    _, labels = np.unique(folders, return_inverse=True)
    # As the model gave them.
    embeddings = found.embeddings[good] * found.norms[good][:, None]
    rates = {
        metric: identification.nearest_neighbour_rate(
            embeddings, labels, metric=metric
        ).to_json()
        for metric in identification.METRICS
    }
    return rates | {"failed_images": int((~good).sum())}


def _write_similarities(
    path: pathlib.Path, pairs: pair_lists.Pairs, scores: np.ndarray
) -> None:
    rows = zip(
        pairs.first,
        pairs.second,
        pairs.is_same.astype(int).tolist(),
        pairs.fold.tolist(),
        (f"{score:.6f}" for score in scores),
        strict=True,
    )
    header = ["first", "second", "is_same", "fold", "similarity"]
    files.write_csv(path, [header, *rows])
