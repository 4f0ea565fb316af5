"""Scores a checkpoint on a list of pairs; the last line printed is one JSON object.

    python -m experiments.evaluate --model=runs/faces_r18 --images=lfw/images \\
        --pairs=lfw/pairs.txt --masked=second --output=runs/faces_r18/lfw_masked
"""

import json

from absl import flags

from experiments import launch, photo_flags
from maskarc import scoring
from maskarc.evaluation import protocol

flags.adopt_module_key_flags(photo_flags)
_PAIRS = flags.DEFINE_string(
    "pairs", None, "List of pairs: LFW, MFR2 or CSV format.", required=True
)
_MASKED = flags.DEFINE_enum(
    "masked", "none", list(protocol.MASKED_SIDES), "Which photo of a pair is masked."
)


def main(argv: list[str]) -> None:
    """Parses the flags and evaluates."""
    del argv
    result = scoring.evaluate_pairs(
        photo_flags.MODEL.value,
        photo_flags.photos(),
        pairs=_PAIRS.value,
        output=photo_flags.OUTPUT.value,
        masked=_MASKED.value,
        flip=photo_flags.FLIP.value,
    )
    print(json.dumps(result))


if __name__ == "__main__":
    launch.run(main)
