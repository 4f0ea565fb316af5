"""An SGD step of the prototypes inside the backward pass of the blockwise loss."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from maskarc import numerics
from maskarc.losses import blocks, margins


class HeadUpdate(NamedTuple):
    """What `blockwise_sgd` returns.

    Attributes:
      loss: float32[...], as of `blockwise_cross_entropy`.
      embeddings: gradient of Σ weight · loss with respect to the embeddings.
      margin_args: the same with respect to the margin arguments.
      prototypes: the new prototypes.
      velocity: the new velocity.
    """

    loss: jax.Array
    embeddings: jax.Array
    margin_args: tuple[Any, ...]
    prototypes: jax.Array
    velocity: jax.Array


def blockwise_sgd(
    embeddings: ArrayLike,
    prototypes: ArrayLike,
    velocity: ArrayLike,
    labels: ArrayLike,
    *margin_args: Any,
    learning_rate: ArrayLike,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    weights: ArrayLike | None = None,
    logits_fn: blocks.LogitsFn = margins.arcface_logits,
    block_size: int = blocks.BLOCK_SIZE,
    where: ArrayLike | None = None,
    axis_name: str | None = None,
) -> HeadUpdate:
    """Loss, gradient of the embeddings, and an SGD step of the prototypes, in one.

        g = ∂ Σ_b weight[b] ℓ[b] / ∂w + weight_decay · w
        v ← momentum · v + g
        w ← w − learning_rate · v

    Each block of prototypes is updated as soon as its gradient is known, so that no
    gradient [C, D] is ever held. Under a `jax.jit` that donates `prototypes` and
    `velocity` both are updated in place. The step is that of optax's
    ``chain(add_decayed_weights(weight_decay), sgd(learning_rate, momentum))``.
    Clipping by a global norm cannot be had in one pass.

    Args:
      embeddings: float[..., D]; feed the gradient returned to the backbone's vjp.
      prototypes: float[C, D] or float[C, K, D].
      velocity: float, of the prototypes' shape; zeros at the start.
      labels: int[...] in 0..C−1.
      *margin_args, logits_fn, block_size, where, axis_name: as in
        `blockwise_cross_entropy`.
      learning_rate: float[] > 0.
      momentum: in [0, 1).
      weight_decay: ≥ 0; the default is ArcFace's.
      weights: float[...], of the loss of each example; by default 1 / their number.

    Returns:
      The update. Inside a shard_map that splits the batch as well, the gradients of
      the prototypes are summed over its devices: give weights that count all examples.

    Raises:
      TypeError: labels that are not integers.
      ValueError: as `blockwise_cross_entropy`, or a velocity of another shape.

    >>> x, w, y = jnp.array([[1.0, 1.0]]), jnp.eye(2), jnp.array([0])
    >>> update = blockwise_sgd(x, w, jnp.zeros((2, 2)), y, learning_rate=0.01)
    >>> update.prototypes[0].round(2)
    Array([1.  , 0.61], dtype=float32)
    """
    if jnp.shape(velocity) != jnp.shape(prototypes):
        raise ValueError(
            f"expected a velocity of the prototypes' shape {jnp.shape(prototypes)}, "
            f"got {jnp.shape(velocity)}"
        )
    settings = blocks.Settings(logits_fn, block_size, axis_name)

    def prepare(embeddings, margin_args):
        head = blocks.head(embeddings, prototypes, labels, where, margin_args, settings)
        return (head.directions, head.margin_args), head

    _, pull, head = jax.vjp(prepare, embeddings, margin_args, has_aux=True)
    swept = blocks.forward(settings, head)
    loss, is_known = swept.loss, swept.is_known
    if weights is None:
        weights = jnp.full(head.labels.shape, 1 / max(1, head.labels.size))

    def read(pair, start, size):
        return tuple(blocks.read(whole, start, size) for whole in pair)

    def step(w, v, gradient):
        new_v = momentum * numerics.widen(v) + gradient
        new_v += weight_decay * numerics.widen(w)
        new_w = numerics.widen(w) - learning_rate * new_v
        return new_w.astype(w.dtype), new_v.astype(v.dtype)

    def write(pair, start, gradient, w, v):
        # Always true, but XLA cannot know: it would merge the step into the writing,
        # read both arrays while it writes both, and copy them for that, block by block.
        always = is_known.sum() >= 0
        rows = lax.cond(always, step, lambda w, v, _: (w, v), w, v, gradient)
        return tuple(
            blocks.write(whole, start, new)
            for whole, new in zip(pair, rows, strict=True)
        )

    *gradients, (new_prototypes, new_velocity) = blocks.backward(
        settings,
        head,
        swept.normalizer,
        jnp.where(is_known, jnp.asarray(weights), 0),
        (head.prototypes, jnp.asarray(velocity)),
        read,
        write,
    )
    to_embeddings, to_margin_args = pull(tuple(gradients))
    return HeadUpdate(loss, to_embeddings, to_margin_args, new_prototypes, new_velocity)
