"""Identification in an identity/photo folder; the last line printed is JSON.

    python -m experiments.identify --model=runs/faces_r18 --images=DIR \\
        --output=runs/faces_r18/identify --gallery

With --gallery, bare people are enrolled and bare and masked photos ask (rank-k, CMC,
open set); without, it is the original's leave-one-out nearest-neighbour rate.
"""

import json

from absl import flags

from experiments import launch, photo_flags
from maskarc import scoring
from maskarc.evaluation import bootstrap

flags.adopt_module_key_flags(photo_flags)
_MASKED = flags.DEFINE_bool(
    "masked", False, "Put a mask on every photo; --gallery does both anyway."
)
_GALLERY = flags.DEFINE_bool(
    "gallery", False, "Enrol bare faces, and search for bare and masked ones."
)
_ENROLLED_PHOTOS = flags.DEFINE_integer(
    "enrolled_photos", 1, "Photos that make a person's template in the gallery."
)
_STRANGERS = flags.DEFINE_float(
    "strangers", 0.2, "Share of people who are not enrolled but ask."
)
_DRAWS = flags.DEFINE_integer(
    "draws", bootstrap.DRAWS, "Draws of people for the intervals of --gallery."
)
_REPORT = flags.DEFINE_string(
    "report", "", "Folder for a page with tables and curves; means --gallery."
)


def main(argv: list[str]) -> None:
    """Parses the flags and identifies."""
    del argv
    if _GALLERY.value or _REPORT.value:
        result = scoring.identify_gallery(
            photo_flags.model_or_embeddings(),
            photo_flags.photos(),
            output=photo_flags.OUTPUT.value,
            enrolled_photos=_ENROLLED_PHOTOS.value,
            strangers=_STRANGERS.value,
            draws=_DRAWS.value,
            report_to=_REPORT.value,
        )
    else:
        result = scoring.identify_folder(
            photo_flags.model(),
            photo_flags.photos(),
            output=photo_flags.OUTPUT.value,
            masked=_MASKED.value,
        )
    print(json.dumps(result))


if __name__ == "__main__":
    launch.run(main)
