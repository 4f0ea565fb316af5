"""Masks the faces of an image folder into another folder.

    python -m experiments.mask_dataset --input=DIR --output=DIR --masks=masks.json \\
        --seed=0

Repeating the command goes on with an interrupted run. The output's manifest.jsonl says
what became of each photo.
"""

from absl import flags

from experiments import launch
from maskarc.masks import bulk

_INPUT = flags.DEFINE_string(
    "input", None, "Folder of photos; only read.", required=True
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder for the masked photos.", required=True
)
_MASKS = flags.DEFINE_string(
    "masks", "builtin", "'builtin', a masks.json, or several with commas."
)
_SEED = flags.DEFINE_integer("seed", 0, "Which mask goes on which photo.")
_DETECTOR = flags.DEFINE_string("detector", "", "Landmark back end, if no table.")
_LANDMARKS = flags.DEFINE_string("landmarks", "", "Landmark table to use.")


def main(argv: list[str]) -> None:
    """Parses the flags and masks the folder."""
    del argv
    counts = bulk.mask_folder(
        _INPUT.value,
        _OUTPUT.value,
        masks=_MASKS.value,
        seed=_SEED.value,
        detector=_DETECTOR.value,
        landmark_file=_LANDMARKS.value,
    )
    print(
        f"{sum(counts.values())} photos:",
        ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())),
        f"→ {_OUTPUT.value}",
    )


if __name__ == "__main__":
    launch.run(main)
