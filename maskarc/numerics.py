"""Forms with finite values and finite gradients where the textbook form has neither.

Everything here computes in at least float32: float16 and bfloat16 inputs are widened
first, since their spacing near 1 (2⁻¹⁰, 2⁻⁷) is coarser than the margins that the
losses apply there.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

# sin²θ below this is treated as this: it bounds d sin θ / d cos θ = −cot θ by 1000.
SIN_SQUARED_FLOOR = 1e-6


def widen(x: ArrayLike) -> jax.Array:
    """Returns x as float32, or unchanged where it is wider already."""
    x = jnp.asarray(x)
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def normalize(x: ArrayLike, *, epsilon: float = 1e-12) -> jax.Array:
    """Scales the vectors on the last axis to unit length.

    The gradient of the norm is NaN at 0 (an all-black crop, a padded row); rsqrt of
    the guarded square sum gives 0 and a finite gradient there.

    Args:
      x: float[..., D].
      epsilon: added to the squared length.

    Returns:
      float32[..., D], or wider.

    >>> normalize(jnp.array([3.0, 4.0])).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    x = widen(x)
    return x * jax.lax.rsqrt(jnp.sum(x * x, axis=-1, keepdims=True) + epsilon)


def sine_of_arccos(cosines: ArrayLike) -> jax.Array:
    """sin(arccos(t)) = √(1 − t²), ≥ 0, with a gradient bounded by 1000.

    √ has an infinite slope at 0, so 1 − t² is held at or above 1e-6; rounding may
    also have pushed |t| slightly above 1.

    Args:
      cosines: float[...], nominally in [−1, 1].

    Returns:
      float32[...] in [1e-3, 1].
    """
    cosines = widen(cosines)
    return jnp.sqrt(jnp.maximum(1.0 - cosines * cosines, SIN_SQUARED_FLOOR))
