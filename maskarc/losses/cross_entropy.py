"""Softmax cross-entropy, one value an example."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from maskarc import numerics
from maskarc.losses import margins


def softmax_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> jax.Array:
    """Negative log-probability of the label.

        ℓ[b] = log Σ_c exp(z[b, c]) − z[b, y[b]]

    Args:
      logits: float[..., C]; computed in float32.
      labels: int[...] in 0..C−1. A label outside that range gives log Σ exp z, as if
        its logit were 0: check labels before they reach the device.

    Returns:
      float32[...], ≥ 0 for labels in range. The caller takes the mean.

    Raises:
      ValueError: shapes that do not match.

    >>> softmax_cross_entropy(jnp.array([[0.0, 0.0]]), jnp.array([1]))
    Array([0.6931472], dtype=float32)
    """
    if jnp.shape(labels) != jnp.shape(logits)[:-1]:
        raise ValueError(
            "expected logits [..., C] and labels [...], got "
            f"{jnp.shape(logits)} and {jnp.shape(labels)}"
        )
    logits = numerics.widen(logits)
    is_label = margins.is_target(labels, logits.shape[-1])
    target = jnp.sum(jnp.where(is_label, logits, 0.0), axis=-1)
    return jax.nn.logsumexp(logits, axis=-1) - target
