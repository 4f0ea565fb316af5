"""PyTorch state dicts: torchvision's ResNets, InsightFace's networks, AdaFace's.

Read from `.pt`/`.pth` files without unpickling anything but tensors, or from
`.safetensors`. Kernels are OIHW there and HWIO here; a fully connected layer behind a
flattened map reads it as CHW there and as HWC here.
"""

import os
import pathlib
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
import safetensors
from safetensors import numpy as safe_numpy

from maskarc import extras, models
from maskarc.convert import adaface, failure

# Larger files, or archives that hold more, are refused.
_MOST_BYTES = 2**31
# Keys under which training scripts keep the network beside other things.
_NESTS = ("state_dict_backbone", "state_dict", "backbone", "model")
_PREFIXES = ("module.", "backbone.", "model.")
# In torchvision's files, beside the trunk.
_CLASSIFIER = {"fc.weight", "fc.bias"}
_LEAVES = {
    "kernel": "weight",
    "scale": "weight",
    "slope": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads the tensors of a file.

    Args:
      path: `.safetensors`, or what `torch.save` wrote of a state dict, also inside a
        checkpoint under "state_dict" or a like name.

    Returns:
      Name → array, without "module." and like prefixes.

    Raises:
      FileNotFoundError: no such file.
      failure.WeightsError: damaged, too large, or holding more than tensors.
      ImportError: torch is missing.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    if path.stat().st_size > _MOST_BYTES:
        raise failure.WeightsError(f"{path.name}: larger than {_MOST_BYTES} bytes")
    read = _read_safetensors if path.suffix == ".safetensors" else _read_torch
    tensors = read(path)
    while tensors and not any(isinstance(v, np.ndarray) for v in tensors.values()):
        inner = next((tensors[k] for k in _NESTS if k in tensors), None)
        if not isinstance(inner, dict):
            raise failure.WeightsError(
                f"{path.name}: expected a state dict, or one under "
                f"{', '.join(_NESTS)}; found {', '.join(map(str, list(tensors)[:8]))}"
            )
        tensors = inner
    return _without_prefix(
        {k: v for k, v in tensors.items() if isinstance(v, np.ndarray)}
    )


def to_backbone(
    tensors: Mapping[str, np.ndarray], backbone: models.Backbone
) -> tuple[Any, Any]:
    """Arranges a state dict as a backbone's parameters and statistics.

    Args:
      tensors: as `load` returns them.
      backbone: of the same architecture. torchvision's files have no embedding head:
        that of a "resnet…" is left out of the result.

    Returns:
      (params, stats) as `models.Backbone.init` gives them, float32.

    Raises:
      failure.WeightsError: another architecture (lists missing and unexpected names),
        or NaN.
      ValueError: a model for which no such files are known.
    """
    if adaface.is_adaface(tensors):
        tensors = adaface.to_insightface(tensors, backbone.option("stage_sizes"))
    family = next((f for f in _RENAME if re.match(f, backbone.name)), None)
    if family is None:
        raise ValueError(f"no PyTorch files are known of the model {backbone.name!r}")
    has_head = family != "resnet"
    abstract = [
        {k: v for k, v in tree.items() if has_head or k != "head"}
        for tree in backbone.shapes()
    ]
    leaves, structure = jax.tree_util.tree_flatten_with_path(abstract)
    names = [_RENAME[family](_keys(path), backbone) for path, _ in leaves]
    found = {
        name: tensor
        for name, tensor in tensors.items()
        if not name.endswith("num_batches_tracked")
        and (has_head or name not in _CLASSIFIER)
    }
    shapes = [_torch_shape(leaf.shape) for _, leaf in leaves]
    failure.check_complete(
        dict(zip(names, shapes, strict=True)),
        {name: tensor.shape for name, tensor in found.items()},
    )
    arrays = [
        _arranged(found[name], _channels(path, abstract[0]))
        for name, (path, _) in zip(names, leaves, strict=True)
    ]
    params, stats = jax.tree_util.tree_unflatten(structure, arrays)
    failure.check_finite((params, stats))
    return params, stats


def _read_safetensors(path: pathlib.Path) -> dict[str, Any]:
    try:
        return dict(safe_numpy.load_file(path))
    except (safetensors.SafetensorError, ValueError) as error:
        raise failure.WeightsError(f"{path.name}: {error}") from error


def _read_torch(path: pathlib.Path) -> dict[str, Any]:
    with extras.needed("torch"):
        import torch
    _check_archive(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # of a pickle's version
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as e:
        reason = str(e).split("\n", 1)[0][:200]
        raise failure.WeightsError(
            f"{path.name}: not a PyTorch file of tensors alone ({reason}); nothing in "
            "it was executed"
        ) from e
    if not isinstance(content, dict):
        raise failure.WeightsError(
            f"{path.name}: expected a state dict, got {type(content).__name__}"
        )
    return _to_numpy(content)


def _to_numpy(content: dict[str, Any]) -> dict[str, Any]:
    return {
        str(key): _to_numpy(value)
        if isinstance(value, dict)
        else value.float().numpy()
        if hasattr(value, "numpy")
        else value
        for key, value in content.items()
    }


def _check_archive(path: pathlib.Path) -> None:
    """Refuses an archive that would grow: torch.save does not compress."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > 2 * path.stat().st_size + 2**20:
        raise failure.WeightsError(
            f"{path.name}: an archive of {size} bytes in a file of "
            f"{path.stat().st_size}; PyTorch does not compress its files"
        )


def _without_prefix(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if "model.input_layer.0.weight" in tensors:  # AdaFace's: the loss lies beside it
        tensors = {k: v for k, v in tensors.items() if not k.startswith("head.")}
    for prefix in _PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name[len(prefix) :]: v for name, v in tensors.items()}
    return tensors


def _keys(path: Any) -> list[Any]:
    """The keys below (params, stats)."""
    return [key.key for key in path[1:]]


def _stage(index: int, backbone: models.Backbone) -> str:
    """Block number → "layer2.0" of four stages."""
    for stage, count in enumerate(backbone.option("stage_sizes")):
        if index < count:
            return f"layer{stage + 1}.{index}"
        index -= count
    raise ValueError(f"no block {index}")


def _rename_resnet(keys: list[Any], backbone: models.Backbone) -> str:
    """torchvision's and InsightFace's ResNets."""
    *parts, leaf = keys
    if parts[0] == "blocks":
        parts = [_stage(int(parts[1]), backbone), *parts[2:]]
    if parts[0] == "head":
        parts = [{"bn1": "bn2", "bn2": "features"}.get(parts[1], parts[1])]
    renamed = [str(part) for part in parts]
    if "downsample" in renamed:
        renamed[-1] = {"conv": "0", "bn": "1"}[renamed[-1]]
    return ".".join([*renamed, _LEAVES[leaf]])


def _rename_mobilefacenet(keys: list[Any], backbone: models.Backbone) -> str:
    """InsightFace's MobileFaceNet."""
    sizes = backbone.option("stage_sizes")
    *parts, leaf = keys
    unit = {"conv": "0", "bn": "1", "prelu": "2"}
    inner = {"expand": "0", "depthwise": "1", "project": "2"}
    head, *rest = parts
    if head in ("fc", "bn"):
        where = {"fc": "features.layers.2", "bn": "features.layers.3"}[head]
    elif head == "blocks":
        place, _ = list(mobile_blocks(sizes))[int(rest[0])]
        where = f"{place}.layers.{inner[rest[1]]}.layers.{unit[rest[2]]}"
    else:
        place = {
            "stem": "layers.0",
            "first": "layers.1",
            "separate": "conv_sep",
            "pool": "features.layers.0",
        }[head]
        where = f"{place}.layers.{unit[rest[0]]}"
    return f"{where}.{_LEAVES[leaf]}"


def mobile_blocks(sizes: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    """Names and strides of a MobileFaceNet's bottlenecks, in order.

    Args:
      sizes: blocks in each of the four stages; a first of one is no bottleneck.
    """
    if sizes[0] > 1:
        yield from ((f"layers.1.layers.{index}", 1) for index in range(sizes[0]))
    for stage, count in enumerate(sizes[1:], start=1):
        yield f"layers.{2 * stage}", 2
        for index in range(count):
            yield f"layers.{2 * stage + 1}.layers.{index}", 1


# Regular expression of model names → how their arrays are called in PyTorch.
_RENAME = {
    "resnet": _rename_resnet,
    r"iresnet\d+$": _rename_resnet,
    "mbf": _rename_mobilefacenet,
}


def _channels(path: Any, params: Any) -> int | None:
    """Channels of the map that a layer flattens; None for other layers."""
    if _keys(path) != ["head", "fc", "kernel"]:
        return None
    return int(params["head"]["bn1"]["scale"].shape[0])


def _torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) == 4:
        rows, columns, inputs, outputs = shape
        return outputs, inputs, rows, columns
    return shape[::-1]


def _arranged(tensor: np.ndarray, channels: int | None) -> np.ndarray:
    """A PyTorch array in our order; `channels` of the map before a flattening layer."""
    tensor = np.asarray(tensor, np.float32)
    if tensor.ndim == 4:
        tensor = tensor.transpose(2, 3, 1, 0)
    elif channels is not None:
        outputs, inputs = tensor.shape
        side = round((inputs / channels) ** 0.5)
        tensor = tensor.reshape(outputs, channels, side, side)
        tensor = tensor.transpose(2, 3, 1, 0).reshape(inputs, outputs)
    elif tensor.ndim == 2:
        tensor = tensor.T
    return np.ascontiguousarray(tensor)
