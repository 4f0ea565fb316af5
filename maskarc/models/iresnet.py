"""InsightFace's improved residual networks: BN before the first convolution, PReLU.

References:
  Deng et al., "ArcFace", CVPR 2019, section 3.2.2; Han et al., "Deep Pyramidal Residual
  Networks", CVPR 2017, for the block.
"""

from typing import Any

import jax
from flax import nnx

from maskarc.models import layers, resnet


class Block(nnx.Module):
    """BN, 3×3 convolution, BN, PReLU, strided 3×3 convolution, BN, and a shortcut."""

    def __init__(
        self,
        features: int,
        width: int,
        stride: int,
        *,
        squeeze: bool,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        self.bn1 = layers.BatchNorm(features, dtype=dtype, rngs=rngs)
        self.conv1 = layers.conv(features, width, 3, dtype=dtype, rngs=rngs)
        self.bn2 = layers.BatchNorm(width, dtype=dtype, rngs=rngs)
        self.prelu = layers.PReLU(width)
        self.conv2 = layers.conv(width, width, 3, stride=stride, dtype=dtype, rngs=rngs)
        self.bn3 = layers.BatchNorm(width, dtype=dtype, rngs=rngs)
        self.squeeze = squeeze
        if squeeze:
            self.se = layers.SqueezeExcite(width, dtype=dtype, rngs=rngs)
        self.downsample = resnet.Shortcut(
            features, width, stride, dtype=dtype, rngs=rngs
        )

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """float[B, H, W, features] → float[B, H/stride, W/stride, width]."""
        y = self.conv1(self.bn1(x, use_running_average=not train))
        y = self.prelu(self.bn2(y, use_running_average=not train))
        y = self.bn3(self.conv2(y), use_running_average=not train)
        if self.squeeze:
            y = self.se(y)
        return y + self.downsample(x, train=train)


class IResNet(nnx.Module):
    """An improved ResNet: crop → embedding.

    The stem is a 3×3 convolution of stride 1; each of the four stages halves the map.

    Args:
      stage_sizes: blocks in each of the four stages.
      squeeze: whether each block weighs its channels (the "se" variants).
      image_size: side of the crops in pixels; fixes the size of the head.
      embed_dim: D.
      width: features of the first stage; 64 is the published network.
      dropout: rate in the head, in [0, 1).
      dtype: of the computation; parameters, statistics and the embedding stay float32.
      rngs: initialisation keys.

    Raises:
      ValueError: crops too small for the trunk.
    """

    remat = False  # see `layers.chain`

    def __init__(
        self,
        *,
        stage_sizes: tuple[int, ...],
        squeeze: bool = False,
        image_size: int = 112,
        embed_dim: int = 512,
        width: int = 64,
        dropout: float = 0.0,
        dtype: Any = None,
        rngs: nnx.Rngs,
    ):
        map_size = -(-image_size // 2 ** len(stage_sizes))
        if map_size < 2:
            raise ValueError(
                f"crops of {image_size} pixels leave a {map_size}×{map_size} map; use "
                "larger crops"
            )
        self.conv1 = layers.conv(3, width, 3, dtype=dtype, rngs=rngs)
        self.bn1 = layers.BatchNorm(width, dtype=dtype, rngs=rngs)
        self.prelu = layers.PReLU(width)
        features, blocks = width, []
        for stage, count in enumerate(stage_sizes):
            for index in range(count):
                blocks.append(
                    Block(
                        features,
                        width << stage,
                        2 if index == 0 else 1,
                        squeeze=squeeze,
                        dtype=dtype,
                        rngs=rngs,
                    )
                )
                features = width << stage
        self.blocks = nnx.List(blocks)
        self.head = layers.EmbeddingHead(
            map_size, features, embed_dim, dropout=dropout, dtype=dtype, rngs=rngs
        )

    def features(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        """The trunk: float[B, S, S, 3] in [−1, 1] → float[B, S/16, S/16, F]."""
        x = self.bn1(self.conv1(images), use_running_average=not train)
        x = self.prelu(x)
        x = layers.chain(self.blocks, x, train=train, remat=self.remat)
        return x

    def __call__(
        self, images: jax.Array, *, train: bool = False, key: jax.Array | None = None
    ) -> jax.Array:
        """Embeds crops; arguments and result as for `resnet.ResNet`."""
        return self.head(self.features(images, train=train), train=train, key=key)
