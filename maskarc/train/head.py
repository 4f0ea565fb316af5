"""The classes' side of training: prototypes, margin loss, and what it keeps track of.

On a mesh with the axes "data" and "classes" each device holds its part of the
prototypes and of the logits, whichever form the loss is computed in.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from maskarc import losses

Statistics = Any


class Examples(NamedTuple):
    """What margins may go by, beside the cosines to all classes.

    Attributes:
      norms: float32[B], lengths of the embeddings.
      own: float32[B], cosines to the own prototypes.
    """

    norms: jax.Array
    own: jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loss:
    """A margin loss.

    Attributes:
      logits: (cosines, labels, *arguments, margin=, scale=) → logits.
      start: statistics at the beginning of training.
      update: (statistics, examples) → statistics, before each loss.
      arguments: (statistics, examples, margin, key) → further arguments of `logits`.
      penalty: examples → float32[B], added to the loss.
      needs_own: whether `Examples.own` is read, which costs a little in blocks.
      margins: the interval in which its margin lies, such as "[0, 1)".
      least: examples that its statistics take.
    """

    logits: Callable[..., jax.Array]
    start: Callable[[], Statistics] = tuple
    update: Callable[[Statistics, Examples], Statistics] = lambda statistics, _: (
        statistics
    )
    arguments: Callable[..., tuple[Any, ...]] = lambda *_: ()
    penalty: Callable[[Examples], jax.Array] | None = None
    needs_own: bool = False
    margins: str = "[0, 3.14159]"
    least: int = 1


def _elastic(_, examples: Examples, margin: float, key: jax.Array) -> tuple[Any, ...]:
    return (losses.elastic_margins(key, examples.norms.shape, margin=margin),)


# Name → loss. "magface" and "norm_softmax" have margins of their own, or none.
LOSSES = {
    "norm_softmax": Loss(
        logits=lambda *a, margin, scale: losses.norm_softmax_logits(*a, scale=scale)
    ),
    "sphereface": Loss(logits=losses.sphereface_logits, margins="[1, 100]"),
    "cosface": Loss(logits=losses.cosface_logits, margins="[0, 2]"),
    "arcface": Loss(logits=losses.arcface_logits),
    "arcface_straight_through": Loss(
        logits=functools.partial(losses.arcface_logits, straight_through=True)
    ),
    "li_arcface": Loss(logits=losses.li_arcface_logits),
    "adaface": Loss(
        logits=losses.adaface_logits,
        start=losses.adaface_init,
        update=lambda statistics, x: losses.adaface_update(statistics, x.norms),
        arguments=lambda statistics, x, *_: (x.norms, statistics),
        least=2,
    ),
    "curricularface": Loss(
        logits=losses.curricularface_logits,
        start=lambda: jnp.float32(0),
        update=lambda progress, x: losses.curricularface_update(progress, x.own),
        arguments=lambda progress, x, *_: (progress, x.own),
        needs_own=True,
    ),
    "elasticface": Loss(
        logits=lambda cosines, labels, margins, *, margin, scale: losses.arcface_logits(
            cosines, labels, margin=margins, scale=scale
        ),
        arguments=_elastic,
    ),
    "magface": Loss(
        logits=lambda *a, margin, scale: losses.magface_logits(*a, scale=scale),
        arguments=lambda _, x, *__: (x.norms,),
        penalty=lambda x: 35.0 * losses.magface_regularizer(x.norms),
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Head:
    """A classifier of embeddings, as pure functions.

    Attributes:
      num_classes: C.
      embed_dim: D.
      loss: a key of `LOSSES`.
      margin: of the loss; in radians for those that add an angle.
      scale: radius of the hypersphere.
      sub_centers: K, prototypes a class.
      form: "dense" or "blockwise".
      class_sample: share of the classes compared with; below 1 always in blocks.
      mesh: devices with axes "data" and "classes", or None for one device.
    """

    num_classes: int
    embed_dim: int
    loss: str = "arcface"
    margin: float = 0.5
    scale: float = 64.0
    sub_centers: int = 1
    form: str = "dense"
    class_sample: float = 1.0
    mesh: Mesh | None = None

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(
                f"unknown loss {self.loss!r}; expected one of {', '.join(LOSSES)}"
            )

    @property
    def padded_classes(self) -> int:
        """C, rounded up to a multiple of the devices that share the classes."""
        shards = 1 if self.mesh is None else self.mesh.shape["classes"]
        return -(-self.num_classes // shards) * shards

    def init(self, key: jax.Array) -> jax.Array:
        """Prototypes float32[C', D], or [C', K, D], from N(0, 0.01²), as in ArcFace.

        Rows that pad C to C' are zero and stay so: they are in no loss. The others are
        the same for any C'.
        """
        middle = (self.sub_centers,) if self.sub_centers > 1 else ()
        shape = (self.padded_classes, *middle, self.embed_dim)
        exists = self._exists().reshape(-1, *(1 for _ in shape[1:]))
        return jnp.where(exists, 0.01 * jax.random.normal(key, shape), 0.0)

    def start(self) -> Statistics:
        """The loss's statistics at the beginning of training."""
        return LOSSES[self.loss].start()

    def __call__(
        self,
        embeddings: jax.Array,
        prototypes: jax.Array,
        labels: jax.Array,
        statistics: Statistics,
        key: jax.Array,
    ) -> tuple[losses.Classified, Statistics]:
        """The loss of each example.

        Args:
          embeddings: float32[B, D], of any length.
          prototypes: from `init`.
          labels: int32[B] in 0..C−1.
          statistics: from `start`, or the last call.
          key: for margins and samples that are drawn.

        Returns:
          The loss and the cosines before the margin, and the new statistics.
        """
        loss = LOSSES[self.loss]
        margin_key, sample_key = jax.random.split(key)
        if self.mesh is not None:
            split = NamedSharding(self.mesh, P("data"))
            embeddings = jax.lax.with_sharding_constraint(embeddings, split)
            labels = jax.lax.with_sharding_constraint(labels, split)
        is_dense = self.form == "dense" and self.class_sample >= 1
        own = jnp.zeros(labels.shape)
        if is_dense:
            cosines = losses.cosine_logits(embeddings, prototypes)
            own = losses.target_cosines(cosines, labels)
        elif loss.needs_own:
            own = self._own(embeddings, prototypes, labels)
        norms = jnp.sqrt(jnp.sum(embeddings * embeddings, axis=-1) + 1e-12)
        examples = Examples(norms, own)
        statistics = loss.update(statistics, jax.lax.stop_gradient(examples))
        arguments = loss.arguments(statistics, examples, self.margin, margin_key)
        if is_dense:
            logits = self._logits(cosines, labels, *arguments)
            values = losses.softmax_cross_entropy(logits, labels, where=self._exists())
            top = jnp.where(self._exists()[None], cosines, -jnp.inf).max(axis=-1)
            classified = losses.Classified(values, own, top)
        else:
            classified = self._by_blocks(
                sample_key, embeddings, prototypes, labels, arguments
            )
        if loss.penalty is not None:
            total = classified.loss + loss.penalty(examples)
            classified = classified._replace(loss=total)
        return classified, statistics

    def _exists(self) -> jax.Array:
        return jnp.arange(self.padded_classes) < self.num_classes

    def _logits(self, cosines, labels, *arguments) -> jax.Array:
        logits = LOSSES[self.loss].logits
        return logits(cosines, labels, *arguments, margin=self.margin, scale=self.scale)

    def _own(self, embeddings, prototypes, labels) -> jax.Array:
        own = self._split(losses.label_cosines, P("data"), P("classes"), P("data"))
        return own(embeddings, prototypes, labels)

    def _by_blocks(
        self, key, embeddings, prototypes, labels, arguments
    ) -> losses.Classified:
        def loss(key, x, w, y, exists, *arguments, axis_name=None):
            options: dict[str, Any] = {
                "logits_fn": self._logits,
                "where": exists,
                "axis_name": axis_name,
                "with_cosines": True,
            }
            if self.class_sample >= 1:
                return losses.blockwise_cross_entropy(x, w, y, *arguments, **options)
            if axis_name is not None:
                key = jax.random.fold_in(key, jax.lax.axis_index("data"))
            # Every label has room, whatever the share.
            least = min(len(y), len(w))
            return losses.sampled_cross_entropy(
                key,
                x,
                w,
                y,
                *arguments,
                num_samples=max(round(self.class_sample * len(w)), least),
                **options,
            )

        of_arguments = jax.tree.map(lambda a: P("data") if a.ndim else P(), arguments)
        batch, classes = P("data"), P("classes")
        split = self._split(loss, P(), batch, classes, batch, classes, *of_arguments)
        exists = self._exists()
        return split(key, embeddings, prototypes, labels, exists, *arguments)

    def _split(self, function: Callable[..., Any], *specs: Any) -> Callable[..., Any]:
        """The function on each device's part of the batch and of the classes."""
        if self.mesh is None:
            return function
        return jax.shard_map(
            functools.partial(function, axis_name="classes"),
            mesh=self.mesh,
            in_specs=specs,
            out_specs=P("data"),
        )
