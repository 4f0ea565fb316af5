"""A model that identifies bare and masked probes in a gallery of bare faces."""

import os
import pathlib
from typing import Any

from maskarc import files
from maskarc import images as image_files
from maskarc.data import crops as crop_lib
from maskarc.data import galleries
from maskarc.evaluation import bootstrap, embedded, gallery_tables, report
from maskarc.evaluation import conditions as condition_lib
from maskarc.scoring import conditions, models


def identify_gallery(
    model: models.ModelChoice | embedded.EmbeddedImages,
    photos: crop_lib.Photos,
    *,
    output: str | os.PathLike[str],
    enrolled_photos: int = 1,
    strangers: float = 0.2,
    draws: int = bootstrap.DRAWS,
    report_to: str | os.PathLike[str] = "",
    progress: bool = True,
) -> dict[str, Any]:
    """Identifies bare and masked probes in a gallery of bare faces.

    Args:
      model: the model, or images that it embedded before, which then are the set.
      photos: an identity/photo folder, and what is put on its faces.
      output: folder for identification.json (what is returned), ranked_bare.npz and
        ranked_masked.npz (`evaluation.ranking`), embeddings.npz and masks.csv.
      enrolled_photos: of each person; their mean is the template.
      strangers: share of people who are not enrolled (`data.galleries`).
      draws: of people, for the intervals.
      report_to: folder for a page of it all (`evaluation.report`); none if empty.
      progress: show bars.

    Returns:
      For "bare" and "masked" probes "rank" (share found up to rank 1, 5 and 10),
      "cmc", "rank_1" with its interval and "open_set"; "drop", what rank 1 loses by the
      masks, paired; "nearest_neighbour", the original's rate on all photos bare and
      all masked; and counts.

    Raises:
      FileNotFoundError, ValueError, ImportError: as the parts raise them.
    """
    output = pathlib.Path(output)
    files.check_place(output / "identification.json")
    if isinstance(model, embedded.EmbeddedImages):
        names = sorted(set(model.names.tolist()))
    else:
        names = image_files.list_images(photos.root)
    split = galleries.split_folder(
        names, enrolled_photos=enrolled_photos, strangers=strangers, seed=photos.seed
    )
    if isinstance(model, embedded.EmbeddedImages):
        images = model
    else:
        needed = tuple((name, masked) for name in names for masked in (False, True))
        images = conditions.embed(
            model, photos, needed, keep_in=output, progress=progress
        )
        images.save(output / "embeddings.npz")
    images.write_masks(output / "masks.csv")
    result = gallery_tables.tabulate(images, split, output, draws=draws) | {
        "images": condition_lib.outcomes(images),
        "about": images.about,
        "enrolled_photos": enrolled_photos,
        "strangers": strangers,
    }
    files.write_json(output / "identification.json", result, allow_nan=False)
    if report_to:
        run = report.Run(
            name=output.resolve().name,
            about=images.about,
            identification=result,
            images=len(images),
            failures=report.failures_of(images),
        )
        report.write(report_to, [run])
    return result
