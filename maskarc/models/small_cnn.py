"""Three strided convolutions and a linear layer, for small questions to small crops."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx


class SmallCNN(nnx.Module):
    """Crop → a few numbers, such as whether the face wears a mask.

    Args:
      image_size: side of the crops in pixels, a multiple of 8.
      embed_dim: D, numbers that it gives.
      width: features of the first convolution; the others have two and four times as
        many.
      dtype: of the computation; parameters and the result stay float32.
      rngs: initialisation keys.

    Raises:
      ValueError: a size that is no multiple of 8.
    """

    remat = False  # see `layers.chain`

    def __init__(
        self,
        *,
        image_size: int = 48,
        embed_dim: int = 1,
        width: int = 16,
        dtype: Any = None,
        rngs: nnx.Rngs,
    ):
        if image_size % 8:
            raise ValueError(f"expected a multiple of 8, got image_size {image_size}")
        widths = (3, width, 2 * width, 4 * width)
        self.convs = nnx.List(
            nnx.Conv(features, out, (3, 3), strides=2, dtype=dtype, rngs=rngs)
            for features, out in itertools.pairwise(widths)
        )
        map_size = (image_size // 8) ** 2 * widths[-1]
        self.fc = nnx.Linear(map_size, embed_dim, dtype=dtype, rngs=rngs)

    def __call__(
        self, images: jax.Array, *, train: bool = False, key: jax.Array | None = None
    ) -> jax.Array:
        """float[B, S, S, 3] in [−1, 1] → float32[B, D]; training is no different."""
        del train, key
        x = images
        for conv in self.convs:
            x = nnx.relu(conv(x))
        return self.fc(x.reshape(x.shape[0], -1)).astype(jnp.float32)
