"""A model on a list of pairs, bare and with masks, in one run."""

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

from maskarc import files, inference, mask_detection
from maskarc.data import crops as crop_lib
from maskarc.data import insightface_bin, protocols
from maskarc.data import pairs as pair_lists
from maskarc.evaluation import (
    audit,
    bootstrap,
    conditions,
    embedded,
    foreign_models,
    provenance,
    report,
    scored,
    summary,
)
from maskarc.masks import mixture
from maskarc.scoring import models


def evaluate_conditions(
    model: models.ModelChoice | embedded.EmbeddedImages,
    photos: crop_lib.Photos,
    *,
    pairs: str,
    output: str | os.PathLike[str],
    chosen: str = "all",
    mask_labels: str = "",
    draws: int = bootstrap.DRAWS,
    report_to: str | os.PathLike[str] = "",
    progress: bool = True,
) -> dict[str, Any]:
    """Scores a model bare, with rendered and with real masks, in one run.

    Each photo is embedded once bare and once masked, whatever the conditions.

    Args:
      model: the model, or images that it embedded before.
      photos: the folder, and what is put on its faces.
      pairs: a list of pairs, a .bin file (whose photos are then taken, aligned as they
        are), "cfp_ff", "cfp_fp", "all" or "all:20000" (`data.protocols.find_pairs`).
      output: folder for result.json (what is returned), scores.npz
        (`evaluation.scored`), embeddings.npz (`evaluation.embedded`) and masks.csv,
        what was put on whom; made if missing.
      chosen: "all" or some of `evaluation.conditions.ALL`, with commas between.
      mask_labels: list of the real masks that photos show, in MFR2's layout.
      draws: of the bootstrap.
      report_to: folder for a page of it all (`evaluation.report`), with pictures of
        the worst pairs; none if empty.
      progress: show bars.

    Returns:
      The tables of `evaluation.summary.summarise`, "audit", "images" and "about".

    Raises:
      FileNotFoundError, ValueError, ImportError: as the parts raise them.
    """
    output = pathlib.Path(output)
    files.check_place(output / "result.json")
    names = conditions.parse(chosen)
    photos, listed = find_pairs(photos, pairs)
    real = protocols.read_mask_labels(mask_labels, photos.root) if mask_labels else {}
    if isinstance(model, embedded.EmbeddedImages):
        images = model
    else:
        needed = conditions.needed_images(listed, names, real)
        images = embed(model, photos, needed, keep_in=output, progress=progress)
        images.save(output / "embeddings.npz")
    images.write_masks(output / "masks.csv")
    scores = conditions.score(listed, images, names, real)
    scores = dataclasses.replace(scores, about={**scores.about, "pairs": str(pairs)})
    scores.save(output / "scores.npz")
    result = score_again(scores, draws=draws) | {
        "audit": audit.audit_pairs(listed).to_json(),
        "images": conditions.outcomes(images),
    }
    files.write_json(output / "result.json", result, allow_nan=False)
    if report_to:
        run = report.Run(
            name=output.resolve().name,
            about=scores.about,
            scores=scores,
            result=result,
            images=len(images),
            failures=report.failures_of(images),
        )
        if photos.files is not None or pathlib.Path(photos.root).is_dir():
            run = report.with_pictures(run, photos, keep_in=output)
        report.write(report_to, [run])
    return result


def score_again(
    scores: scored.ScoredPairs, *, draws: int = bootstrap.DRAWS
) -> dict[str, Any]:
    """The tables of scored pairs, and "about" them; needs neither photos nor model."""
    return summary.summarise(scores, draws=draws) | {"about": scores.about}


def embed(
    model: models.ModelChoice,
    photos: crop_lib.Photos,
    needed: tuple[tuple[str, bool], ...],
    *,
    keep_in: str | os.PathLike[str],
    progress: bool = True,
) -> embedded.EmbeddedImages:
    """Embeds (name, masked) images, each once; `keep_in` holds found landmarks."""
    opened = model.open()
    crops = photos.crops(
        needed,
        size=opened.image_size,
        crop=opened.crop,
        keep_in=keep_in,
        views=mask_detection.MaskDetector.load().views()
        if model.masked_views
        else None,
        progress=progress,
    )
    about = {
        "images": str(photos.root),
        **identity(model, photos, opened),
        "image_size": opened.image_size,
        **provenance.provenance(),
    }
    strangers = None
    if model.masked_views and isinstance(opened, inference.Embedder):
        strangers = opened.cohort
    images = embedded.embed_images(
        opened.embed, crops, strangers=strangers, about=about, progress=progress
    )
    if photos.detector == "canonical" and not photos.landmarks:
        # The mean face looks straight ahead, whatever the photo shows.
        unknown = np.full(len(images), np.nan, np.float32)
        images = dataclasses.replace(images, yaws=unknown)
    return images


def identity(
    model: models.ModelChoice,
    photos: crop_lib.Photos,
    opened: foreign_models.Model | None = None,
) -> dict[str, Any]:
    """What decides on the embeddings: kept results of another are not taken for it.

    The model and its weights, where they are read by maskarc, and the masks with their
    pictures: both may have changed under the same name. `opened` is the model where it
    is open already.

    Raises:
      FileNotFoundError, ValueError, ImportError: as `ModelChoice.open` and
        `mixture.parse`.
    """
    opened = model.open() if opened is None else opened
    weights = opened.weights.digest() if isinstance(opened, inference.Embedder) else ""
    return {
        "model": str(model.source),
        "weights": weights,
        "flip": model.flip,
        "masked_views": model.masked_views,
        "crop": opened.crop,
        "masks": photos.masks,
        "mask_pictures": mixture.parse(photos.masks).digest() if photos.masks else "",
        "seed": photos.seed,
        "landmarks_on": photos.landmarks_on,
    }


def find_pairs(
    photos: crop_lib.Photos, pairs: str
) -> tuple[crop_lib.Photos, pair_lists.Pairs]:
    """The pairs that a command names, and the photos they are of.

    Raises:
      ValueError: no folder, where the pairs bring no photos of their own; or as
        `protocols.find_pairs` and `insightface_bin.read`.
    """
    if not pairs.endswith(".bin"):
        if not photos.root:
            raise ValueError(
                f"say in which folder the photos of {pairs} are (--images); only a "
                ".bin file holds its own"
            )
        return photos, protocols.find_pairs(pairs, photos.root, seed=photos.seed)
    read = insightface_bin.read(pairs)
    # Its photos are aligned already.
    detector = photos.detector or "canonical"
    photos = dataclasses.replace(photos, files=read.photos, detector=detector)
    return photos, read.pairs
