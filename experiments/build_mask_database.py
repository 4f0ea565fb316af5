"""Cuts masks out of photos of masked people and collects them in a database.

    python -m experiments.build_mask_database --photos=DIR --output=masks.json

Beside masks.json it writes masks.outcomes.csv, which says what became of each photo.
"""

import collections

from absl import flags

from experiments import launch
from maskarc.cli import console
from maskarc.masks import collecting

_PHOTOS = flags.DEFINE_string(
    "photos", None, "Folder of photos of masked people.", required=True
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "The database, a .json file.", required=True
)
_DETECTOR = flags.DEFINE_string("detector", "", "Landmark back end.")
_HOLDOUT = flags.DEFINE_string(
    "holdout", "", "Second database, which gets every fourth mask instead."
)
_FIGURES = flags.DEFINE_string("figures", "", "Folder for pictures of all cut-outs.")


def main(argv: list[str]) -> None:
    """Parses the flags and builds the database."""
    del argv
    outcomes = collecting.build_database(
        _PHOTOS.value,
        _OUTPUT.value,
        detector=_DETECTOR.value,
        holdout=_HOLDOUT.value,
        figures_folder=_FIGURES.value,
    )
    counts = collections.Counter(outcome.outcome for outcome in outcomes)
    print(f"{console.tally(counts)} → {_OUTPUT.value}")


if __name__ == "__main__":
    launch.run(main)
