"""Chips a second through dlib's network: maskarc, dlib, onnxruntime, PyTorch, in turns.

    python -m benchmarks.inference [--repeats=5]

The same weights and the same random chips; batches of 1 and 64. PyTorch's network is
written here, from the parameters that maskarc read, in its own channels-last layout.
"""

import importlib.util
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from absl import app, flags

from maskarc import inference, models
from maskarc.convert import onnx_graph

_REPEATS = flags.DEFINE_integer("repeats", 5, "Turns; medians are printed.")
_BATCHES = (1, 64)
_SECONDS = 2.0  # of each turn


def main(_) -> None:
    for count in _BATCHES:
        chips = np.random.default_rng(0).integers(
            0, 256, (count, 150, 150, 3), np.uint8
        )
        ways = {
            "maskarc": maskarc_way(),
            "dlib": dlib_way(),
            "onnxruntime": onnx_way(),
            "pytorch": torch_way(),
        }
        expected = ways["dlib"](chips)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for name, embed in ways.items():
            error = float(np.abs(embed(chips) - expected).max())
            print(f"batch {count}, {name}: at most {error:.1e} from dlib's")
        for _ in range(_REPEATS.value):
            for name, embed in ways.items():
                rates[name].append(count / _seconds(embed, chips))
        for name, rate in rates.items():
            ratio = np.median(rate) / np.median(rates["dlib"])
            print(
                f"batch {count:2}  {name:12} {np.median(rate):7.1f} chips/s  "
                f"{ratio:5.2f}× dlib"
            )


Embed = Callable[[np.ndarray], np.ndarray]


def maskarc_way() -> Embed:
    """The library's network, compiled."""
    backbone, params, stats = models.load_pretrained("dlib_resnet29")
    embed = jax.jit(lambda chips: backbone.apply(params, stats, chips)[0])
    return lambda chips: np.asarray(embed(chips))


def dlib_way() -> Embed:
    """dlib's own."""
    import dlib

    record = models.PRETRAINED["dlib_resnet29"]
    spec = importlib.util.find_spec(record.package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("pip install 'maskarc[dlib]'")
    path = pathlib.Path(spec.submodule_search_locations[0], record.file)
    network = dlib.face_recognition_model_v1(str(path))

    def embed(chips: np.ndarray) -> np.ndarray:
        if len(chips) == 1:
            return np.array(network.compute_face_descriptor(chips[0]))[None]
        return np.array(network.compute_face_descriptor(list(chips)))

    return embed


def onnx_way() -> Embed:
    """The graph that maskarc writes, in onnxruntime."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "a.onnx")
        onnx_graph.save(path, inference.load_weights("dlib_resnet29"))
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda chips: session.run(None, {"crops": chips})[0]


def torch_way() -> Embed:
    """The same in PyTorch."""
    import torch
    from torch.nn import functional

    from maskarc.models import dlib_resnet

    _, params, _ = models.load_pretrained("dlib_resnet29")

    def tensors(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {key: tensors(value) for key, value in tree.items()}
        axes = (3, 2, 0, 1) if tree.ndim == 4 else tuple(range(tree.ndim))
        tensor = torch.from_numpy(np.ascontiguousarray(tree.transpose(axes)))
        if tree.ndim == 1:
            return tensor.reshape(1, -1, 1, 1)
        return tensor

    p = tensors(params)
    first_of_stage = set(np.cumsum(dlib_resnet.STAGE_SIZES)[:-1].tolist())

    def affine(x: Any, layer: Any) -> Any:
        return x * layer["scale"] + layer["shift"]

    def embed(chips: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            x = torch.from_numpy(chips).permute(0, 3, 1, 2).float()
            x = (x - torch.tensor(dlib_resnet.MEAN).reshape(1, 3, 1, 1)) / 256
            x = x.contiguous(memory_format=torch.channels_last)
            x = functional.conv2d(x, p["conv1"]["kernel"], stride=2)
            x = functional.max_pool2d(torch.relu(affine(x, p["affine1"])), 3, 2)
            for index, block in p["blocks"].items():
                halves = index in first_of_stage
                stride, padding = (2, 0) if halves else (1, 1)
                y = functional.conv2d(
                    x, block["conv1"]["kernel"], stride=stride, padding=padding
                )
                y = torch.relu(affine(y, block["affine1"]))
                y = functional.conv2d(y, block["conv2"]["kernel"], padding=1)
                y = affine(y, block["affine2"])
                if halves:
                    x = functional.avg_pool2d(x, 2)
                side, depth = max(x.shape[-1], y.shape[-1]), y.shape[1]
                x, y = (
                    functional.pad(
                        z,
                        (0, side - z.shape[-1]) * 2 + (0, depth - z.shape[1]),
                    )
                    for z in (x, y)
                )
                x = torch.relu(x + y)
            return (x.mean((2, 3)) @ p["fc"]["kernel"]).numpy()

    return embed


def _seconds(embed: Embed, chips: np.ndarray) -> float:
    """Of one call, over about `_SECONDS`."""
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < _SECONDS:
        embed(chips)
        calls += 1
    return (time.perf_counter() - start) / calls


if __name__ == "__main__":
    app.run(main)
