"""Scores a checkpoint on a list of pairs; the last line printed is one JSON object.

    python -m experiments.evaluate --checkpoint=runs/faces_r18 --images=lfw/images \\
        --pairs=lfw/pairs.txt --masked=second --output=runs/faces_r18/lfw_masked
"""

import json

from absl import flags

from experiments import launch
from maskarc import inference
from maskarc.evaluation import protocol

_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Run folder of a training.", required=True
)
_IMAGES = flags.DEFINE_string("images", None, "Folder of the photos.", required=True)
_PAIRS = flags.DEFINE_string(
    "pairs", None, "List of pairs: LFW, MFR2 or CSV format.", required=True
)
_MASKED = flags.DEFINE_enum(
    "masked", "none", list(protocol.MASKED_SIDES), "Which photo of a pair is masked."
)
_MASKS = flags.DEFINE_string("masks", "builtin", "'builtin' or a masks.json.")
_SEED = flags.DEFINE_integer("seed", 0, "Which mask goes on which photo.")
_LANDMARKS = flags.DEFINE_string(
    "landmarks", "", "Landmark table; found and kept in --output if empty."
)
_DETECTOR = flags.DEFINE_string("detector", "", "Landmark back end, if no table.")
_FLIP = flags.DEFINE_bool("flip", False, "Sum the embeddings of crop and mirror image.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the results.", required=True)


def main(argv: list[str]) -> None:
    """Parses the flags and evaluates."""
    del argv
    result = inference.evaluate_pairs(
        _CHECKPOINT.value,
        images=_IMAGES.value,
        pairs=_PAIRS.value,
        output=_OUTPUT.value,
        masked=_MASKED.value,
        masks=_MASKS.value,
        seed=_SEED.value,
        landmarks=_LANDMARKS.value,
        detector=_DETECTOR.value,
        flip=_FLIP.value,
    )
    print(json.dumps(result))


if __name__ == "__main__":
    launch.run(main)
