"""Layers that the backbones share. Images are NHWC, statistics float32."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

# PyTorch's initialisation for these networks: He normal over the outputs.
_KERNEL_INIT = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")


def conv(
    in_features: int,
    out_features: int,
    size: int,
    *,
    stride: int = 1,
    dtype: Any = None,
    rngs: nnx.Rngs,
) -> nnx.Conv:
    """A size×size convolution without bias, padded by size//2 on every side.

    "SAME" would pad a strided convolution on one side only, unlike PyTorch, and shift
    every imported network by a pixel.
    """
    return nnx.Conv(
        in_features,
        out_features,
        (size, size),
        strides=stride,
        padding=size // 2,
        use_bias=False,
        kernel_init=_KERNEL_INIT,
        dtype=dtype,
        rngs=rngs,
    )


# PyTorch's defaults: its momentum of 0.1 is Flax's 0.9.
batch_norm = functools.partial(nnx.BatchNorm, momentum=0.9, epsilon=1e-5)


class EmbeddingHead(nnx.Module):
    """Feature map → embedding: BN, dropout, flatten, fully connected, BN.

    References:
      Deng et al., "ArcFace", CVPR 2019, option E.
    """

    def __init__(
        self,
        map_size: int,
        in_features: int,
        embed_dim: int,
        *,
        dropout: float,
        dtype: Any = None,
        rngs: nnx.Rngs,
    ):
        self.bn1 = batch_norm(in_features, dtype=dtype, rngs=rngs)
        self.dropout = nnx.Dropout(dropout)
        flat = map_size * map_size * in_features
        self.fc = nnx.Linear(flat, embed_dim, dtype=dtype, rngs=rngs)
        self.bn2 = batch_norm(embed_dim, rngs=rngs)  # float32 out, whatever the dtype

    def __call__(
        self, x: jax.Array, *, train: bool, key: jax.Array | None = None
    ) -> jax.Array:
        """float[B, H, W, F] → float32[B, D], not normalised."""
        x = self.bn1(x, use_running_average=not train)
        x = self.dropout(x, deterministic=not train, rngs=key)
        x = self.fc(x.reshape(x.shape[0], -1))
        return self.bn2(x.astype(jnp.float32), use_running_average=not train)
