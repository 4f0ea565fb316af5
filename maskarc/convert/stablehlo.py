"""A network as a StableHLO program with its weights inside, for any batch size.

Runs wherever `jax.export.deserialize` does, without maskarc, and is what servers built
on XLA take.
"""

import os

import jax
import jax.numpy as jnp
from jax import export

from maskarc import extras, files
from maskarc.convert import own_file
from maskarc.models import platform

PLATFORMS = ("cpu", "cuda", "tpu")


def save(path: str | os.PathLike[str], weights: own_file.Weights) -> None:
    """Writes the program uint8[batch, S, S, 3] → float32[batch, D].

    Args:
      path: of the file; its folder is made if missing.
      weights: the model; its embeddings are not normalised.
    """

    @jax.jit
    def embed(crops: jax.Array) -> jax.Array:
        return weights.backbone.apply(weights.params, weights.stats, crops)[0]

    size = weights.backbone.image_size
    [batch] = export.symbolic_shape("batch")
    crops = jax.ShapeDtypeStruct((batch, size, size, 3), jnp.uint8)
    with platform.portable():
        program = export.export(embed, platforms=PLATFORMS)(crops)
    with extras.needed("onnx"):  # jax writes them with flatbuffers
        content = bytes(program.serialize())
    files.write_bytes(path, content)
