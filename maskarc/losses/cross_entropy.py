"""Softmax cross-entropy over logits that are held as a whole, one value an example."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from maskarc import numerics
from maskarc.losses import labels as labels_lib


def softmax_cross_entropy(
    logits: ArrayLike, labels: ArrayLike, *, where: ArrayLike | None = None
) -> jax.Array:
    """Negative log-probability of the label.

        ℓ[b] = log Σ_c exp(z[b, c]) − z[b, y[b]]

    Works unchanged where jit shards the class axis: every step is a comparison or a
    reduction, no gather. For class counts whose logits do not fit, see
    `blockwise_cross_entropy`.

    Args:
      logits: float[..., C]; computed in float32.
      labels: int[...] in 0..C−1. Outside `jax.jit`, another value is an error; inside,
        such an example has loss 0 and gradient 0, so that −1 can mark padding.
      where: bool[C] or bool[..., C], which classes exist; those padded to divide the
        class axis evenly do not. The label of an example must exist, or it counts as
        out of range.

    Returns:
      float32[...], ≥ 0. The caller takes the mean.

    Raises:
      TypeError: labels that are not integers.
      ValueError: shapes that do not match, or a label out of range.

    >>> softmax_cross_entropy(jnp.array([[0.0, 0.0]]), jnp.array([1]))
    Array([0.6931472], dtype=float32)
    """
    logits = numerics.widen(logits)
    labels_lib.check(labels, logits.shape[:-1])
    labels_lib.check_range(labels, logits.shape[-1])
    is_target = labels_lib.is_target(labels, logits.shape[-1])
    if where is not None:
        exists = jnp.broadcast_to(
            jax.lax.broadcast_to_rank(jnp.asarray(where), logits.ndim), logits.shape
        )
        logits = jnp.where(exists, logits, -jnp.inf)
        is_target &= exists
    target = jnp.sum(jnp.where(is_target, logits, 0.0), axis=-1)
    loss = jax.nn.logsumexp(logits, axis=-1) - target
    return jnp.where(is_target.any(axis=-1), loss, 0.0)
