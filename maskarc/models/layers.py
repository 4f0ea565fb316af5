"""Layers that the backbones share. Images are NHWC, statistics float32."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from maskarc.models import convolution

# PyTorch's initialisation for these networks: He normal over the outputs.
_KERNEL_INIT = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")


def conv(
    in_features: int,
    out_features: int,
    size: int,
    *,
    stride: int = 1,
    groups: int = 1,
    padding: int | None = None,
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
        padding=size // 2 if padding is None else padding,
        feature_group_count=groups,
        use_bias=False,
        kernel_init=_KERNEL_INIT,
        conv_general_dilated=convolution.conv_general_dilated,
        dtype=dtype,
        rngs=rngs,
    )


# PyTorch's defaults: its momentum of 0.1 is Flax's 0.9.
batch_norm = functools.partial(nnx.BatchNorm, momentum=0.9, epsilon=1e-5)


class PReLU(nnx.Module):
    """max(x, 0) + slope · min(x, 0), with a slope for each channel.

    References:
      He et al., "Delving Deep into Rectifiers", ICCV 2015.
    """

    def __init__(self, features: int):
        self.slope = nnx.Param(jnp.full((features,), 0.25, jnp.float32))

    def __call__(self, x: jax.Array) -> jax.Array:
        """float[..., features] → the same."""
        slope = self.slope[...].astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
        return jnp.where(x > 0, x, slope * x)


class SqueezeExcite(nnx.Module):
    """Weighs the channels by what the whole map shows.

    References:
      Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018.
    """

    def __init__(
        self,
        features: int,
        *,
        reduction: int = 16,
        dtype: Any = None,
        rngs: nnx.Rngs,
    ):
        narrow = max(1, features // reduction)
        self.fc1 = nnx.Linear(features, narrow, use_bias=False, dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(narrow, features, use_bias=False, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """float[B, H, W, features] → the same."""
        seen = jnp.mean(x, axis=(1, 2), keepdims=True)
        return x * nnx.sigmoid(self.fc2(nnx.relu(self.fc1(seen))))


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
