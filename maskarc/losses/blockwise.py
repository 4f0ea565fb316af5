"""Softmax cross-entropy over cosines that are computed block by block."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from maskarc import numerics
from maskarc.losses import blocks, margins
from maskarc.losses import labels as labels_lib


class Classified(NamedTuple):
    """A loss, and what the cosines before the margin say; float32[...] each.

    Attributes:
      loss: the cross-entropy.
      own: cosine to the own prototype; no gradient.
      top: the largest cosine to any class: equal to `own` where the example is
        classified right; no gradient.
    """

    loss: jax.Array
    own: jax.Array
    top: jax.Array


def blockwise_cross_entropy(
    embeddings: ArrayLike,
    prototypes: ArrayLike,
    labels: ArrayLike,
    *margin_args: Any,
    logits_fn: blocks.LogitsFn = margins.arcface_logits,
    block_size: int = blocks.BLOCK_SIZE,
    where: ArrayLike | None = None,
    axis_name: str | None = None,
    with_cosines: bool = False,
) -> jax.Array | Classified:
    """`softmax_cross_entropy` of margin logits, without holding the logits.

        ℓ[b] = log Σ_c exp(z[b, c]) − z[b, y[b]],   z = logits_fn(cosines, labels)

    Memory beside arguments and gradients is a few blocks, whatever the number of
    classes. The price is one more product of embeddings and prototypes, in the
    backward pass. Only reverse-mode differentiation, once, is supported.

    Args:
      embeddings: float[..., D], of any length.
      prototypes: float[C, D], or float[C, K, D] for sub-centres. They may be bfloat16:
        each block is widened.
      labels: int[...] in 0..C−1. Outside `jax.jit`, another value is an error; inside,
        such an example has loss 0 and gradient 0.
      *margin_args: further positional arguments of `logits_fn`, pytrees of float
        arrays, such as the norms and statistics of `adaface_logits`. Gradients flow to
        them, but not to arrays that `logits_fn` closes over.
      logits_fn: a margin, such as ``functools.partial(arcface_logits, margin=0.4)``.
        It is called with the cosines to one block of classes, and labels that count
        from the block's start: out of range where the label is in another block.
      block_size: classes a block.
      where: bool[C], which classes exist.
      axis_name: mesh axis over which the classes are split, inside `jax.shard_map` or
        `jax.pmap`. `prototypes` and `where` are then this device's part, equally large
        everywhere; labels count through all parts, and embeddings and labels are the
        same along the axis. Differentiate inside the mapped function, or from outside
        a shard_map that tracks replication (``check_vma=True``, the default).
      with_cosines: return `Classified`, which costs next to nothing.

    Returns:
      float32[...], the same along the axis.

    Raises:
      TypeError: labels that are not integers.
      ValueError: shapes that do not match, a label out of range, or a block size < 1.

    >>> x, w, y = jnp.array([[1.0, 1.0, 0.0]]), jnp.eye(3), jnp.array([0])
    >>> blockwise_cross_entropy(x, w, y, block_size=2).round(1)
    Array([27.2], dtype=float32)
    """
    settings = blocks.Settings(logits_fn, block_size, axis_name)
    head = blocks.head(embeddings, prototypes, labels, where, margin_args, settings)
    classified = cross_entropy(settings, head)
    return classified if with_cosines else classified.loss


def label_cosines(
    embeddings: ArrayLike,
    prototypes: ArrayLike,
    labels: ArrayLike,
    *,
    axis_name: str | None = None,
) -> jax.Array:
    """Cosines to the own prototypes alone, for margins that need them beforehand.

    One row of prototypes is gathered for each example.

    Args:
      embeddings: float[..., D].
      prototypes: float[C, D] or float[C, K, D].
      labels: int[...] in 0..C−1.
      axis_name: as in `blockwise_cross_entropy`.

    Returns:
      float32[...]; 0 for a label out of range inside `jax.jit`.

    Raises:
      TypeError, ValueError: as `blockwise_cross_entropy`.

    >>> label_cosines(jnp.array([[3.0, 0.0]]), jnp.eye(2), jnp.array([0]))
    Array([1.], dtype=float32)
    """
    settings = blocks.Settings(margins.arcface_logits, 1, axis_name)
    head = blocks.head(embeddings, prototypes, labels, None, (), settings)
    rows = jnp.take(head.prototypes, head.labels, axis=0, mode="clip")
    rows = numerics.normalize(rows)
    if rows.ndim == head.directions.ndim:
        cosines = jnp.einsum("...d,...d->...", head.directions, rows)
    else:
        cosines = jnp.einsum("...d,...kd->...k", head.directions, rows).max(axis=-1)
    is_here = labels_lib.is_valid(head.labels, head.prototypes.shape[0])
    cosines = jnp.where(is_here, cosines, 0)
    return cosines if axis_name is None else lax.psum(cosines, axis_name)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def cross_entropy(settings: blocks.Settings, head: blocks.Head) -> Classified:
    """The loss of a head that is checked and normalised."""
    classified, _ = _forward(settings, head)
    return classified


def _forward(settings, head):
    swept = blocks.forward(settings, head)
    classified = Classified(swept.loss, swept.own, swept.top)
    return classified, (head, swept.normalizer, swept.is_known)


def _backward(settings, residuals, cotangents):
    head, normalizer, is_known = residuals
    to_directions, to_margin_args, to_prototypes = blocks.backward(
        settings,
        head,
        normalizer,
        jnp.where(is_known, cotangents.loss, 0),
        jnp.zeros_like(head.prototypes),
        lambda _, start, size: (blocks.read(head.prototypes, start, size),),
        lambda whole, start, gradient, _: blocks.write(whole, start, gradient),
    )
    none: Any = None  # no gradient of integers and booleans
    return (blocks.Head(to_directions, to_prototypes, none, none, to_margin_args),)


cross_entropy.defvjp(_forward, _backward)
