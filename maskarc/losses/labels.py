"""Class labels: which column of the logits belongs to each example."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


def as_signed(labels: ArrayLike) -> jax.Array:
    """Labels as int32 or wider: an unsigned or short type cannot count all classes."""
    labels = jnp.asarray(labels)
    return labels.astype(jnp.promote_types(labels.dtype, jnp.int32))


def is_target(labels: ArrayLike, num_classes: int) -> jax.Array:
    """bool[..., C], true at each label; all false for a label outside 0..C−1.

    A comparison, not a gather: it stays local where the class axis is sharded.

    >>> is_target(jnp.array([1, -1]), 2).tolist()
    [[False, True], [False, False]]
    """
    labels = as_signed(labels)[..., None]
    classes = jax.lax.broadcasted_iota(
        labels.dtype, (*labels.shape[:-1], num_classes), labels.ndim - 1
    )
    return labels == classes


def is_valid(labels: ArrayLike, num_classes: int) -> jax.Array:
    """bool[...], whether a label lies in 0..C−1."""
    labels = as_signed(labels)
    return (labels >= 0) & (labels < num_classes)


def check(labels: ArrayLike, shape: tuple[int, ...]) -> None:
    """Refuses labels that are not one integer an example.

    Raises:
      TypeError: labels that are not integers.
      ValueError: another shape than that of the examples.
    """
    if jnp.shape(labels) != shape:
        raise ValueError(
            f"expected one label an example, labels {shape}, got {jnp.shape(labels)}"
        )
    if not jnp.issubdtype(jnp.result_type(labels), jnp.integer):
        raise TypeError(f"expected integer labels, got {jnp.result_type(labels)}")


def check_range(labels: ArrayLike, num_classes: int) -> None:
    """Refuses labels that name no class, where their values are known.

    They are not inside `jax.jit` and other transformations; each loss documents what
    such a label does there.

    Raises:
      ValueError: a label outside 0..C−1.
    """
    if isinstance(labels, jax.core.Tracer):
        return
    values = np.asarray(labels)
    wrong = np.argwhere((values < 0) | (values >= num_classes))
    if wrong.size:
        first = tuple(wrong[0].tolist())
        raise ValueError(
            f"expected labels in 0..{num_classes - 1}, got {values[first]} at index "
            f"{first} ({len(wrong)} of {values.size} are out of range); filter or "
            "remap them in the data pipeline"
        )
