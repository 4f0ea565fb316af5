"""MobileFaceNet in InsightFace's arrangement ("mbf"): small and quick.

References:
  Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification
  on Mobile Devices", CCBR 2018.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from maskarc.models import layers


class ConvBlock(nnx.Module):
    """Convolution, BN and, unless it is linear, PReLU."""

    def __init__(
        self,
        features: int,
        out: int,
        size: int,
        *,
        stride: int = 1,
        groups: int = 1,
        padding: int | None = None,
        is_linear: bool = False,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        self.conv = layers.conv(
            features,
            out,
            size,
            stride=stride,
            groups=groups,
            padding=padding,
            dtype=dtype,
            rngs=rngs,
        )
        self.bn = layers.BatchNorm(out, dtype=dtype, rngs=rngs)
        self.is_linear = is_linear
        if not is_linear:
            self.prelu = layers.PReLU(out)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """float[B, H, W, features] → float[B, H/stride, W/stride, out]."""
        x = self.bn(self.conv(x), use_running_average=not train)
        return x if self.is_linear else self.prelu(x)


class Bottleneck(nnx.Module):
    """1×1 to more features, 3×3 on each alone, 1×1 back; with a shortcut where it fits.

    References:
      Sandler et al., "MobileNetV2", CVPR 2018.
    """

    def __init__(
        self,
        features: int,
        out: int,
        middle: int,
        *,
        stride: int,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        self.expand = ConvBlock(features, middle, 1, dtype=dtype, rngs=rngs)
        self.depthwise = ConvBlock(
            middle, middle, 3, stride=stride, groups=middle, dtype=dtype, rngs=rngs
        )
        self.project = ConvBlock(middle, out, 1, is_linear=True, dtype=dtype, rngs=rngs)
        self.has_shortcut = stride == 1

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """float[B, H, W, features] → float[B, H/stride, W/stride, out]."""
        y = self.depthwise(self.expand(x, train=train), train=train)
        y = self.project(y, train=train)
        return x + y if self.has_shortcut else y


class MobileFaceNet(nnx.Module):
    """MobileFaceNet: crop → embedding.

    Args:
      stage_sizes: blocks in each of the four stages, without those that halve the map.
      scale: width of the trunk over that of the bottlenecks.
      image_size: side of the crops in pixels; fixes the size of the last kernel.
      embed_dim: D.
      width: 64 is the published network; other widths follow it.
      dtype: of the computation; parameters, statistics and the embedding stay float32.
      rngs: initialisation keys.
    """

    remat = False  # see `layers.chain`

    def __init__(
        self,
        *,
        stage_sizes: tuple[int, int, int, int] = (1, 4, 6, 2),
        scale: int = 2,
        image_size: int = 112,
        embed_dim: int = 512,
        width: int = 64,
        dtype: Any = None,
        rngs: nnx.Rngs,
    ):
        options: dict[str, Any] = {"dtype": dtype, "rngs": rngs}
        thin, thick, last = width * scale, 2 * width * scale, 8 * width
        self.stem = ConvBlock(3, thin, 3, stride=2, **options)
        # A single first block is a grouped convolution instead.
        self.is_grouped = stage_sizes[0] == 1
        if self.is_grouped:
            self.first = ConvBlock(thin, thin, 3, groups=width, **options)
        blocks = []
        stages = (
            (thin, thin, None, 2 * width),
            (thin, thin, 2 * width, 2 * width),
            (thin, thick, 4 * width, 4 * width),
            (thick, thick, 8 * width, 4 * width),
        )
        for count, (features, out, halving, middle) in zip(
            stage_sizes, stages, strict=True
        ):
            if halving is not None:
                blocks.append(Bottleneck(features, out, halving, stride=2, **options))
            elif self.is_grouped:
                continue
            blocks.extend(
                Bottleneck(out, out, middle, stride=1, **options) for _ in range(count)
            )
        self.blocks = nnx.List(blocks)
        self.separate = ConvBlock(thick, last, 1, **options)
        map_size = -(-image_size // 16)
        self.pool = ConvBlock(
            last, last, map_size, groups=last, padding=0, is_linear=True, **options
        )
        self.fc = nnx.Linear(last, embed_dim, use_bias=False, **options)
        self.bn = layers.BatchNorm(embed_dim, rngs=rngs)

    def __call__(
        self, images: jax.Array, *, train: bool = False, key: jax.Array | None = None
    ) -> jax.Array:
        """Embeds crops; arguments and result as for `resnet.ResNet`; no dropout."""
        del key
        x = self.stem(images, train=train)
        if self.is_grouped:
            x = self.first(x, train=train)
        x = layers.chain(self.blocks, x, train=train, remat=self.remat)
        x = self.pool(self.separate(x, train=train), train=train)
        x = self.fc(x.reshape(x.shape[0], -1)).astype(jnp.float32)
        return self.bn(x, use_running_average=not train)
