"""Flags of the scripts that score a model on a folder of photos."""

from absl import flags

from maskarc.data import crops

MODEL = flags.DEFINE_string(
    "model",
    None,
    "Run folder of a training, or the name of published weights: dlib_resnet29.",
    required=True,
)
flags.DEFINE_alias("checkpoint", "model")
OUTPUT = flags.DEFINE_string("output", None, "Folder for the results.", required=True)
FLIP = flags.DEFINE_bool("flip", False, "Sum the embeddings of crop and mirror image.")

_IMAGES = flags.DEFINE_string("images", None, "Folder of the photos.", required=True)
_MASKS = flags.DEFINE_string(
    "masks",
    "builtin",
    "What masks are drawn from: 'builtin', a masks.json, or a mixture such as "
    "'surgical:3, cloth[floral]@nose_out=0.1' (maskarc.masks.mixture).",
)
_SEED = flags.DEFINE_integer("seed", 0, "Which mask goes on which photo.")
_LANDMARKS = flags.DEFINE_string(
    "landmarks", "", "Landmark table; found and kept in --output if empty."
)
_DETECTOR = flags.DEFINE_string("detector", "", "Landmark back end, if no table.")


def photos() -> crops.Photos:
    """The photos that the flags describe."""
    return crops.Photos(
        root=_IMAGES.value,
        masks=_MASKS.value,
        seed=_SEED.value,
        landmarks=_LANDMARKS.value,
        detector=_DETECTOR.value,
    )
