"""A network that compiles in a second, smooth so that rounding stays rounding."""

import functools
from typing import Any

import jax
from flax import nnx

from maskarc import models
from maskarc.models import layers
from maskarc.train import config


class Block(nnx.Module):
    """A convolution, BatchNorm and a smooth activation."""

    def __init__(self, features: int, out: int, *, rngs: nnx.Rngs):
        self.conv = layers.conv(features, out, 3, stride=2, rngs=rngs)
        self.bn = layers.BatchNorm(out, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return nnx.gelu(self.bn(self.conv(x), use_running_average=not train))


class Tiny(nnx.Module):
    """Two blocks and the embedding head."""

    remat = False

    def __init__(
        self,
        *,
        image_size: int = 32,
        embed_dim: int = 16,
        dropout: float = 0.0,
        dtype: Any = None,
        rngs: nnx.Rngs,
    ):
        self.blocks = nnx.List([Block(3, 8, rngs=rngs), Block(8, 8, rngs=rngs)])
        self.head = layers.EmbeddingHead(
            image_size // 4, 8, embed_dim, dropout=dropout, dtype=dtype, rngs=rngs
        )

    def __call__(
        self, images: jax.Array, *, train: bool = False, key: jax.Array | None = None
    ) -> jax.Array:
        x = layers.chain(self.blocks, images, train=train, remat=self.remat)
        return self.head(x, train=train, key=key)


def register() -> None:
    """Makes it a model like others, in this process."""
    models.MODELS["tiny"] = functools.partial(Tiny)


SETTINGS = config.TrainConfig(
    source="synthetic",
    num_identities=5,
    photos_per_identity=8,
    model="tiny",
    image_size=32,
    embed_dim=16,
    dropout=0.0,
    margin=0.2,
    scale=8.0,
    batch_size=16,
    steps=5,
    learning_rate=0.02,
    schedule="constant",
    log_every=1,
    checkpoint_every=3,
)
