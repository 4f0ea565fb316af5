"""Residual networks in torchvision's arrangement, with an embedding head.

References:
  He et al., "Deep Residual Learning for Image Recognition", CVPR 2016. As in
  torchvision, a bottleneck's stride sits in its 3×3 convolution.
"""

from typing import Any

import jax
from flax import nnx

from maskarc.models import layers, pooling

STEMS = ("imagenet", "small")


class BasicBlock(nnx.Module):
    """Two 3×3 convolutions and a shortcut."""

    expansion = 1

    def __init__(
        self, features: int, width: int, stride: int, *, dtype: Any, rngs: nnx.Rngs
    ):
        self.conv1 = layers.conv(
            features, width, 3, stride=stride, dtype=dtype, rngs=rngs
        )
        self.bn1 = layers.BatchNorm(width, dtype=dtype, rngs=rngs)
        self.conv2 = layers.conv(width, width, 3, dtype=dtype, rngs=rngs)
        self.bn2 = layers.BatchNorm(width, dtype=dtype, rngs=rngs)
        self.downsample = Shortcut(features, width, stride, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """float[B, H, W, features] → float[B, H/stride, W/stride, width]."""
        y = nnx.relu(self.bn1(self.conv1(x), use_running_average=not train))
        y = self.bn2(self.conv2(y), use_running_average=not train)
        return nnx.relu(y + self.downsample(x, train=train))


class Bottleneck(nnx.Module):
    """1×1, 3×3 and 1×1 convolutions and a shortcut; four times the width out."""

    expansion = 4

    def __init__(
        self, features: int, width: int, stride: int, *, dtype: Any, rngs: nnx.Rngs
    ):
        out = width * self.expansion
        self.conv1 = layers.conv(features, width, 1, dtype=dtype, rngs=rngs)
        self.bn1 = layers.BatchNorm(width, dtype=dtype, rngs=rngs)
        self.conv2 = layers.conv(width, width, 3, stride=stride, dtype=dtype, rngs=rngs)
        self.bn2 = layers.BatchNorm(width, dtype=dtype, rngs=rngs)
        self.conv3 = layers.conv(width, out, 1, dtype=dtype, rngs=rngs)
        self.bn3 = layers.BatchNorm(out, dtype=dtype, rngs=rngs)
        self.downsample = Shortcut(features, out, stride, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """float[B, H, W, features] → float[B, H/stride, W/stride, 4·width]."""
        y = nnx.relu(self.bn1(self.conv1(x), use_running_average=not train))
        y = nnx.relu(self.bn2(self.conv2(y), use_running_average=not train))
        y = self.bn3(self.conv3(y), use_running_average=not train)
        return nnx.relu(y + self.downsample(x, train=train))


class Shortcut(nnx.Module):
    """The identity, or a strided 1×1 convolution and BN where the shape changes."""

    def __init__(
        self, features: int, out: int, stride: int, *, dtype: Any, rngs: nnx.Rngs
    ):
        self.is_identity = stride == 1 and features == out
        if not self.is_identity:
            self.conv = layers.conv(
                features, out, 1, stride=stride, dtype=dtype, rngs=rngs
            )
            self.bn = layers.BatchNorm(out, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """float[B, H, W, features] → float[B, H/stride, W/stride, out]."""
        if self.is_identity:
            return x
        return self.bn(self.conv(x), use_running_average=not train)


class ResNet(nnx.Module):
    """A ResNet trunk and an embedding head: crop → embedding.

    Args:
      stage_sizes: blocks in each of the four stages.
      block: `BasicBlock` or `Bottleneck`.
      image_size: side of the crops in pixels; fixes the size of the head.
      embed_dim: D.
      width: features of the first stage; 64 is the published network.
      stem: "imagenet" is a 7×7/2 convolution and a 3×3/2 max-pool; "small" is a 3×3/1
        convolution, for crops of 32 to 64 pixels.
      dropout: rate in the head, in [0, 1).
      dtype: of the computation, such as jnp.bfloat16; parameters, statistics and the
        embedding stay float32.
      rngs: initialisation keys.

    Raises:
      ValueError: an unknown stem, or crops too small for the trunk.
    """

    remat = False  # see `layers.chain`

    def __init__(
        self,
        *,
        stage_sizes: tuple[int, ...],
        block: type[BasicBlock] | type[Bottleneck],
        image_size: int = 112,
        embed_dim: int = 512,
        width: int = 64,
        stem: str = "imagenet",
        dropout: float = 0.4,
        dtype: Any = None,
        rngs: nnx.Rngs,
    ):
        if stem not in STEMS:
            raise ValueError(f"unknown stem {stem!r}; expected one of {STEMS}")
        self.stem = stem
        imagenet = stem == "imagenet"
        self.conv1 = layers.conv(
            3,
            width,
            7 if imagenet else 3,
            stride=2 if imagenet else 1,
            dtype=dtype,
            rngs=rngs,
        )
        self.bn1 = layers.BatchNorm(width, dtype=dtype, rngs=rngs)
        features, blocks = width, []
        for stage, count in enumerate(stage_sizes):
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(
                    block(features, width << stage, stride, dtype=dtype, rngs=rngs)
                )
                features = (width << stage) * block.expansion
        self.blocks = nnx.List(blocks)
        # Every stride of 2 rounds up: 112 → 56 → 28 (stem) → 14 → 7 → 4.
        shrink = 2 ** (len(stage_sizes) - 1) * (4 if imagenet else 1)
        map_size = -(-image_size // shrink)
        if map_size < 2:
            raise ValueError(
                f"crops of {image_size} pixels leave a {map_size}×{map_size} map; "
                'use larger crops or stem="small"'
            )
        self.head = layers.EmbeddingHead(
            map_size, features, embed_dim, dropout=dropout, dtype=dtype, rngs=rngs
        )

    def features(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        """The trunk: float[B, S, S, 3] in [−1, 1] → float[B, S/32, S/32, F]."""
        x = nnx.relu(self.bn1(self.conv1(images), use_running_average=not train))
        if self.stem == "imagenet":
            x = pooling.max_pool(x, 3, 2, (1, 1))
        x = layers.chain(self.blocks, x, train=train, remat=self.remat)
        return x

    def __call__(
        self, images: jax.Array, *, train: bool = False, key: jax.Array | None = None
    ) -> jax.Array:
        """Embeds crops.

        Args:
          images: float[B, S, S, 3] in [−1, 1].
          train: batch statistics and dropout.
          key: for the dropout; needed when training.

        Returns:
          float32[B, D], not normalised.
        """
        return self.head(self.features(images, train=train), train=train, key=key)
