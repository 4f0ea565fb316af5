"""AdaFace's state dicts in the names of InsightFace's: its IR networks are IResNets.

References:
  Kim et al., "AdaFace: Quality Adaptive Margin for Face Recognition", CVPR 2022, and
  its published code. Its networks take BGR.
"""

from collections.abc import Mapping

import numpy as np

# AdaFace's place in a block → the name in InsightFace's.
_LAYERS = ("bn1", "conv1", "bn2", "prelu", "conv2", "bn3")
_OUTSIDE = {
    "input_layer.0": "conv1",
    "input_layer.1": "bn1",
    "input_layer.2": "prelu",
    "output_layer.0": "bn2",
    "output_layer.3": "fc",
    "output_layer.4": "features",
}


def is_adaface(tensors: Mapping[str, np.ndarray]) -> bool:
    """Whether a state dict has AdaFace's names."""
    return "input_layer.0.weight" in tensors


def to_insightface(
    tensors: Mapping[str, np.ndarray], stage_sizes: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Renames a state dict, and makes its network one for RGB.

    The first stage's shortcut takes every second pixel as it is; InsightFace has a
    convolution and a BatchNorm there, which become the identity.

    Args:
      tensors: of an "IR" network.
      stage_sizes: blocks in each of the stages.

    Returns:
      Name → array. Names that are not AdaFace's stay as they are.
    """
    blocks = [
        f"layer{stage}.{index}"
        for stage, count in enumerate(stage_sizes, start=1)
        for index in range(count)
    ]
    renamed = {_renamed(name, blocks): array for name, array in tensors.items()}
    if "conv1.weight" in renamed:
        renamed["conv1.weight"] = renamed["conv1.weight"][:, ::-1]
    width = len(renamed.get("bn1.bias", ()))
    identity = np.eye(width, dtype=np.float32)[:, :, None, None]
    _add_norm(renamed, "layer1.0.downsample.1", width)
    _add_norm(renamed, "features", len(renamed.get("fc.bias", ())))
    return {"layer1.0.downsample.0.weight": identity, **renamed}


def _add_norm(tensors: dict[str, np.ndarray], name: str, width: int) -> None:
    """Completes a BatchNorm to one that does nothing but what it has arrays for."""
    has_statistics = f"{name}.running_var" in tensors
    epsilon = np.float32(0 if has_statistics else 1e-5)
    zeros, ones = np.zeros(width, np.float32), np.ones(width, np.float32)
    tensors.setdefault(f"{name}.weight", ones)
    tensors.setdefault(f"{name}.bias", zeros)
    tensors.setdefault(f"{name}.running_mean", zeros)
    tensors.setdefault(f"{name}.running_var", ones - epsilon)


def _renamed(name: str, blocks: list[str]) -> str:
    where, _, leaf = name.rpartition(".")
    if where in _OUTSIDE:
        return f"{_OUTSIDE[where]}.{leaf}"
    parts = where.split(".")
    if len(parts) != 4 or parts[0] != "body" or int(parts[1]) >= len(blocks):
        return name
    block = blocks[int(parts[1])]
    if parts[2] == "shortcut_layer":
        return f"{block}.downsample.{parts[3]}.{leaf}"
    return f"{block}.{_LAYERS[int(parts[3])]}.{leaf}"
