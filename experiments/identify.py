"""1-nearest-neighbour identification rate on an identity/photo folder, as JSON.

    python -m experiments.identify --model=runs/faces_r18 --images=DIR \\
        --output=runs/faces_r18/identify --masked
"""

import json

from absl import flags

from experiments import launch, photo_flags
from maskarc import scoring

flags.adopt_module_key_flags(photo_flags)
_MASKED = flags.DEFINE_bool("masked", False, "Put a mask on every photo.")


def main(argv: list[str]) -> None:
    """Parses the flags and identifies."""
    del argv
    result = scoring.identify_folder(
        photo_flags.model(),
        photo_flags.photos(),
        output=photo_flags.OUTPUT.value,
        masked=_MASKED.value,
    )
    print(json.dumps(result))


if __name__ == "__main__":
    launch.run(main)
