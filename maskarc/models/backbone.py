"""The functional boundary: outside this package a model is two pytrees of arrays."""

import dataclasses
import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from maskarc.models import (
    dlib_resnet,
    iresnet,
    layers,
    mobilefacenet,
    resnet,
    small_cnn,
)

# Name → constructor of an nnx module that maps [B, S, S, 3] to [B, D].
MODELS: dict[str, functools.partial[Any]] = {
    "resnet18": functools.partial(
        resnet.ResNet, stage_sizes=(2, 2, 2, 2), block=resnet.BasicBlock
    ),
    "resnet34": functools.partial(
        resnet.ResNet, stage_sizes=(3, 4, 6, 3), block=resnet.BasicBlock
    ),
    "resnet50": functools.partial(
        resnet.ResNet, stage_sizes=(3, 4, 6, 3), block=resnet.Bottleneck
    ),
    "resnet101": functools.partial(
        resnet.ResNet, stage_sizes=(3, 4, 23, 3), block=resnet.Bottleneck
    ),
    "iresnet18": functools.partial(iresnet.IResNet, stage_sizes=(2, 2, 2, 2)),
    "iresnet34": functools.partial(iresnet.IResNet, stage_sizes=(3, 4, 6, 3)),
    "iresnet50": functools.partial(iresnet.IResNet, stage_sizes=(3, 4, 14, 3)),
    "iresnet100": functools.partial(iresnet.IResNet, stage_sizes=(3, 13, 30, 3)),
    "iresnet50_se": functools.partial(
        iresnet.IResNet, stage_sizes=(3, 4, 14, 3), squeeze=True
    ),
    "iresnet100_se": functools.partial(
        iresnet.IResNet, stage_sizes=(3, 13, 30, 3), squeeze=True
    ),
    "dlib_resnet29": functools.partial(dlib_resnet.DlibResNet),
    "mbf": functools.partial(mobilefacenet.MobileFaceNet),
    "mbf_large": functools.partial(
        mobilefacenet.MobileFaceNet, stage_sizes=(2, 8, 12, 4), scale=4
    ),
    "small_cnn": functools.partial(small_cnn.SmallCNN),
}

# Nested dicts of arrays.
Params = Any
Stats = Any


