"""1-nearest-neighbour identification rate on an identity/photo folder, as JSON.

    python -m experiments.identify --checkpoint=runs/faces_r18 --images=DIR \\
        --output=runs/faces_r18/identify --masked
"""

import json

from absl import flags

from experiments import launch
from maskarc import inference

_CHECKPOINT = flags.DEFINE_string(
    "checkpoint", None, "Run folder of a training.", required=True
)
_IMAGES = flags.DEFINE_string(
    "images", None, "Folder with a subfolder an identity.", required=True
)
_MASKED = flags.DEFINE_bool("masked", False, "Put a mask on every photo.")
_MASKS = flags.DEFINE_string("masks", "builtin", "'builtin' or a masks.json.")
_SEED = flags.DEFINE_integer("seed", 0, "Which mask goes on which photo.")
_LANDMARKS = flags.DEFINE_string(
    "landmarks", "", "Landmark table; found and kept in --output if empty."
)
_DETECTOR = flags.DEFINE_string("detector", "", "Landmark back end, if no table.")
_FLIP = flags.DEFINE_bool("flip", False, "Sum the embeddings of crop and mirror image.")
_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder for the landmark table.", required=True
)


def main(argv: list[str]) -> None:
    """Parses the flags and identifies."""
    del argv
    result = inference.identify_folder(
        _CHECKPOINT.value,
        images=_IMAGES.value,
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
