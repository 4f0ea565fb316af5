"""A network as an ONNX graph, from its traced program: for onnxruntime and others.

Each operation of the program becomes a node; what depends on weights alone is computed
here. Images stay NHWC outside: convolutions and pools stand between transpositions,
which runtimes move out of the way.
"""

import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from maskarc import extras, files, models
from maskarc.convert import own_file
from maskarc.models import platform

# Both understood by onnxruntime since 1.14.
_OPSET, _IR_VERSION = 17, 8
# Any batch will do to trace: axis 0 of all that depends on the images is the batch.
_BATCH = 3
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def save(path: str | os.PathLike[str], weights: own_file.Weights) -> None:
    """Writes a graph "crops" uint8[batch, S, S, 3] → "embeddings" float32[batch, D].

    Args:
      path: of the file; its folder is made if missing.
      weights: the model; its embeddings are not normalised.

    Raises:
      ImportError: onnx is missing.
      NotImplementedError: the model has an operation that is not known here.
    """
    with extras.needed("onnx"):
        import onnx
    backbone = weights.backbone
    options = {k: v for k, v in backbone.options if k != "dtype"}
    backbone = models.create(backbone.name, **options)
    size, dim = backbone.image_size, backbone.embed_dim
    crops = jax.ShapeDtypeStruct((_BATCH, size, size, 3), jnp.uint8)
    with platform.portable():
        traced = jax.make_jaxpr(
            lambda crops: backbone.apply(weights.params, weights.stats, crops)[0]
        )(crops)
    graph = _Graph()
    [result] = graph.run(traced.jaxpr, traced.consts, ["crops"])
    graph.node("Identity", [result], "embeddings")
    tensors = [onnx.numpy_helper.from_array(a, n) for n, a in graph.constants.items()]
    value = onnx.helper.make_tensor_value_info
    types = onnx.TensorProto
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node(*args, **fields) for args, fields in graph.nodes],
            backbone.name,
            [value("crops", types.UINT8, ["batch", size, size, 3])],
            [value("embeddings", types.FLOAT, ["batch", dim])],
            tensors,
        ),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        producer_name="maskarc",
    )
    model.ir_version = _IR_VERSION
    onnx.helper.set_model_props(
        model,
        {"model": backbone.name, "crop": weights.crop, "contract": own_file.CONTRACT},
    )
    onnx.checker.check_model(model)
    files.write_bytes(path, model.SerializeToString())


# A value is the name of a node's output, or an array that is known already.
Value = str | np.ndarray