def preprocess(crops: ArrayLike) -> jax.Array:
    """uint8[..., S, S, 3] crops → float32 in [−1, 1]: (x − 127.5) / 127.5."""
    return (jnp.asarray(crops, jnp.float32) - 127.5) / 127.5


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network as pure functions of its parameters and BatchNorm statistics.

    Attributes:
      name: key in `MODELS`.
      options: the constructor's keyword arguments, which with the name rebuild it.
      norm_groups: in training, parts of a batch with BatchNorm statistics of their own
        (`layers.BatchNorm`).
      norm_axis: in training under `jax.pmap`, axis over which they are shared.
      remat: in training, compute the insides of blocks again in the backward pass
        (`layers.chain`).
    """

    name: str
    options: tuple[tuple[str, Any], ...]
    norm_groups: int = 1
    norm_axis: str | None = None
    remat: bool = False

    def option(self, name: str) -> Any:
        """A keyword argument of the model: the one given, or its default."""
        constructor = MODELS[self.name]
        parameters = inspect.signature(constructor.func.__init__).parameters
        defaults = {key: value.default for key, value in parameters.items()}
        return {**defaults, **constructor.keywords, **dict(self.options)}[name]

    @property
    def image_size(self) -> int:
        """Side of the crops in pixels."""
        return int(self.option("image_size"))

    @property
    def embed_dim(self) -> int:
        """D."""
        return int(self.option("embed_dim"))

    def _build(self, rngs: nnx.Rngs) -> Any:
        model = MODELS[self.name](**dict(self.options), rngs=rngs)
        model.remat = self.remat
        for _, module in nnx.iter_graph(model):
            if isinstance(module, layers.BatchNorm):
                module.groups, module.axis_name = self.norm_groups, self.norm_axis
        return model

    @functools.cached_property
    def _structure(self) -> tuple[nnx.GraphDef, nnx.State, nnx.State]:
        abstract = nnx.eval_shape(lambda: self._build(nnx.Rngs(0)))
        return _split(abstract)

    def shapes(self) -> tuple[Params, Stats]:
        """What `init` gives, as `jax.ShapeDtypeStruct`s: nothing is allocated."""
        _, params, stats = self._structure
        return nnx.to_pure_dict(params), nnx.to_pure_dict(stats)

    def init(self, key: jax.Array) -> tuple[Params, Stats]:
        """Fresh parameters and statistics, as nested dicts of float32 arrays."""
        model = self._build(nnx.Rngs(params=key))
        _, params, stats = _split(model)
        return nnx.to_pure_dict(params), nnx.to_pure_dict(stats)

    def apply(
        self,
        params: Params,
        stats: Stats,
        images: ArrayLike,
        *,
        train: bool = False,
        key: jax.Array | None = None,
    ) -> tuple[jax.Array, Stats]:
        """Embeds crops; pure, so that it can be jitted and differentiated.

        Args:
          params: from `init` or a checkpoint.
          stats: BatchNorm statistics, likewise.
          images: uint8[B, S, S, 3] crops, or float already in [−1, 1].
          train: use batch statistics and dropout, and return updated statistics.
          key: a jax key for dropout, when training.

        Returns:
          (float32[B, D] embeddings, not normalised; the statistics).
        """
        model = self._merged(params, stats)
        embeddings = model(_as_input(images), train=train, key=key)
        if not train:
            return embeddings, stats
        return embeddings, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))

    def features(self, params: Params, stats: Stats, images: ArrayLike) -> jax.Array:
        """What the head sees, at inference: the trunk's map, or its mean.

        Args:
          params: from `init` or a checkpoint.
          stats: likewise.
          images: as for `apply`.

        Returns:
          float[B, h, w, F], or float[B, F] of a "dlib_resnet29".

        Raises:
          AttributeError: the model has no such place ("mbf").
        """
        return self._merged(params, stats).features(_as_input(images))

    def _merged(self, params: Params, stats: Stats) -> Any:
        graphdef, abstract_params, abstract_stats = self._structure
        return nnx.merge(
            graphdef, _filled(abstract_params, params), _filled(abstract_stats, stats)
        )


def _as_input(images: ArrayLike) -> jax.Array:
    images = jnp.asarray(images)
    return preprocess(images) if images.dtype == jnp.uint8 else images


def _split(model: nnx.Module) -> tuple[nnx.GraphDef, nnx.State, nnx.State]:
    """Structure, parameters and BatchNorm statistics; a model holds nothing else."""
    graphdef, *states = nnx.split(model, nnx.Param, nnx.BatchStat)
    params, stats = states
    return graphdef, params, stats


def _filled(abstract: nnx.State, values: Any) -> nnx.State:
    state = jax.tree.map(lambda leaf: leaf, abstract)  # a copy; the original is cached
    nnx.replace_by_pure_dict(state, values)
    return state


def create(name: str, **options: Any) -> Backbone:
    """Describes a backbone; nothing is allocated until `Backbone.init`.

    Args:
      name: a key of `MODELS`.
      **options: the model's keyword arguments, such as embed_dim, image_size, width,
        stem, dropout, dtype (`maskarc.models.resnet.ResNet`).

    Raises:
      ValueError: an unknown name or option, with the valid ones.
    """
    valid = options_of(name)
    if unknown := set(options) - valid:
        raise ValueError(f"unknown options {sorted(unknown)}; expected {sorted(valid)}")
    return Backbone(name=name, options=tuple(sorted(options.items())))


def options_of(name: str) -> set[str]:
    """The keyword arguments that a model takes.

    Raises:
      ValueError: an unknown name, with the valid ones.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; expected one of {sorted(MODELS)}")
    constructor = MODELS[name]
    parameters = inspect.signature(constructor.func.__init__).parameters
    return set(parameters) - {"self", "rngs", *constructor.keywords}
