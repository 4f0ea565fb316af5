"""InsightFace's networks as ONNX graphs, as exporters write them."""

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Graph:
    """Nodes and weights; with folds, a BN behind a convolution is part of it."""

    def __init__(self, *, folds, opset=13, seed=0):
        self.folds = folds
        self.nodes, self.weights = [], []
        self._opset = opset
        self._rng = np.random.default_rng(seed)

    def node(self, kind, inputs, **settings):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **settings))
        return name

    def weight(self, shape, low, high):
        values = self._rng.uniform(low, high, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, f"w{len(self.weights)}"))
        return self.weights[-1].name

    def conv(self, x, inputs, width, size, stride=1, padding=None, groups=1):
        reach = (3 / (inputs // groups * size * size)) ** 0.5
        arrays = [self.weight((width, inputs // groups, size, size), -reach, reach)]
        if self.folds:
            arrays.append(self.weight((width,), -0.5, 0.5))
        padding = size // 2 if padding is None else padding
        settings = {"strides": [stride] * 2, "pads": [padding] * 4, "group": groups}
        x = self.node("Conv", [x, *arrays], **settings)
        return x if self.folds else self.bn(x, width)

    def bn(self, x, width, epsilon=1e-5):
        ranges = ((0.5, 1.5), (-0.5, 0.5), (-0.3, 0.3), (0.5, 1.5))
        arrays = [self.weight((width,), *limits) for limits in ranges]
        return self.node("BatchNormalization", [x, *arrays], epsilon=epsilon)

    def prelu(self, x, width):
        return self.node("PRelu", [x, self.weight((width, 1, 1), 0.1, 0.4)])

    def model(self, size):
        types = onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("data", types, ["batch", 3, size, size])],
            [helper.make_tensor_value_info(self.nodes[-1].output[0], types, None)],
            self.weights,
        )
        opset = [helper.make_opsetid("", self._opset)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8)


def iresnet(graph, *, sizes, width, map_size, embed_dim):
    x = graph.prelu(graph.conv("data", 3, width, 3), width)
    features = width
    for stage, count in enumerate(sizes):
        out = width << stage
        for block in range(count):
            stride = 1 if block else 2
            y = graph.conv(graph.bn(x, features), features, out, 3)
            y = graph.conv(graph.prelu(y, out), out, out, 3, stride)
            if stride == 2:
                x = graph.conv(x, features, out, 1, 2)
            x = graph.node("Add", [y, x])
            features = out
    x = graph.node("Flatten", [graph.bn(x, features)])
    flat = features * map_size**2
    reach = (3 / flat) ** 0.5
    kernel = graph.weight((embed_dim, flat), -reach, reach)
    bias = graph.weight((embed_dim,), -0.5, 0.5)
    x = graph.node("Gemm", [x, kernel, bias], transB=1)
    graph.bn(x, embed_dim, epsilon=2e-5)


def mobilefacenet(graph, *, sizes, width, map_size, embed_dim):
    def unit(x, inputs, out, size, linear=False, **settings):
        x = graph.conv(x, inputs, out, size, **settings)
        return x if linear else graph.prelu(x, out)

    def bottleneck(x, inputs, out, middle, stride):
        y = unit(x, inputs, middle, 1)
        y = unit(y, middle, middle, 3, stride=stride, groups=middle)
        y = unit(y, middle, out, 1, linear=True)
        return y if stride == 2 else graph.node("Add", [x, y])

    thin, thick = 2 * width, 4 * width
    x = unit("data", 3, thin, 3, stride=2)
    x = unit(x, thin, thin, 3, groups=width)
    inputs = thin
    for count, out, halving, middle in zip(
        sizes[1:],
        (thin, thick, thick),
        (2 * width, 4 * width, 8 * width),
        (2 * width, 4 * width, 4 * width),
        strict=True,
    ):
        x = bottleneck(x, inputs, out, halving, 2)
        for _ in range(count):
            x = bottleneck(x, out, out, middle, 1)
        inputs = out
    last = 8 * width
    x = unit(x, thick, last, 1)
    x = unit(x, last, last, map_size, linear=True, padding=0, groups=last)
    x = graph.node("Flatten", [x])
    kernel = graph.weight((last, embed_dim), -0.5, 0.5)
    graph.bn(graph.node("MatMul", [x, kernel]), embed_dim)
