"""A model on IJB-B or IJB-C."""

import os
import pathlib
from typing import Any

from maskarc import files
from maskarc.data import crops as crop_lib
from maskarc.data import template_lists
from maskarc.evaluation import embedded, template_protocols
from maskarc.scoring import models


def evaluate_ijb(
    model: models.ModelChoice | embedded.EmbeddedImages,
    folder: str | os.PathLike[str],
    *,
    target: str = "ijbc",
    output: str | os.PathLike[str],
    progress: bool = True,
) -> dict[str, Any]:
    """Scores a model on IJB-B or IJB-C, from the folder of InsightFace's release.

    Args:
      model: the model, or the photos that it embedded before.
      folder: with meta/ (the lists) and loose_crop/ (the photos).
      target: "ijbb" or "ijbc".
      output: folder for ijbc.json (what is returned) and embeddings.npz.
      progress: show a bar.

    Returns:
      As `template_protocols.score_ijb`, with norms and the detector's scores.

    Raises:
      FileNotFoundError, ValueError, ImportError: as the parts raise them.
    """
    output = pathlib.Path(output)
    files.check_place(output / f"{target}.json")
    lists = template_lists.read_ijb(pathlib.Path(folder) / "meta", target)
    if isinstance(model, embedded.EmbeddedImages):
        images = model
    else:
        if lists.points is None:
            raise FileNotFoundError(f"no {target}_name_5pts_score.txt below {folder}")
        opened = model.open()
        crops = crop_lib.PointCrops(
            root=pathlib.Path(folder) / "loose_crop",
            names=lists.names,
            points=lists.points,
            size=opened.image_size,
        )
        about = {"model": model.source, "flip": model.flip, "target": target}
        images = embedded.embed_images(
            opened.embed, crops, about=about, progress=progress
        )
        images.save(output / "embeddings.npz")
    rows = images.rows(lists.names, False)
    embeddings = images.embeddings[rows] * images.norms[rows][:, None]
    result = template_protocols.score_ijb(lists, embeddings) | {
        "failed_images": int(images.failed[rows].sum()),
        "about": images.about,
    }
    files.write_json(output / f"{target}.json", result, allow_nan=False)
    return result
