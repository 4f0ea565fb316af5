"""The networks of the `mesh` detector, and the engines that run them.

`recipes.detectors` makes the files; third_party/README.md says whose they are.
"""

import dataclasses
import functools
import hashlib
import importlib.resources

import numpy as np

from maskarc import extras
from maskarc.opencv import cv2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """A network's file: what goes in, what comes out, and its SHA-256."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sha256: str


NETWORKS = {
    "retinaface_backbone": Network(
        inputs=("image",),
        outputs=("fine", "middle", "coarse"),
        sha256="e09b84c81b81688a90964b55ed5498a6121dacc7f9626c9fd25230197a9bfbbd",
    ),
    "retinaface_merge": Network(
        inputs=("middle_sum",),
        outputs=("merged",),
        sha256="6ad2c69574cb171d54c4583e66490d9221881ebafae931e521924cf7e3bd7bac",
    ),
    "retinaface_heads": Network(
        inputs=("fine_sum", "merged", "coarse"),
        outputs=("stride8", "stride16", "stride32"),
        sha256="9183dbb19251a4b7f3a704e6260b91a7def70d8cab0bce6456a146764de4ce33",
    ),
    "face_mesh": Network(
        inputs=("image",),
        outputs=("mesh", "logit"),
        sha256="07c22b9aa74945815b205a7c1ba9d63f472ab6eca4516236da69817fbd680b43",
    ),
    # The same in operators that onnxruntime is quick with.
    "face_mesh_relu": Network(
        inputs=("image",),
        outputs=("mesh", "logit"),
        sha256="b0a60fead5829425857b1c1add0a17731fe7312527970e3ac1561cbff297c13f",
    ),
}
ENGINES = ("opencv", "onnxruntime")
# OpenCV's networks keep their tensors between calls: one call at a time. Those that are
# at rest are kept for the next, in whatever thread.
_AT_REST: dict[str, list[cv2.dnn.Net]] = {name: [] for name in NETWORKS}


def run(name: str, *inputs: np.ndarray, engine: str = "opencv") -> list[np.ndarray]:
    """Runs a network on one picture.

    Args:
      name: a key of `NETWORKS`.
      *inputs: float32[1, C, H, W] each, in the order that is given there.
      engine: one of `ENGINES`; both give the same to five digits.

    Returns:
      Its outputs, in their order, float32.

    Raises:
      ImportError: onnxruntime is asked for and not installed.
    """
    known = NETWORKS[name]
    named = dict(zip(known.inputs, inputs, strict=True))
    if engine == "onnxruntime":
        return _onnxruntime(name).run(list(known.outputs), named)
    try:
        network = _AT_REST[name].pop()
    except IndexError:  # all are at work
        network = _opencv(name)
    for input_name, value in named.items():
        network.setInput(value, input_name)
    outputs = list(network.forward(known.outputs))
    _AT_REST[name].append(network)
    return outputs


def check(engine: str) -> None:
    """Raises ValueError for an unknown engine, ImportError for a missing one."""
    if engine not in ENGINES:
        raise ValueError(
            f"unknown engine {engine!r}; expected one of {', '.join(ENGINES)}"
        )
    if engine == "onnxruntime":
        _onnxruntime("retinaface_merge")


def checked_file(name: str) -> bytes:
    """The content of a network's file.

    Raises:
      ValueError: it is not the file that was published.
    """
    file = importlib.resources.files(__name__).joinpath(f"{name}.onnx")
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != NETWORKS[name].sha256:
        raise ValueError(f"{file} is damaged: install maskarc again")
    return content


def _opencv(name: str) -> cv2.dnn.Net:
    content = np.frombuffer(checked_file(name), np.uint8)
    network = cv2.dnn.readNetFromONNX(content)
    # With it the last digits hang on what shapes came before, in OpenCV 4.10.
    network.enableWinograd(False)
    return network


@functools.cache
def _onnxruntime(name: str):
    with extras.needed("fast"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # More threads gain little on so small a network, and lose much on busy machines.
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        checked_file(name), options, providers=["CPUExecutionProvider"]
    )
