"""dlib's face recognition network: a ResNet with 29 convolutions on 150-pixel chips.

The published one (`dlib_face_recognition_resnet_model_v1`) gives embeddings of 128
numbers whose Euclidean distance was trained: two photos of a person lie within 0.6.

References:
  He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; King, "High
  Quality Face Recognition with Deep Metric Learning", dlib's blog, 2017.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from maskarc.models import layers, pooling

# Blocks in each stage; all but the first stage begin with one that halves the map.
STAGE_SIZES = (3, 4, 3, 3, 1)
# Width of each stage over that of the first.
_WIDENING = (1, 2, 4, 8, 8)
# What dlib takes from RGB in 0..255, and what it divides the rest by.
MEAN, DIVISOR = (122.782, 117.001, 104.298), 256.0


class Affine(nnx.Module):
    """A factor and an offset for each channel: BN whose statistics were fixed."""

    def __init__(self, features: int):
        self.scale = nnx.Param(jnp.ones((features,), jnp.float32))
        self.shift = nnx.Param(jnp.zeros((features,), jnp.float32))

    def __call__(self, x: jax.Array) -> jax.Array:
        """float[B, H, W, features] → the same."""
        shape = (1,) * (x.ndim - 1) + (-1,)
        scale, shift = (p[...].astype(x.dtype) for p in (self.scale, self.shift))
        return x * scale.reshape(shape) + shift.reshape(shape)


class Block(nnx.Module):
    """Two 3×3 convolutions and the block's input, shrunk where the map is halved."""

    def __init__(
        self, features: int, width: int, stride: int, *, dtype: Any, rngs: nnx.Rngs
    ):
        # dlib pads no convolution of stride 2.
        padding = 1 if stride == 1 else 0
        self.conv1 = layers.conv(
            features, width, 3, stride=stride, padding=padding, dtype=dtype, rngs=rngs
        )
        self.affine1 = Affine(width)
        self.conv2 = layers.conv(width, width, 3, dtype=dtype, rngs=rngs)
        self.affine2 = Affine(width)
        self.stride = stride

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        """float[B, H, W, features] → float[B, H/stride, W/stride, width]."""
        del train  # it has no batch statistics
        y = nnx.relu(self.affine1(self.conv1(x)))
        y = self.affine2(self.conv2(y))
        if self.stride > 1:
            x = nnx.avg_pool(x, (2, 2), strides=(2, 2))
        return nnx.relu(_add(y, x))


class DlibResNet(nnx.Module):
    """dlib's network: chip → embedding.

    Args:
      stage_sizes: blocks in each of the five stages.
      image_size: side of the chips in pixels; any of 103 or more will do.
      embed_dim: D.
      width: features of the first stage; 32 is the published network.
      dtype: of the computation; parameters and the embedding stay float32.
      rngs: initialisation keys.

    Raises:
      ValueError: chips too small for the trunk.
    """

    remat = False  # see `layers.chain`

    def __init__(
        self,
        *,
        stage_sizes: tuple[int, ...] = STAGE_SIZES,
        image_size: int = 150,
        embed_dim: int = 128,
        width: int = 32,
        dtype: Any = None,
        rngs: nnx.Rngs,
    ):
        if image_size < 103:  # the last convolution's map would be empty
            raise ValueError(
                f"expected chips of 103 pixels or more, got image_size {image_size}"
            )
        self.conv1 = layers.conv(
            3, width, 7, stride=2, padding=0, dtype=dtype, rngs=rngs
        )
        self.affine1 = Affine(width)
        features, blocks = width, []
        for stage, (count, times) in enumerate(
            zip(stage_sizes, _WIDENING, strict=True)
        ):
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(
                    Block(features, width * times, stride, dtype=dtype, rngs=rngs)
                )
                features = width * times
        self.blocks = nnx.List(blocks)
        self.fc = nnx.Linear(features, embed_dim, use_bias=False, rngs=rngs)

    def features(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        """The trunk: float[B, S, S, 3] in [−1, 1] → float[B, F], the map's mean."""
        mean = jnp.array(MEAN, images.dtype).reshape(1, 1, 1, 3)
        x = (images * 127.5 + 127.5 - mean) / DIVISOR
        x = nnx.relu(self.affine1(self.conv1(x)))
        x = pooling.max_pool(x, 3, 2)
        x = layers.chain(self.blocks, x, train=train, remat=self.remat)
        return jnp.mean(x.astype(jnp.float32), axis=(1, 2))

    def __call__(
        self, images: jax.Array, *, train: bool = False, key: jax.Array | None = None
    ) -> jax.Array:
        """Embeds chips.

        Args:
          images: float[B, S, S, 3] in [−1, 1]; RGB.
          train: makes no difference.
          key: likewise.

        Returns:
          float32[B, D], not normalised.
        """
        del key
        return self.fc(self.features(images, train=train))


def _add(a: jax.Array, b: jax.Array) -> jax.Array:
    """The sum of two maps [B, ...]; the smaller is padded with zeros at its end."""
    shape = [max(m, n) for m, n in zip(a.shape[1:], b.shape[1:], strict=True)]

    def padded(x: jax.Array) -> jax.Array:
        widths = [(0, 0)]
        widths += [(0, n - m) for m, n in zip(x.shape[1:], shape, strict=True)]
        return jnp.pad(x, widths)

    return padded(a) + padded(b)
