"""Finds the landmarks of an image folder once, for all later use.

    python -m experiments.detect_landmarks --input=DIR --output=landmarks.npz

Repeating the command goes on with an interrupted run. The output (.npz, .csv or .json)
holds an outcome for every image; the last line printed counts them.
"""

import collections

from absl import flags

from experiments import launch
from maskarc import files, images, landmarks
from maskarc.cli import console

_INPUT = flags.DEFINE_string(
    "input", None, "Folder of photos; only read.", required=True
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Landmark table to write or go on with.", required=True
)
_DETECTOR = flags.DEFINE_string("detector", "", "Landmark back end (default: mesh).")
# So many images without landmarks are named.
_LISTED = 20


def main(argv: list[str]) -> None:
    """Parses the flags and fills the table."""
    del argv
    listing = images.list_photos(_INPUT.value)
    table = landmarks.detect_folder(
        landmarks.create_detector(_DETECTOR.value or None),
        _INPUT.value,
        listing.names,
        save_to=_OUTPUT.value,
    )
    failed = [row for row in table.rows() if row.points is None]
    for row in failed[:_LISTED]:
        print(files.shown(f"{row.name}: {row.outcome}"))
    if len(failed) > _LISTED:
        print(f"... and {len(failed) - _LISTED} more")
    for line in listing.lines():
        print(line)
    counts = collections.Counter(o.partition(":")[0] for o in table.outcomes)
    counts["ignored"] += len(listing.ignored)
    counts["unreadable"] += len(listing.unreadable)
    print(f"{console.tally(counts)} → {_OUTPUT.value}")


if __name__ == "__main__":
    launch.run(
        main, kept="the landmarks found so far are kept; repeat the command to go on"
    )
