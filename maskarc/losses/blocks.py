"""The engine of the blockwise losses: sweeps over the classes, block by block.

The forward sweep keeps a running maximum and sum, the backward sweep computes each
block's cosines again; no array has both a batch and a class axis, but for one block.
Where the classes are split over a mesh axis, each device sweeps over its part.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from maskarc import numerics
from maskarc.losses import labels as labels_lib
from maskarc.losses import margins

# (cosines float32[..., K], labels int[...], *margin_args) → logits float32[..., K].
LogitsFn = Callable[..., jax.Array]

# 2048 prototypes of 512 float32 (4 MB) stay in a processor's cache.
BLOCK_SIZE = 2048

T = TypeVar("T")


class Settings(NamedTuple):
    """What of a loss is static; see `blockwise.blockwise_cross_entropy`."""

    logits_fn: LogitsFn
    block_size: int
    axis_name: str | None


class Head(NamedTuple):
    """The arrays of a loss.

    Attributes:
      directions: float32[..., D], embeddings of unit length.
      prototypes: float[C, D] or float[C, K, D], this device's part.
      labels: int[...], which count from the start of this device's part.
      exists: bool[C] or None.
      margin_args: further arguments of the margin, float32.
    """

    directions: jax.Array
    prototypes: jax.Array
    labels: jax.Array
    exists: jax.Array | None
    margin_args: tuple[Any, ...]


def head(
    embeddings: ArrayLike,
    prototypes: ArrayLike,
    labels: ArrayLike,
    where: ArrayLike | None,
    margin_args: tuple[Any, ...],
    settings: Settings,
) -> Head:
    """Checks and normalises the arguments of a blockwise loss."""
    margins.check_prototypes(embeddings, prototypes)
    if settings.block_size < 1:
        raise ValueError(f"expected a block size ≥ 1, got {settings.block_size}")
    prototypes, axis_name = jnp.asarray(prototypes), settings.axis_name
    num_local = prototypes.shape[0]
    if where is not None and jnp.shape(where) != (num_local,):
        raise ValueError(f"expected where [{num_local}], got {jnp.shape(where)}")
    num_parts = 1 if axis_name is None else lax.axis_size(axis_name)
    labels_lib.check(labels, jnp.shape(embeddings)[:-1])
    labels_lib.check_range(labels, num_parts * num_local)
    labels = labels_lib.as_signed(labels)
    directions = numerics.normalize(embeddings)
    margin_args = jax.tree.map(numerics.widen, margin_args)
    if axis_name is not None:
        part = lax.axis_index(axis_name)
        labels -= num_local * part
        # A checked shard_map sums the gradient of what is the same on all devices.
        # This makes it do so once, and not for each block.
        zero = 0.0 * part.astype(directions.dtype)
        directions = directions + zero
        margin_args = jax.tree.map(lambda x: x + zero, margin_args)
    return Head(
        directions=directions,
        prototypes=prototypes,
        labels=labels,
        exists=None if where is None else jnp.asarray(where),
        margin_args=margin_args,
    )


class Forward(NamedTuple):
    """What the forward sweep finds, each [...].

    Attributes:
      loss: float32.
      normalizer: float32, log Σ exp z.
      is_known: whether the label is in range.
      own: float32, cosine to the own prototype; 0 if the label is unknown.
      top: float32, the largest cosine to any class.
    """

    loss: jax.Array
    normalizer: jax.Array
    is_known: jax.Array
    own: jax.Array
    top: jax.Array


def forward(settings: Settings, head: Head) -> Forward:
    """Sweeps over the classes for the loss."""

    def step(carry, start, size):
        peak, total, target, known, own, top = carry
        rows = read(head.prototypes, start, size)
        cosines, z = _logits(settings, head, start, rows)
        is_target = _is_target(head, start, size)
        own += jnp.where(is_target, cosines, 0).sum(axis=-1)
        top = jnp.maximum(top, cosines.max(axis=-1))
        new_peak = jnp.maximum(peak, z.max(axis=-1))
        total *= jnp.exp(peak - new_peak)
        total += jnp.exp(z - new_peak[..., None]).sum(axis=-1)
        target += jnp.where(is_target, z, 0).sum(axis=-1)
        known |= is_target.any(axis=-1)
        return new_peak, total, target, known, own, top

    zeros = jnp.zeros_like(head.directions[..., 0])
    # Finite: a block of which no class exists has the maximum −∞.
    lowest = zeros + jnp.finfo(zeros.dtype).min
    carry = (lowest, zeros, zeros, zeros.astype(bool), zeros, lowest)
    peak, total, target, known, own, top = _fold(settings, head, step, carry)
    if settings.axis_name is not None:
        local, peak = peak, lax.pmax(peak, settings.axis_name)
        total = lax.psum(total * jnp.exp(local - peak), settings.axis_name)
        target, own = lax.psum((target, own), settings.axis_name)
        top = lax.pmax(top, settings.axis_name)
        known = lax.psum(known.astype(jnp.int32), settings.axis_name) > 0
    normalizer = peak + jnp.log(total)
    loss = jnp.where(known, normalizer - target, 0)
    return Forward(loss, normalizer, known, own, top)


def backward(
    settings: Settings,
    head: Head,
    normalizer: jax.Array,
    weights: jax.Array,
    out: T,
    read_from: Callable[[T, jax.Array, int], tuple[jax.Array, ...]],
    write_to: Callable[..., T],
) -> tuple[jax.Array, tuple[Any, ...], T]:
    """Gradients of Σ weight · loss.

    Args:
      settings: static.
      head: as in `forward`.
      normalizer: float32[...], log Σ exp z from `forward`.
      weights: float32[...], 0 for an example whose label is unknown.
      out: what the gradients of the prototypes are written to.
      read_from: (out, start, size) → rows of prototypes, and what `write_to` needs.
      write_to: (out, start, gradient of that block, *what was read) → new out.

    Returns:
      Gradients of directions and margin arguments, and the last `out`.
    """

    def step(carry, start, size):
        (to_directions, to_margin_args), out = carry

        def logits(directions, margin_args, rows):
            changed = head._replace(directions=directions, margin_args=margin_args)
            return _logits(settings, changed, start, rows)[1]

        rows, *others = read_from(out, start, size)
        z, pull = jax.vjp(
            logits, head.directions, head.margin_args, numerics.widen(rows)
        )
        probabilities = jnp.exp(z - normalizer[..., None])
        residual = probabilities - _is_target(head, start, size)
        *added, gradient = pull(weights[..., None] * residual)
        carry = jax.tree.map(jnp.add, (to_directions, to_margin_args), tuple(added))
        return carry, write_to(out, start, gradient, rows, *others)

    zeros = jax.tree.map(jnp.zeros_like, (head.directions, head.margin_args))
    gradients, out = _fold(settings, head, step, (zeros, out))
    return *gradients, out


def _fold(settings: Settings, head: Head, step: Callable[..., T], carry: T) -> T:
    """Folds step(carry, start, size) over the blocks; the last may be smaller."""
    num_classes = head.prototypes.shape[0]
    size = min(settings.block_size, num_classes)
    count, rest = divmod(num_classes, size)
    carry = lax.fori_loop(0, count, lambda i, c: step(c, i * size, size), carry)
    return step(carry, count * size, rest) if rest else carry


def read(array: jax.Array, start: ArrayLike, size: int) -> jax.Array:
    """Rows start..start+size−1.

    The barrier keeps XLA from converting or copying the whole array ahead of the loop.
    """
    array, start = lax.optimization_barrier((array, start))
    rows = lax.dynamic_slice_in_dim(_bits(array), start, size)
    return _from_bits(rows, array.dtype)


def write(array: jax.Array, start: ArrayLike, rows: jax.Array) -> jax.Array:
    """The array with rows from start on replaced."""
    rows = _bits(rows.astype(array.dtype))
    changed = lax.dynamic_update_slice_in_dim(_bits(array), rows, start, axis=0)
    return _from_bits(changed, array.dtype)


def _bits(array: jax.Array) -> jax.Array:
    """bfloat16 and float16 as uint16, anything else as it is.

    XLA:CPU has no slices of such arrays; it would widen the whole for each block.
    """
    if array.dtype.itemsize != 2:
        return array
    return lax.bitcast_convert_type(array, jnp.uint16)


def _from_bits(array: jax.Array, dtype: jnp.dtype) -> jax.Array:
    return array if array.dtype == dtype else lax.bitcast_convert_type(array, dtype)


def _logits(
    settings: Settings, head: Head, start: ArrayLike, rows: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Cosines and logits of a block; −∞ where a class does not exist."""
    cosines = margins.unit_cosines(head.directions, rows)
    z = settings.logits_fn(cosines, head.labels - start, *head.margin_args)
    if head.exists is None:
        return cosines, z
    exists = read(head.exists, start, rows.shape[0])
    exists = jax.lax.broadcast_to_rank(exists, z.ndim)
    return jnp.where(exists, cosines, -jnp.inf), jnp.where(exists, z, -jnp.inf)


def _is_target(head: Head, start: ArrayLike, size: int) -> jax.Array:
    is_target = labels_lib.is_target(head.labels - start, size)
    if head.exists is None:
        return is_target
    exists = read(head.exists, start, size)
    return is_target & jax.lax.broadcast_to_rank(exists, is_target.ndim)
