"""InsightFace's networks from ONNX files, where the graph is the known one.

PyTorch's exporter folds a BatchNorm into the convolution before it: that convolution
has a bias then, and the BatchNorm comes back as one that only adds it. Nothing is
executed, and data outside the file is not read.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from maskarc import extras, models
from maskarc.convert import failure, torch_state

_MOST_BYTES = 2**31  # of a protocol buffer
_EPSILON = 1e-5  # of PyTorch's BatchNorm and ours
# Operations without weights that the known graphs have.
_PLAIN = frozenset({
    "Add", "Concat", "Constant", "Dropout", "Flatten", "Gather", "Identity", "Reshape",
    "Shape", "Unsqueeze",
})  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Layer:
    """A layer that a network has: PyTorch's name, and that of the BN behind it."""

    kind: str
    name: str
    stride: int = 1
    norm: str = ""
    has_bias: bool = False


@dataclasses.dataclass(frozen=True)
class _Node:
    """A node of a graph, with the weights that it holds."""

    kind: str
    arrays: tuple[np.ndarray, ...]
    stride: int = 1


def load(
    path: str | os.PathLike[str], backbone: models.Backbone
) -> dict[str, np.ndarray]:
    """Reads an exported network as the state dict that it was exported from.

    Args:
      path: of the .onnx file; the graph's input is the scaled crop, NCHW.
      backbone: the network that it should be: "iresnet…" without "_se", or "mbf…".

    Returns:
      Name → float32 array, for `torch_state.to_backbone`, which checks the shapes.

    Raises:
      FileNotFoundError: no such file.
      failure.WeightsError: damaged, or a graph that is not the backbone's.
      ValueError: a backbone of which no such graph is known.
      ImportError: onnx is missing.
    """
    layers = next(
        (f for name, f in _LAYERS.items() if re.match(name, backbone.name)), None
    )
    if layers is None:
        raise ValueError(f"no ONNX files are known of the model {backbone.name!r}")
    nodes = _read(pathlib.Path(path))
    state: dict[str, np.ndarray] = {}
    at = 0
    for layer in layers(backbone):
        node = nodes[at] if at < len(nodes) else _Node("the end", ())
        if (node.kind, node.stride) != (layer.kind, layer.stride):
            raise failure.WeightsError(
                f"the graph is not that of {backbone.name}: expected {layer.kind}, "
                f"stride {layer.stride}, as {layer.name}; found {node.kind}, stride "
                f"{node.stride}"
            )
        at += 1
        arrays = list(node.arrays)
        if layer.norm:
            follows = at < len(nodes) and nodes[at].kind == "BatchNormalization"
            if follows and (layer.has_bias or len(arrays) == 1):
                norm = nodes[at].arrays
                at += 1
            else:
                bias = arrays.pop() if len(arrays) > 1 and not layer.has_bias else None
                norm = _adding(bias, len(arrays[0]))
            _enter(state, layer.norm, norm)
        _enter(state, layer.name, arrays)
    if at < len(nodes):
        raise failure.WeightsError(
            f"the graph is not that of {backbone.name}: {len(nodes) - at} nodes with "
            f"weights too many, the first a {nodes[at].kind}"
        )
    return state


def _enter(state: dict[str, np.ndarray], name: str, arrays: Any) -> None:
    leaves = ("weight", "bias", "running_mean", "running_var")
    state |= {f"{name}.{leaf}": array for leaf, array in zip(leaves, arrays)}  # noqa: B905


def _adding(bias: np.ndarray | None, width: int) -> tuple[np.ndarray, ...]:
    """A BatchNorm that adds a bias and does nothing else."""
    zeros, ones = np.zeros(width, np.float32), np.ones(width, np.float32)
    return ones, zeros if bias is None else bias, zeros, ones - np.float32(_EPSILON)


