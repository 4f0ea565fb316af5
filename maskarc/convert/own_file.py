"""maskarc's own weights file: safetensors, with all that is needed to use them.

The metadata say which model it is and with which options, which crop it expects, and
the input contract in words; nothing is guessed from shapes, and nothing is executed.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
from typing import Any

import jax
import numpy as np
import safetensors
from safetensors import numpy as safe_numpy

from maskarc import files, models
from maskarc.convert import failure

FORMAT, VERSION = "maskarc", "1"
_COHORT = "cohort"
CONTRACT = (
    "RGB uint8 [batch, size, size, 3], aligned as crop says; scaled to (x - 127.5) / "
    "127.5; the embedding is compared by cosine similarity"
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """A model with its weights.

    Attributes:
      backbone: the network.
      params: its parameters, float32.
      stats: its BatchNorm statistics, float32.
      crop: the crop that it expects, a key of `alignment.CROPS`.
      cohort: float32[C, D], embeddings of strangers in masks (`cohorts.Cohort`), or
        None.
    """

    backbone: models.Backbone
    params: Any
    stats: Any
    crop: str
    cohort: np.ndarray | None = None

    def digest(self) -> str:
        """Tells them from other weights, wherever they are stored."""
        digest = hashlib.sha256()
        for name, leaf in sorted(_flat(self).items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(leaf).tobytes())
        return digest.hexdigest()[:16]


def save(path: str | os.PathLike[str], weights: Weights, *, half: bool = False) -> None:
    """Writes a file.

    Args:
      path: ends in .safetensors; its folder is made if missing.
      weights: the model.
      half: store float16, half the size; loaded as float32 again.

    Raises:
      ValueError: the path does not end in .safetensors, or a weight is too large for
        float16.
    """
    path = pathlib.Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"expected a name that ends in .safetensors, got {path.name}")
    dtype = np.float16 if half else np.float32
    with np.errstate(over="ignore"):
        arrays = {
            name: np.ascontiguousarray(np.asarray(leaf).astype(dtype))
            for name, leaf in _flat(weights).items()
        }
    failure.check_finite(arrays)
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "model": weights.backbone.name,
        "options": json.dumps(dict(weights.backbone.options)),
        "crop": weights.crop,
        "contract": CONTRACT,
    }
    files.write_bytes(path, safe_numpy.save(arrays, metadata=metadata))


def load(path: str | os.PathLike[str]) -> Weights:
    """Reads a file that `save` wrote.

    Raises:
      FileNotFoundError: no such file.
      failure.WeightsError: damaged, not maskarc's, of another network than it says, or
        with NaN.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    metadata = read_metadata(path)
    if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
        raise failure.WeightsError(
            f"{path.name} is not a weights file of maskarc, version {VERSION}; convert "
            "it with `maskarc convert`"
        )
    arrays = dict(safe_numpy.load_file(path))
    try:
        backbone = models.create(metadata["model"], **json.loads(metadata["options"]))
        crop = metadata["crop"]
    except (KeyError, ValueError, TypeError) as error:
        raise failure.WeightsError(f"{path.name}: {error}") from error
    abstract = backbone.shapes()
    leaves, structure = jax.tree_util.tree_flatten_with_path(abstract)
    names = [_name(key) for key, _ in leaves]
    cohort = arrays.pop(_COHORT, None)
    if cohort is not None and cohort.shape[1:] != (backbone.embed_dim,):
        raise failure.WeightsError(
            f"{path.name}: expected a cohort [C, {backbone.embed_dim}], got "
            f"{list(cohort.shape)}"
        )
    failure.check_complete(
        {name: leaf.shape for name, (_, leaf) in zip(names, leaves, strict=True)},
        {name: array.shape for name, array in arrays.items()},
    )
    failure.check_finite(arrays)
    ordered = [arrays[name].astype(np.float32) for name in names]
    params, stats = jax.tree_util.tree_unflatten(structure, ordered)
    return Weights(
        backbone=backbone,
        params=params,
        stats=stats,
        crop=crop,
        cohort=None if cohort is None else cohort.astype(np.float32),
    )


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The metadata of a safetensors file; empty where it has none.

    Raises:
      failure.WeightsError: not a safetensors file, or cut off.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except (safetensors.SafetensorError, ValueError) as error:
        raise failure.WeightsError(f"{pathlib.Path(path).name}: {error}") from error


def _flat(weights: Weights) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path((weights.params, weights.stats))
    flat = {_name(path): leaf for path, leaf in leaves}
    return flat if weights.cohort is None else {**flat, _COHORT: weights.cohort}


def _name(path: Any) -> str:
    """(0, "conv1", "kernel") → "params/conv1/kernel"."""
    which, *rest = (jax.tree_util.keystr((key,), simple=True) for key in path)
    return "/".join([("params", "stats")[int(which)], *rest])
