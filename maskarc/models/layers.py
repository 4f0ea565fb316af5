"""Layers that the backbones share. Images are NHWC, statistics float32."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from maskarc.models import convolution

# PyTorch's initialisation for these networks: He normal over the outputs.
_KERNEL_INIT = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")
# Of BatchNorm: what of the running statistics is kept, and what is added to variances.
_MOMENTUM, _EPSILON = 0.9, 1e-5


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


class BatchNorm(nnx.Module):
    """Normalises each feature by the mean and variance of the batch, in float32.

    PyTorch's defaults (its momentum of 0.1 is 0.9 here), but that the running variance
    is the biased one.

    Attributes:
      groups: equal parts of the batch, in order, each of which is normalised by its own
        statistics; the running ones follow their mean. As many as devices among which
        the batch is split makes it BatchNorm without communication, with the same
        result on any number of devices.
      axis_name: mapped axis (`jax.pmap`) over whose devices statistics are shared.

    References:
      Ioffe and Szegedy, "Batch Normalization", ICML 2015.
    """

    groups = 1
    axis_name: str | None = None

    def __init__(self, features: int, *, dtype: Any = None, rngs: nnx.Rngs):
        del rngs  # nothing random; taken so that all layers are made alike
        self.scale = nnx.Param(jnp.ones(features))
        self.bias = nnx.Param(jnp.zeros(features))
        self.mean = nnx.BatchStat(jnp.zeros(features))
        self.var = nnx.BatchStat(jnp.ones(features))
        self.dtype = dtype

    def __call__(self, x: jax.Array, *, use_running_average: bool) -> jax.Array:
        """float[B, ..., features] → the same, of `dtype` where that is given."""
        dtype = self.dtype or x.dtype
        if use_running_average:
            return self._normalized(x, self.mean[...], self.var[...]).astype(dtype)
        if len(x) % self.groups:
            raise ValueError(
                f"expected a batch that {self.groups} groups divide, got {len(x)}"
            )
        parts = x.reshape(self.groups, -1, *x.shape[1:]).astype(jnp.float32)
        axes = tuple(range(1, parts.ndim - 1))
        moments = jnp.stack([parts.mean(axes), (parts * parts).mean(axes)])
        if self.axis_name is not None:
            moments = jax.lax.pmean(moments, self.axis_name)
        mean, square = moments
        var = jnp.maximum(square - mean * mean, 0)
        for running, now in ((self.mean, mean), (self.var, var)):
            running[...] = _MOMENTUM * running[...] + (1 - _MOMENTUM) * now.mean(0)
        shape = (self.groups,) + (1,) * len(axes) + (-1,)
        normalized = self._normalized(parts, mean.reshape(shape), var.reshape(shape))
        return normalized.reshape(x.shape).astype(dtype)

    def _normalized(self, x: jax.Array, mean: jax.Array, var: jax.Array) -> jax.Array:
        shape = (1,) * (x.ndim - 1) + (-1,)
        mean, var, scale, bias = (
            a.reshape(shape) if a.ndim == 1 else a
            for a in (mean, var, self.scale[...], self.bias[...])
        )
        return (x - mean) * (jax.lax.rsqrt(var + _EPSILON) * scale) + bias


def chain(
    blocks: Iterable[nnx.Module], x: jax.Array, *, train: bool, remat: bool
) -> jax.Array:
    """Applies blocks one after another.

    Args:
      blocks: each maps (x, train=) to the next x.
      x: float[B, H, W, F].
      train: handed on.
      remat: keep only what lies between blocks for the backward pass, and compute what
        is inside them anew there: less memory, a third more time.
    """
    for block in blocks:
        if remat:
            x = nnx.remat(lambda block, x: block(x, train=train))(block, x)
        else:
            x = block(x, train=train)
    return x


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
        self.bn1 = BatchNorm(in_features, dtype=dtype, rngs=rngs)
        self.dropout = nnx.Dropout(dropout)
        flat = map_size * map_size * in_features
        self.fc = nnx.Linear(flat, embed_dim, dtype=dtype, rngs=rngs)
        self.bn2 = BatchNorm(embed_dim, rngs=rngs)  # float32 out, whatever the dtype

    def __call__(
        self, x: jax.Array, *, train: bool, key: jax.Array | None = None
    ) -> jax.Array:
        """float[B, H, W, F] → float32[B, D], not normalised."""
        x = self.bn1(x, use_running_average=not train)
        x = self.dropout(x, deterministic=not train, rngs=key)
        x = self.fc(x.reshape(x.shape[0], -1))
        return self.bn2(x.astype(jnp.float32), use_running_average=not train)
