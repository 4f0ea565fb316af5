"""What a plain install leaves out, and the commands that bring it."""

import contextlib
import importlib.util
from collections.abc import Iterator

# Extra → what it is for, and the modules that it brings.
EXTRAS = {
    "train": (
        "training, evaluation and packed sets",
        (
            *("absl", "array_record", "grain", "jinja2", "matplotlib"),
            *("ml_collections", "optax", "orbax", "psutil", "tensorboardX"),
        ),
    ),
    "fast": ("detectors run by onnxruntime", ("onnxruntime",)),
    "heif": ("HEIC photos", ("pillow_heif",)),
    "onnx": ("ONNX and StableHLO files", ("onnx", "onnxruntime", "flatbuffers")),
    "torch": ("PyTorch's files", ("torch",)),
    "dlib": ("dlib's network and landmarks", ("dlib", "face_recognition_models")),
    "fan": ("landmarks by face-alignment", ("face_alignment",)),
    "tfds": ("TensorFlow data sets", ("tensorflow_datasets",)),
    "beam": ("masking on Dataflow, Flink, Spark", ("apache_beam",)),
}


@contextlib.contextmanager
def needed(extra: str) -> Iterator[None]:
    """Names the command that brings an extra, where an import inside fails.

    Args:
      extra: a key of `EXTRAS`.

    Raises:
      ImportError: what is imported inside is not there, or cannot be loaded.

    >>> with needed("onnx"):  # doctest: +ELLIPSIS
    ...     import unheard_of
    Traceback (most recent call last):
    ImportError: ONNX and StableHLO files need: pip install 'maskarc[onnx]' (...)
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"{EXTRAS[extra][0]} need: pip install 'maskarc[{extra}]' ({error})",
            name=error.name,
        ) from error


def missing(extra: str) -> list[str]:
    """The modules of an extra that are not installed."""
    return [name for name in EXTRAS[extra][1] if importlib.util.find_spec(name) is None]
