"""The networks of PyTorch's files as functions of a state dict, in PyTorch itself."""

import torch
from torch.nn import functional


class Weights:
    """A random state dict that is made by being asked for."""

    def __init__(self, seed=0):
        self.state = {}
        self._generator = torch.Generator().manual_seed(seed)

    def _new(self, name, shape, low, high):
        if name not in self.state:
            values = torch.rand(shape, generator=self._generator)
            self.state[name] = low + (high - low) * values
        return self.state[name]

    def conv(self, x, name, width, size, stride=1, padding=None, groups=1):
        shape = (width, x.shape[1] // groups, size, size)
        reach = (3 / (shape[1] * size * size)) ** 0.5
        kernel = self._new(f"{name}.weight", shape, -reach, reach)
        padding = size // 2 if padding is None else padding
        return functional.conv2d(x, kernel, None, stride, padding, groups=groups)

    def bn(self, x, name):
        width = (x.shape[1],)
        scale = self._new(f"{name}.weight", width, 0.5, 1.5)
        shift = self._new(f"{name}.bias", width, -0.5, 0.5)
        mean = self._new(f"{name}.running_mean", width, -0.3, 0.3)
        var = self._new(f"{name}.running_var", width, 0.5, 1.5)
        self.state[f"{name}.num_batches_tracked"] = torch.tensor(7)
        return functional.batch_norm(x, mean, var, scale, shift, False, 0.1, 1e-5)

    def prelu(self, x, name):
        slope = self._new(f"{name}.weight", (x.shape[1],), 0.1, 0.4)
        return functional.prelu(x, slope)

    def linear(self, x, name, width, has_bias=True):
        reach = (3 / x.shape[1]) ** 0.5
        kernel = self._new(f"{name}.weight", (width, x.shape[1]), -reach, reach)
        bias = self._new(f"{name}.bias", (width,), -0.5, 0.5) if has_bias else None
        return functional.linear(x, kernel, bias)


def resnet(w, x, sizes, is_bottleneck):
    """torchvision's ResNet without its classifier; the map, NCHW."""
    x = functional.relu(w.bn(w.conv(x, "conv1", 64, 7, 2), "bn1"))
    x = functional.max_pool2d(x, 3, 2, 1)
    for stage, count in enumerate(sizes):
        width = 64 << stage
        for block in range(count):
            name, stride = f"layer{stage + 1}.{block}", 2 if stage and not block else 1
            if is_bottleneck:
                y = functional.relu(
                    w.bn(w.conv(x, f"{name}.conv1", width, 1), f"{name}.bn1")
                )
                y = w.conv(y, f"{name}.conv2", width, 3, stride)
                y = functional.relu(w.bn(y, f"{name}.bn2"))
                y = w.bn(w.conv(y, f"{name}.conv3", 4 * width, 1), f"{name}.bn3")
            else:
                y = w.conv(x, f"{name}.conv1", width, 3, stride)
                y = functional.relu(w.bn(y, f"{name}.bn1"))
                y = w.bn(w.conv(y, f"{name}.conv2", width, 3), f"{name}.bn2")
            if y.shape != x.shape:
                x = w.conv(x, f"{name}.downsample.0", y.shape[1], 1, stride)
                x = w.bn(x, f"{name}.downsample.1")
            x = functional.relu(x + y)
    w.linear(x.mean((2, 3)), "fc", 1000)
    return x


def iresnet(w, x, sizes, embed_dim=512):
    """InsightFace's IResNet at inference."""
    x = w.prelu(w.bn(w.conv(x, "conv1", 64, 3), "bn1"), "prelu")
    for stage, count in enumerate(sizes):
        for block in range(count):
            name, stride = f"layer{stage + 1}.{block}", 1 if block else 2
            y = w.conv(w.bn(x, f"{name}.bn1"), f"{name}.conv1", 64 << stage, 3)
            y = w.prelu(w.bn(y, f"{name}.bn2"), f"{name}.prelu")
            y = w.bn(w.conv(y, f"{name}.conv2", 64 << stage, 3, stride), f"{name}.bn3")
            if stride == 2:
                x = w.conv(x, f"{name}.downsample.0", 64 << stage, 1, 2)
                x = w.bn(x, f"{name}.downsample.1")
            x = x + y
    x = torch.flatten(w.bn(x, "bn2"), 1)
    return w.bn(w.linear(x, "fc", embed_dim), "features")


def adaface(w, x, sizes, embed_dim=512):
    """AdaFace's IR network at inference, on RGB: it turns the channels around."""
    x = x.flip(1)
    x = w.prelu(
        w.bn(w.conv(x, "input_layer.0", 64, 3), "input_layer.1"), "input_layer.2"
    )
    block = 0
    for stage, count in enumerate(sizes):
        width = 64 << stage
        for index in range(count):
            name, stride = f"body.{block}.res_layer", 1 if index else 2
            y = w.conv(w.bn(x, f"{name}.0"), f"{name}.1", width, 3)
            y = w.prelu(w.bn(y, f"{name}.2"), f"{name}.3")
            y = w.bn(w.conv(y, f"{name}.4", width, 3, stride), f"{name}.5")
            if width == x.shape[1]:
                x = functional.max_pool2d(x, 1, stride)
            else:
                x = w.conv(x, f"body.{block}.shortcut_layer.0", width, 1, stride)
                x = w.bn(x, f"body.{block}.shortcut_layer.1")
            x = x + y
            block += 1
    x = torch.flatten(w.bn(x, "output_layer.0"), 1)
    x = w.linear(x, "output_layer.3", embed_dim)
    x = w.bn(x, "output_layer.4")
    # That BatchNorm learns neither factor nor offset.
    scale = w.state.pop("output_layer.4.weight")
    return (x - w.state.pop("output_layer.4.bias")) / scale


def mobilefacenet(w, x, sizes, scale, embed_dim=512):
    """InsightFace's MobileFaceNet at inference."""

    def unit(x, name, width, size, stride=1, padding=None, groups=1, linear=False):
        x = w.conv(x, f"{name}.layers.0", width, size, stride, padding, groups)
        x = w.bn(x, f"{name}.layers.1")
        return x if linear else w.prelu(x, f"{name}.layers.2")

    def bottleneck(x, name, width, middle, stride):
        y = unit(x, f"{name}.layers.0", middle, 1)
        y = unit(y, f"{name}.layers.1", middle, 3, stride, groups=middle)
        y = unit(y, f"{name}.layers.2", width, 1, linear=True)
        return y if stride == 2 else x + y

    def several(x, name, count, middle):
        for block in range(count):
            x = bottleneck(x, f"{name}.layers.{block}", x.shape[1], middle, 1)
        return x

    thin, thick = 64 * scale, 128 * scale
    x = unit(x, "layers.0", thin, 3, 2)
    if sizes[0] == 1:
        x = unit(x, "layers.1", thin, 3, groups=64)
    else:
        x = several(x, "layers.1", sizes[0], 128)
    for stage, (width, halving, middle) in enumerate(
        ((thin, 128, 128), (thick, 256, 256), (thick, 512, 256))
    ):
        x = bottleneck(x, f"layers.{2 + 2 * stage}", width, halving, 2)
        x = several(x, f"layers.{3 + 2 * stage}", sizes[stage + 1], middle)
    x = unit(x, "conv_sep", 512, 1)
    x = unit(x, "features.layers.0", 512, 7, padding=0, groups=512, linear=True)
    x = w.linear(torch.flatten(x, 1), "features.layers.2", embed_dim, has_bias=False)
    return w.bn(x, "features.layers.3")