def _read(path: pathlib.Path) -> list[_Node]:
    """The nodes with weights, in the order of computation."""
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    if path.stat().st_size > _MOST_BYTES:
        raise failure.WeightsError(f"{path.name}: larger than {_MOST_BYTES} bytes")
    with extras.needed("onnx"):
        import onnx
        from google.protobuf import message
    try:
        graph = onnx.load(path, load_external_data=False).graph
    except message.DecodeError as error:
        raise failure.WeightsError(f"{path.name}: not an ONNX file") from error
    if not graph.node:
        raise failure.WeightsError(f"{path.name}: not an ONNX file, or an empty one")
    if any(onnx.external_data_helper.uses_external_data(t) for t in graph.initializer):
        raise failure.WeightsError(
            f"{path.name}: its weights are in another file; expected one file with all"
        )
    known = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    nodes = []
    for node in graph.node:
        settings = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Identity" and node.input[0] in known:
            # The exporter keeps one copy of equal arrays.
            known[node.output[0]] = known[node.input[0]]
        elif node.op_type == "Constant" and "value" in settings:
            known[node.output[0]] = onnx.numpy_helper.to_array(settings["value"])
        elif node.op_type in _READERS:
            try:
                arrays = [known[name] for name in node.input[1:] if name]
                nodes.append(_READERS[node.op_type](arrays, settings))
            except (KeyError, ValueError, IndexError) as error:
                raise failure.WeightsError(
                    f"{path.name}: {node.op_type} without weights that can be read: "
                    f"{error}"
                ) from error
        elif node.op_type not in _PLAIN:
            raise failure.WeightsError(
                f"{path.name}: the operation {node.op_type} is in none of the known "
                "graphs; scaling of the pixels, for one, must be outside"
            )
    return nodes


def _conv(arrays: list[np.ndarray], settings: dict[str, Any]) -> _Node:
    [stride] = set(settings.get("strides", [1]))
    return _Node("Conv", tuple(arrays), stride)


def _prelu(arrays: list[np.ndarray], settings: dict[str, Any]) -> _Node:
    del settings
    return _Node("PRelu", (arrays[0].reshape(-1),))


def _norm(arrays: list[np.ndarray], settings: dict[str, Any]) -> _Node:
    scale, bias, mean, var = arrays
    epsilon = settings.get("epsilon", _EPSILON)
    # The same at inference as a BatchNorm of our epsilon.
    var = var + np.float32(epsilon - _EPSILON)
    return _Node("BatchNormalization", (scale, bias, mean, var))


def _gemm(arrays: list[np.ndarray], settings: dict[str, Any]) -> _Node:
    if {settings.get("alpha", 1.0), settings.get("beta", 1.0)} != {1.0}:
        raise ValueError("factors alpha or beta")
    kernel = arrays[0] if settings.get("transB", 0) else arrays[0].T
    return _Node("Gemm", (kernel, *arrays[1:]))


_READERS: dict[str, Callable[[list[np.ndarray], dict[str, Any]], _Node]] = {
    "Conv": _conv,
    "PRelu": _prelu,
    "BatchNormalization": _norm,
    "Gemm": _gemm,
    "MatMul": _gemm,
}


def _iresnet(backbone: models.Backbone) -> Iterator[_Layer]:
    yield _Layer("Conv", "conv1", norm="bn1")
    yield _Layer("PRelu", "prelu")
    for stage, count in enumerate(backbone.option("stage_sizes"), start=1):
        for index in range(count):
            block, stride = f"layer{stage}.{index}", 1 if index else 2
            yield _Layer("BatchNormalization", f"{block}.bn1")
            yield _Layer("Conv", f"{block}.conv1", norm=f"{block}.bn2")
            yield _Layer("PRelu", f"{block}.prelu")
            yield _Layer("Conv", f"{block}.conv2", stride, norm=f"{block}.bn3")
            if stride == 2:
                shortcut = f"{block}.downsample"
                yield _Layer("Conv", f"{shortcut}.0", stride, norm=f"{shortcut}.1")
    yield _Layer("BatchNormalization", "bn2")
    yield _Layer("Gemm", "fc", norm="features", has_bias=True)


def _mobilefacenet(backbone: models.Backbone) -> Iterator[_Layer]:
    def unit(
        name: str, stride: int = 1, *, is_linear: bool = False
    ) -> Iterator[_Layer]:
        yield _Layer("Conv", f"{name}.layers.0", stride, norm=f"{name}.layers.1")
        if not is_linear:
            yield _Layer("PRelu", f"{name}.layers.2")

    sizes = backbone.option("stage_sizes")
    yield from unit("layers.0", 2)
    if sizes[0] == 1:
        yield from unit("layers.1")
    for name, stride in torch_state.mobile_blocks(sizes):
        yield from unit(f"{name}.layers.0")
        yield from unit(f"{name}.layers.1", stride)
        yield from unit(f"{name}.layers.2", is_linear=True)
    yield from unit("conv_sep")
    yield from unit("features.layers.0", is_linear=True)
    yield _Layer("Gemm", "features.layers.2", norm="features.layers.3")


# Regular expression of model names → their layers, in the order of computation.
_LAYERS: dict[str, Callable[[models.Backbone], Iterator[_Layer]]] = {
    r"iresnet\d+$": _iresnet,
    "mbf": _mobilefacenet,
}
