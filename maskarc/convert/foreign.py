"""Networks of other projects, whatever the format of their file."""

import os
import pathlib
from typing import Any

from maskarc import models
from maskarc.convert import onnx_file, torch_state


def load(path: str | os.PathLike[str], backbone: models.Backbone) -> tuple[Any, Any]:
    """Reads a backbone's weights from a PyTorch, safetensors or ONNX file.

    Args:
      path: .pth, .pt, .ckpt, .safetensors or .onnx.
      backbone: the network that the file holds.

    Returns:
      (params, stats), as `torch_state.to_backbone` returns them.

    Raises:
      FileNotFoundError, ValueError, ImportError, convert.failure.WeightsError: as
        `torch_state` and `onnx_file` raise them.
    """
    if pathlib.Path(path).suffix == ".onnx":
        return torch_state.to_backbone(onnx_file.load(path, backbone), backbone)
    return torch_state.to_backbone(torch_state.load(path), backbone)