class _Graph:
    """Nodes and constants, in the making."""

    def __init__(self) -> None:
        self.nodes: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.constants: dict[str, np.ndarray] = {}

    def node(
        self, kind: str, inputs: list[Value], name: str = "", **fields: Any
    ) -> str:
        """Adds a node and returns its output's name."""
        name = name or f"{kind.lower()}_{len(self.nodes)}"
        names = [self._named(value) for value in inputs]
        self.nodes.append(((kind, names, [name]), fields))
        return name

    def _named(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        name = f"constant_{len(self.constants)}"
        self.constants[name] = value
        return name

    def run(self, jaxpr: Any, consts: Any, inputs: list[Value]) -> list[Value]:
        """Adds a program's operations; returns its results."""
        known: dict[Any, Value] = {}

        def read(variable: Any) -> Value:
            if hasattr(variable, "val"):
                return np.asarray(variable.val)
            return known[variable]

        for variable, const in zip(jaxpr.constvars, consts, strict=True):
            known[variable] = np.asarray(const)
        known |= dict(zip(jaxpr.invars, inputs, strict=True))
        for equation in jaxpr.eqns:
            values = [read(variable) for variable in equation.invars]
            results = self._apply(equation, values)
            known |= dict(zip(equation.outvars, results, strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    def _apply(self, equation: Any, values: list[Value]) -> list[Value]:
        inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
        if inner is not None:
            return self.run(inner.jaxpr, inner.consts, values)
        name = equation.primitive.name
        if not any(isinstance(value, str) for value in values):
            result = equation.primitive.bind(*values, **equation.params)
            return [np.asarray(result)]
        if name in _PLAIN:
            return [self.node(_PLAIN[name], values)]
        if name not in _OPERATIONS:
            raise NotImplementedError(
                f"the operation {name!r} is not known to the ONNX writer; known are "
                f"{', '.join(sorted([*_PLAIN, *_OPERATIONS]))}"
            )
        return [_OPERATIONS[name](self, equation, values)]

    def between_transpositions(
        self, kind: str, inputs: list[Value], **fields: Any
    ) -> str:
        """A node that works on NCHW, for a first input NHWC."""
        first = self.node("Transpose", [inputs[0]], perm=_TO_NCHW)
        result = self.node(kind, [first, *inputs[1:]], **fields)
        return self.node("Transpose", [result], perm=_TO_NHWC)


def _conv(graph: _Graph, equation: Any, values: list[Value]) -> str:
    params = equation.params
    kernel = values[1]
    if isinstance(kernel, str) or set(
        params["rhs_dilation"] + params["lhs_dilation"]
    ) != {1}:
        raise NotImplementedError(
            "a dilated convolution, or one with a computed kernel"
        )
    low, high = zip(*params["padding"], strict=True)
    return graph.between_transpositions(
        "Conv",
        [values[0], np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))],
        strides=params["window_strides"],
        pads=[*low, *high],
        group=params["feature_group_count"],
    )


def _pool(graph: _Graph, equation: Any, values: list[Value], kind: str) -> str:
    params = equation.params
    low, high = zip(*params["padding"][1:3], strict=True)
    return graph.between_transpositions(
        kind,
        values[:1],
        kernel_shape=params["window_dimensions"][1:3],
        strides=params["window_strides"][1:3],
        pads=[*low, *high],
    )


def _max_pool(graph: _Graph, equation: Any, values: list[Value]) -> str:
    return _pool(graph, equation, values, "MaxPool")


def _sum_pool(graph: _Graph, equation: Any, values: list[Value]) -> str:
    if any(any(pair) for pair in equation.params["padding"]):
        raise NotImplementedError("a sum over windows that reach beyond the map")
    mean = _pool(graph, equation, values, "AveragePool")
    count = np.prod(equation.params["window_dimensions"])
    return graph.node("Mul", [mean, np.array(count, np.float32)])


def _matmul(graph: _Graph, equation: Any, values: list[Value]) -> str:
    (left, right), batch = equation.params["dimension_numbers"]
    last = equation.invars[0].aval.ndim - 1
    if (tuple(left), tuple(right)) != ((last,), (0,)) or any(map(len, batch)):
        raise NotImplementedError("a product other than x @ w")
    return graph.node("MatMul", values)


def _reshape(graph: _Graph, equation: Any, values: list[Value]) -> str:
    before, after = equation.invars[0].aval.shape, equation.outvars[0].aval.shape
    if before[0] != after[0] or np.prod(before) != np.prod(after):
        raise NotImplementedError("a reshape that touches the batch")
    shape = np.array([0, *after[1:]], np.int64)  # 0: as it is
    return graph.node("Reshape", [values[0], shape])


def _cast(graph: _Graph, equation: Any, values: list[Value]) -> str:
    if equation.params["new_dtype"] != np.float32:
        raise NotImplementedError("a cast to another type than float32")
    return graph.node("Cast", values, to=1)  # TensorProto.FLOAT


def _pad(graph: _Graph, equation: Any, values: list[Value]) -> str:
    low, high, inner = zip(*equation.params["padding_config"], strict=True)
    if any(inner):
        raise NotImplementedError("padding between the pixels")
    pads = np.array([*low, *high], np.int64)
    return graph.node("Pad", [values[0], pads, values[1]])


def _sum(graph: _Graph, equation: Any, values: list[Value]) -> str:
    axes = np.array(equation.params["axes"], np.int64)
    return graph.node("ReduceSum", [values[0], axes], keepdims=0)


def _where(graph: _Graph, equation: Any, values: list[Value]) -> str:
    del equation
    condition, otherwise, then = values
    return graph.node("Where", [condition, then, otherwise])


_PLAIN = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "max": "Max",
    "gt": "Greater", "logistic": "Sigmoid", "copy": "Identity",
}  # fmt: skip
_OPERATIONS: dict[str, Callable[[_Graph, Any, list[Value]], str]] = {
    "conv_general_dilated": _conv,
    "reduce_window_max": _max_pool,
    "reduce_window_sum": _sum_pool,
    "dot_general": _matmul,
    "reshape": _reshape,
    "broadcast_in_dim": _reshape,
    "convert_element_type": _cast,
    "pad": _pad,
    "reduce_sum": _sum,
    "select_n": _where,
}
