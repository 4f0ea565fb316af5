"""Fingerprints of arrays, so that a damaged checkpoint is not taken for a good one."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

_BITS = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32}


def of_tree(tree: Any) -> dict[str, int]:
    """One number a leaf, the same however the leaf is split over devices.

    The sum modulo 2³² of the elements' bits, each times an odd number that depends on
    its place; integers, so that the order of summing does not matter. Zeros count
    nothing: rows of zeros at the end may come and go. It finds accidents, not attacks.

    Args:
      tree: of arrays of 1, 2 or 4 bytes an element, or keys.

    Returns:
      Path, such as "params/conv1/kernel" → 0..2³²−1.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    values = _sums([leaf for _, leaf in leaves])
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): int(value)
        for (path, _), value in zip(leaves, values, strict=True)
    }


@jax.jit
def _sums(leaves: list[jax.Array]) -> list[jax.Array]:
    return [_sum(leaf) for leaf in leaves]


def _sum(leaf: jax.Array) -> jax.Array:
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    if leaf.dtype == bool:
        leaf = leaf.astype(jnp.uint8)
    bits = lax.bitcast_convert_type(leaf, _BITS[leaf.dtype.itemsize])
    place = jnp.zeros(bits.shape, jnp.uint32)
    for axis, size in enumerate(bits.shape):
        place = place * jnp.uint32(size if axis else 1)
        place += lax.broadcasted_iota(jnp.uint32, bits.shape, axis)
    # Knuth's multiplier, and a bit that makes it odd.
    weights = place * jnp.uint32(2654435761) | jnp.uint32(1)
    return jnp.sum(bits.astype(jnp.uint32) * weights, dtype=jnp.uint32)
