"""dlib's face recognition network from its `.dat` file, by a parser of our own.

A dlib network is written from the outside in: the versions of all its layers, then,
from the input to the loss, each layer's name, settings, parameters and empty buffers.
Integers are a length byte (its top bit the sign) and that many little-endian bytes;
numbers with fractions are a mantissa and an exponent of 2; tensors are four sizes and
raw float32.

Nothing in the file is executed, and nothing is allocated that the file does not hold.
"""

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

from maskarc import models
from maskarc.convert import failure
from maskarc.models import dlib_resnet

# Much larger than the published file of 22 million bytes.
_MOST_BYTES = 2**28
_INPUT = "input_rgb_image_sized"


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer of a file.

    Attributes:
      name: dlib's, such as "con_4".
      numbers: its settings, in the order of the file.
      params: float32[N], empty where it has none.
    """

    name: str
    numbers: tuple[float, ...]
    params: np.ndarray


def load(path: str | os.PathLike[str]) -> tuple[models.Backbone, Any, Any]:
    """Reads dlib's network as the model "dlib_resnet29".

    The bias of each convolution becomes part of the affine layer that follows it.

    Args:
      path: of `dlib_face_recognition_resnet_model_v1.dat` or another of its kind.

    Returns:
      (backbone, params, stats), as `models.Backbone.init` gives them; stats are empty.

    Raises:
      FileNotFoundError: no such file.
      failure.WeightsError: not such a file, damaged, or of another network.
    """
    path = pathlib.Path(path)
    if path.stat().st_size > _MOST_BYTES:
        raise failure.WeightsError(f"{path.name}: larger than {_MOST_BYTES} bytes")
    params = _params(read_layers(path.read_bytes()))
    failure.check_finite(params)
    return models.create("dlib_resnet29"), params, {}


def read_layers(data: bytes) -> list[Layer]:
    """Reads all layers of a network, the input first.

    Raises:
      failure.WeightsError: not a file of dlib's metric networks, or cut off.
    """
    reader = _Reader(data)
    reader.expect(reader.integer() == 1, "version 1")
    reader.expect(reader.text() == "loss_metric_2", "loss_metric_2")
    reader.real(), reader.real()
    # Versions: 2 of a layer, 1 of a tag, and 3 of the innermost.
    while (version := reader.integer()) != 3:
        reader.expect(version in (1, 2), "a layer's version")
    layers = [_read_layer(reader, is_input=True)]
    while not reader.is_at_end:
        layers.append(_read_layer(reader))
        if len(layers) == 2:  # the innermost layer's share of the input
            reader.integer()
    return layers


def _read_layer(reader: "_Reader", *, is_input: bool = False) -> Layer:
    name = reader.text()
    numbers: list[float] = []
    params = np.zeros(0, np.float32)
    if is_input:
        reader.expect(name == _INPUT, _INPUT)
        numbers = [*(reader.real() for _ in range(3)), reader.integer()]
        numbers.append(reader.integer())
        return Layer(name, tuple(numbers), params)
    if name == "con_4":
        params = reader.tensor()
        numbers = [reader.integer() for _ in range(7)]
        reader.aliases()
        [reader.real() for _ in range(4)]
    elif name == "fc_2":
        numbers = [reader.integer() for _ in range(2)]
        params = reader.tensor()
        reader.aliases()
        numbers.append(reader.integer())
        [reader.real() for _ in range(4)]
    elif name == "affine_":
        params = reader.tensor()
        reader.aliases()
        numbers = [reader.integer()]
    elif name in ("max_pool_2", "avg_pool_2"):
        numbers = [reader.integer() for _ in range(6)]
    else:
        reader.expect(name in ("relu_", "add_prev_"), "a layer of the face network")
    reader.flags(3)
    [reader.tensor() for _ in range(3)]  # gradients and outputs: empty
    return Layer(name, tuple(numbers), params)


def _params(layers: list[Layer]) -> dict[str, Any]:
    """The layers as the parameters of "dlib_resnet29"."""
    expected = _expected_layers()
    found = [(layer.name, layer.numbers) for layer in layers]
    if found != expected:
        at = next(
            (i for i, (a, b) in enumerate(zip(found, expected)) if a != b),  # noqa: B905
            min(len(found), len(expected)),
        )
        raise failure.WeightsError(
            "the file holds another network than dlib_face_recognition_resnet_model_v1:"
            f" layer {at} is {found[at] if at < len(found) else 'missing'}, expected "
            f"{expected[at] if at < len(expected) else 'the end'}"
        )
    pairs = iter([layer for layer in layers if layer.name in ("con_4", "affine_")])
    units = [_unit(conv, affine) for conv, affine in zip(pairs, pairs, strict=True)]
    blocks = {
        index: {
            "conv1": units[1 + 2 * index][0],
            "affine1": units[1 + 2 * index][1],
            "conv2": units[2 + 2 * index][0],
            "affine2": units[2 + 2 * index][1],
        }
        for index in range(sum(dlib_resnet.STAGE_SIZES))
    }
    fc = layers[-1]
    inputs, outputs = (int(n) for n in (fc.numbers[1], fc.numbers[0]))
    return {
        "conv1": units[0][0],
        "affine1": units[0][1],
        "blocks": blocks,
        "fc": {"kernel": _shaped(fc.params, inputs, outputs)},
    }


def _unit(conv: Layer, affine: Layer) -> tuple[dict[str, Any], dict[str, Any]]:
    """Kernel, factor and offset of a convolution and the affine layer behind it."""
    width, rows, columns = (int(n) for n in conv.numbers[:3])
    kernel, bias = conv.params[:-width], conv.params[-width:]
    kernel = _shaped(kernel, width, -1, rows, columns).transpose(2, 3, 1, 0)
    scale, shift = _shaped(affine.params, 2, width)
    return (
        {"kernel": np.ascontiguousarray(kernel)},
        {"scale": scale, "shift": shift + scale * bias},
    )


def _shaped(values: np.ndarray, *shape: int) -> np.ndarray:
    try:
        return values.reshape(shape)
    except ValueError as error:
        raise failure.WeightsError(
            f"{values.size} numbers in a layer of shape {shape}"
        ) from error


def _expected_layers() -> list[tuple[str, tuple[float, ...]]]:
    """Names and settings of the layers of the published network."""
    mean = tuple(float(np.float32(value)) for value in dlib_resnet.MEAN)

    def conv(width: int, size: int, stride: int) -> list[tuple[str, tuple[float, ...]]]:
        padding = size // 2 if stride == 1 else 0
        numbers = (width, size, size, stride, stride, padding, padding)
        return [("con_4", numbers), ("affine_", (0,))]

    rows: list[tuple[str, tuple[float, ...]]] = [(_INPUT, (*mean, 150, 150))]
    rows += [*conv(32, 7, 2), ("relu_", ()), ("max_pool_2", (3, 3, 2, 2, 0, 0))]
    for stage, (count, width) in enumerate(
        zip(dlib_resnet.STAGE_SIZES, (32, 64, 128, 256, 256), strict=True)
    ):
        for index in range(count):
            halves = stage > 0 and index == 0
            rows += [*conv(width, 3, 2 if halves else 1), ("relu_", ())]
            rows += conv(width, 3, 1)
            if halves:
                rows.append(("avg_pool_2", (2, 2, 2, 2, 0, 0)))
            rows += [("add_prev_", ()), ("relu_", ())]
    return [*rows, ("avg_pool_2", (0, 0, 1, 1, 0, 0)), ("fc_2", (128, 256, 1))]


class _Reader:
    """Bounded reads from a file's bytes."""

    def __init__(self, data: bytes):
        self._data = memoryview(data)
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._data)

    def expect(self, is_so: bool, what: str) -> None:
        """Raises WeightsError, with the place, where the file is not as expected."""
        if not is_so:
            raise failure.WeightsError(
                f"not a file of dlib's face network: expected {what} before byte "
                f"{self._at}"
            )

    def take(self, count: int) -> memoryview:
        """The next bytes."""
        if count > len(self._data) - self._at:
            raise failure.WeightsError(
                f"the file is cut off: {count} bytes expected at byte {self._at}, "
                f"{len(self._data) - self._at} are there"
            )
        self._at += count
        return self._data[self._at - count : self._at]

    def integer(self) -> int:
        """A packed integer."""
        head = self.take(1)[0]
        length = head & 0x0F
        self.expect(1 <= length <= 8 and not head & 0x70, "an integer")
        value = int.from_bytes(self.take(length), "little")
        return -value if head & 0x80 else value

    def real(self) -> float:
        """A mantissa and an exponent of 2, rounded to float32."""
        mantissa, exponent = self.integer(), self.integer()
        self.expect(abs(exponent) < 1000, "a finite number")
        return float(np.float32(mantissa * 2.0**exponent))

    def text(self) -> str:
        """A short string."""
        length = self.integer()
        self.expect(0 <= length < 64, "a layer's name")
        return bytes(self.take(length)).decode("ascii", "replace")

    def flags(self, count: int) -> None:
        """Booleans, each the character 0 or 1."""
        self.expect(set(bytes(self.take(count))) <= {48, 49}, "flags")

    def sizes(self) -> list[int]:
        """Four sizes, none negative."""
        sizes = [self.integer() for _ in range(4)]
        self.expect(min(sizes) >= 0, "sizes")
        return sizes

    def tensor(self) -> np.ndarray:
        """A tensor's numbers, float32[N]; its shape says how many."""
        self.expect(self.integer() == 2, "a tensor of version 2")
        count = int(np.prod(self.sizes(), dtype=object))
        return np.frombuffer(self.take(4 * count), "<f4").astype(np.float32)

    def aliases(self) -> None:
        """The shapes of the two parts of a tensor."""
        for _ in range(2):
            self.expect(self.integer() == 1, "an alias of version 1")
            self.sizes()
