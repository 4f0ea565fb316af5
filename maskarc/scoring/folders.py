"""A model on a folder of photos: one list of pairs, or nearest neighbours."""

import os
import pathlib
from typing import Any

from maskarc import files
from maskarc import images as image_files
from maskarc.data import crops as crop_lib
from maskarc.evaluation import benchmark, protocol
from maskarc.scoring import conditions, models


def evaluate_pairs(
    source: str | os.PathLike[str] | models.ModelChoice,
    photos: crop_lib.Photos,
    *,
    pairs: str | os.PathLike[str],
    output: str | os.PathLike[str],
    masked: str = "none",
    flip: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Scores a model on a list of pairs of a folder, under one condition.

    Args:
      source: as that of a `ModelChoice`, or one, whose flip counts then.
      photos: the folder, and what is put on its faces.
      pairs: as in `evaluate_conditions`.
      output: folder for results and pictures (`evaluation.benchmark.verify_pairs`).
      masked: "none", "second" (the photo at index 1 of each pair) or "both".
      flip: sum the embeddings of crop and mirror image.
      progress: show bars.

    Returns:
      accuracy, accuracy_std, threshold, auc, eer, tar_at_far, pairs, failed_images, …
      and the settings.

    Raises:
      ValueError: a model with masked views.
      FileNotFoundError, ValueError, ImportError: as the parts raise them.
    """
    files.check_place(pathlib.Path(output) / "result.json")
    chosen = _choice(source, flip)
    model = chosen.open()
    photos, listed = conditions.find_pairs(photos, str(pairs))
    needed = protocol.unique_images(listed, masked)
    crops = photos.crops(
        needed.images,
        size=model.image_size,
        crop=model.crop,
        keep_in=output,
        progress=progress,
    )
    result = benchmark.verify_pairs(
        model.embed, listed, needed, crops, output, progress=progress
    )
    return {"masked": masked, **_settings(photos, chosen.flip), **result}


def identify_folder(
    source: str | os.PathLike[str] | models.ModelChoice,
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
    chosen = _choice(source, flip)
    model = chosen.open()
    crops = photos.crops(
        [(name, masked) for name in image_files.list_images(photos.root)],
        size=model.image_size,
        crop=model.crop,
        keep_in=output,
        progress=progress,
    )
    result = benchmark.identify_folder(model.embed, crops, progress=progress)
    return {"masked": masked, **_settings(photos, chosen.flip), **result}


def _choice(
    source: str | os.PathLike[str] | models.ModelChoice, flip: bool
) -> models.ModelChoice:
    if isinstance(source, models.ModelChoice):
        if source.masked_views:
            raise ValueError("masked views need --conditions or --gallery")
        return source
    return models.ModelChoice(source=str(source), flip=flip)


def _settings(photos: crop_lib.Photos, flip: bool) -> dict[str, Any]:
    return {"masks": photos.masks, "seed": photos.seed, "flip": flip}
