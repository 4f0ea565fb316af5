"""Flags of the scripts that score a model on a folder of photos."""

from absl import flags

from maskarc import alignment, scoring
from maskarc.data import crops
from maskarc.evaluation import embedded, foreign_models

MODEL = flags.DEFINE_string(
    "model",
    None,
    "Run folder of a training, the name of published weights (dlib_resnet29), a file "
    "of weights, an ONNX file, or a Python function as package.module:function.",
    required=True,
)
flags.DEFINE_alias("checkpoint", "model")
OUTPUT = flags.DEFINE_string("output", None, "Folder for the results.", required=True)
FLIP = flags.DEFINE_bool("flip", False, "Sum the embeddings of crop and mirror image.")

_MASKED_VIEWS = flags.DEFINE_bool(
    "masked_views",
    False,
    "Look for masks, and compare masked faces with bare ones in rendered masks, as "
    "`maskarc verify` does.",
)
_ARCHITECTURE = flags.DEFINE_string(
    "architecture", "", "Of a weights file of others, such as iresnet50."
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", 0, "Side of the crops of an ONNX file or function; 0 asks it."
)
_CROP = flags.DEFINE_enum(
    "crop", "", ["", *alignment.CROPS], "Crop of an ONNX file or function."
)
_MEAN = flags.DEFINE_float("mean", None, "Subtracted from an ONNX file's pixels.")
_STD = flags.DEFINE_float("std", None, "Divides an ONNX file's pixels.")
_BGR = flags.DEFINE_bool("bgr", False, "Whether an ONNX file wants BGR, not RGB.")

_IMAGES = flags.DEFINE_string(
    "images", "", "Folder of the photos; none for a .bin file, which holds them."
)
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
_LANDMARKS_ON = flags.DEFINE_enum(
    "landmarks_on",
    "bare",
    ["bare", "masked"],
    "Where a masked photo's landmarks are found: before the mask, or again under it.",
)


def photos() -> crops.Photos:
    """The photos that the flags describe."""
    return crops.Photos(
        root=_IMAGES.value,
        masks=_MASKS.value,
        seed=_SEED.value,
        landmarks=_LANDMARKS.value,
        detector=_DETECTOR.value,
        landmarks_on=_LANDMARKS_ON.value,
    )


def model() -> scoring.ModelChoice:
    """The model that the flags describe."""
    return scoring.ModelChoice(
        source=MODEL.value,
        flip=FLIP.value,
        masked_views=_MASKED_VIEWS.value,
        architecture=_ARCHITECTURE.value,
        preprocessing=foreign_models.Preprocessing(
            image_size=_IMAGE_SIZE.value,
            crop=_CROP.value,
            mean=_MEAN.value,
            std=_STD.value,
            bgr=_BGR.value,
        ),
    )


def model_or_embeddings() -> scoring.ModelChoice | embedded.EmbeddedImages:
    """The model, or what an .npz file holds of one."""
    if MODEL.value.endswith(".npz"):
        return embedded.EmbeddedImages.load(MODEL.value)
    return model()
