"""The networks of the `mesh` detector, and the engines that run them.

`recipes.detectors` makes the files; third_party/README.md says whose they are.
"""

import functools
import importlib.resources
import threading

import cv2
import numpy as np

# Network → its inputs and outputs.
SIGNATURES = {
    "retinaface_backbone": (("image",), ("fine", "middle", "coarse")),
    "retinaface_merge": (("middle_sum",), ("merged",)),
    "retinaface_heads": (
        ("fine_sum", "merged", "coarse"),
        ("stride8", "stride16", "stride32"),
    ),
    "face_mesh": (("image",), ("mesh", "logit")),
}
ENGINES = ("opencv", "onnxruntime")
# OpenCV's networks keep their tensors between calls: every thread has its own.
_OWN = threading.local()


def run(name: str, *inputs: np.ndarray, engine: str = "opencv") -> list[np.ndarray]:
    """Runs a network on one picture.

    Args:
      name: a key of `SIGNATURES`.
      *inputs: float32[1, C, H, W] each, in the order that is given there.
      engine: one of `ENGINES`; both give the same to five digits.

    Returns:
      Its outputs, in their order, float32.

    Raises:
      ImportError: onnxruntime is asked for and not installed.
    """
    input_names, output_names = SIGNATURES[name]
    named = dict(zip(input_names, inputs, strict=True))
    if engine == "onnxruntime":
        return _onnxruntime(name).run(list(output_names), named)
    network = _opencv(name)
    for input_name, value in named.items():
        network.setInput(value, input_name)
    return list(network.forward(output_names))


def check(engine: str) -> None:
    """Raises ValueError for an unknown engine, ImportError for a missing one."""
    if engine not in ENGINES:
        raise ValueError(
            f"unknown engine {engine!r}; expected one of {', '.join(ENGINES)}"
        )
    if engine == "onnxruntime":
        _onnxruntime("retinaface_merge")


def _file(name: str) -> bytes:
    return importlib.resources.files(__name__).joinpath(f"{name}.onnx").read_bytes()


def _opencv(name: str) -> cv2.dnn.Net:
    kept = _OWN.__dict__
    if name not in kept:
        kept[name] = cv2.dnn.readNetFromONNX(np.frombuffer(_file(name), np.uint8))
    return kept[name]


@functools.cache
def _onnxruntime(name: str):
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            "the detector 'fast' needs onnxruntime: pip install 'maskarc[fast]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # More threads gain little on so small a network, and lose much on busy machines.
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        _file(name), options, providers=["CPUExecutionProvider"]
    )
