"""Cross-entropy over a sample of the classes: all that occur, and random negatives."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from maskarc.losses import blocks, blockwise, margins
from maskarc.losses import labels as labels_lib


def sample_classes(
    key: jax.Array,
    labels: ArrayLike,
    *,
    num_classes: int,
    num_samples: int,
    where: ArrayLike | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Chooses the classes that labels name, and others at random, without repetition.

    To keep a gradient of all prototypes from being made, gather the rows first and
    differentiate with respect to them:

        rows = prototypes[classes]
        gradient = jax.grad(loss)(rows, labels_among_rows)
        prototypes = prototypes.at[classes].add(-learning_rate * gradient)

    Args:
      key: a jax key, new for every step.
      labels: int[...]; a value outside 0..C−1 names a class that is not here.
      num_classes: C.
      num_samples: S ≤ C, at least the number of labels (or C, if that is less).
      where: bool[C], which classes exist; others come last, if there are too few.

    Returns:
      The classes int32[S], ascending, and for each label its position among them,
      int32[...], or −1.

    Raises:
      TypeError: labels that are not integers.
      ValueError: a number of samples out of range.

    >>> classes, positions = sample_classes(
    ...     jax.random.key(0), jnp.array([7, 2, 7]), num_classes=10, num_samples=4)
    >>> classes[positions].tolist()
    [7, 2, 7]

    References:
      An et al., "Killing Two Birds with One Stone: Efficient and Robust Training of
      Face Recognition CNNs by Partial FC", CVPR 2022.
    """
    labels_lib.check(labels, jnp.shape(labels))
    labels = labels_lib.as_signed(labels)
    least = min(labels.size, num_classes)
    if not least <= num_samples <= num_classes or num_samples < 1:
        raise ValueError(
            f"expected {max(1, least)}..{num_classes} samples, so that every label has "
            f"room, got {num_samples}"
        )
    rank = jax.random.uniform(key, (num_classes,))
    if where is not None:
        rank = jnp.where(where, rank, -1.0)
    is_here = labels_lib.is_valid(labels, num_classes)
    # An index beyond the end is dropped by the scatter; −1 would count from the end.
    named = jnp.where(is_here, labels, num_classes).reshape(-1)
    rank = rank.at[named].set(2.0, mode="drop")
    classes = jnp.sort(lax.top_k(rank, num_samples)[1])
    positions = jnp.searchsorted(classes, labels).astype(jnp.int32)
    return classes, jnp.where(is_here, positions, -1)


def sampled_cross_entropy(
    key: jax.Array,
    embeddings: ArrayLike,
    prototypes: ArrayLike,
    labels: ArrayLike,
    *margin_args: Any,
    num_samples: int,
    logits_fn: blocks.LogitsFn = margins.arcface_logits,
    block_size: int = blocks.BLOCK_SIZE,
    where: ArrayLike | None = None,
    axis_name: str | None = None,
    with_cosines: bool = False,
) -> jax.Array | blockwise.Classified:
    """`blockwise_cross_entropy` over a sample of the classes ("Partial FC").

    Args:
      key: a jax key, new for every step; each device of `axis_name` draws its own
        sample from it.
      embeddings: float[..., D], of any length.
      prototypes: float[C, D] or float[C, K, D].
      labels: int[...] in 0..C−1; as in `blockwise_cross_entropy`.
      *margin_args, logits_fn, block_size, axis_name: as there.
      with_cosines: as there; `top` is the largest cosine to a class of the sample.
      num_samples: S, classes to compare with, as in `sample_classes`; those of one
        device, if there is an axis.
      where: bool[C], which classes exist.

    Returns:
      float32[...]: the loss over S classes. With S = C, that of all.

    Raises:
      TypeError, ValueError: as `blockwise_cross_entropy` and `sample_classes`.

    >>> key, x, w, y = jax.random.key(0), jnp.eye(4)[:2], jnp.eye(4), jnp.array([0, 1])
    >>> sampled_cross_entropy(key, x, w, y, num_samples=3).round(3)
    Array([0., 0.], dtype=float32)

    References:
      An et al., "Killing Two Birds with One Stone: Efficient and Robust Training of
      Face Recognition CNNs by Partial FC", CVPR 2022.
    """
    settings = blocks.Settings(logits_fn, block_size, axis_name)
    head = blocks.head(embeddings, prototypes, labels, where, margin_args, settings)
    if axis_name is not None:
        key = jax.random.fold_in(key, lax.axis_index(axis_name))
    classes, positions = sample_classes(
        key,
        head.labels,
        num_classes=head.prototypes.shape[0],
        num_samples=num_samples,
        where=head.exists,
    )
    sample = head._replace(
        prototypes=head.prototypes[classes],
        labels=positions,
        exists=None if head.exists is None else head.exists[classes],
    )
    classified = blockwise.cross_entropy(settings, sample)
    return classified if with_cosines else classified.loss
