"""Scores of a trained or published model on a folder of photos."""

import os
from typing import Any

from maskarc import images as image_files
from maskarc import inference
from maskarc.data import crops as crop_lib
from maskarc.data import pairs as pair_lists
from maskarc.evaluation import benchmark, protocol


def evaluate_pairs(
    source: str | os.PathLike[str],
    photos: crop_lib.Photos,
    *,
    pairs: str | os.PathLike[str],
    output: str | os.PathLike[str],
    masked: str = "none",
    flip: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Scores a model on a list of pairs of a folder.

    Args:
      source: run folder of a training, or a name in `models.PRETRAINED`.
      photos: the folder, and what is put on its faces.
      pairs: list of pairs (`data.pairs.read_pairs`).
      output: folder for results and pictures (`evaluation.benchmark.verify_pairs`).
      masked: "none", "second" (the photo at index 1 of each pair) or "both".
      flip: sum the embeddings of crop and mirror image.
      progress: show bars.

    Returns:
      accuracy, accuracy_std, threshold, auc, eer, tar_at_far, pairs, failed_images, …
      and the settings.

    Raises:
      FileNotFoundError, ValueError, ImportError: as the parts raise them.
    """
    embedder = inference.Embedder.load(source, flip=flip)
    listed = pair_lists.read_pairs(pairs, photos.root)
    needed = protocol.unique_images(listed, masked)
    crops = photos.crops(
        needed.images,
        size=embedder.image_size,
        crop=embedder.crop,
        keep_in=output,
        progress=progress,
    )
    result = benchmark.verify_pairs(
        embedder.embed, listed, needed, crops, output, progress=progress
    )
    return {"masked": masked, **_settings(photos, flip), **result}


def identify_folder(
    source: str | os.PathLike[str],
    photos: crop_lib.Photos,
    *,
    output: str | os.PathLike[str],
    masked: bool = False,
    flip: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Leave-one-out 1-nearest-neighbour identification of an identity/photo folder.

    Arguments as in `evaluate_pairs`; masked puts a mask on every photo, as the
    original system's test did. Returns what `benchmark.identify_folder` does, and the
    settings.
    """
    embedder = inference.Embedder.load(source, flip=flip)
    crops = photos.crops(
        [(name, masked) for name in image_files.list_images(photos.root)],
        size=embedder.image_size,
        crop=embedder.crop,
        keep_in=output,
        progress=progress,
    )
    result = benchmark.identify_folder(embedder.embed, crops, progress=progress)
    return {"masked": masked, **_settings(photos, flip), **result}


def _settings(photos: crop_lib.Photos, flip: bool) -> dict[str, Any]:
    return {"masks": photos.masks, "seed": photos.seed, "flip": flip}
