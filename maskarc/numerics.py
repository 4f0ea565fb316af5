"""Forms with finite values and finite gradients where the textbook form has neither.

Everything here computes in at least float32: float16 and bfloat16 inputs are widened
first, since their spacing near 1 (2⁻¹⁰, 2⁻⁷) is coarser than the margins that the
losses apply there.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

# θ and sin θ are infinitely steep in cos θ at ±1. Their values are exact everywhere;
# their slopes are taken as if sin θ were never below this, which bounds them by 1000.
SINE_FLOOR = 1e-3


def widen(x: ArrayLike) -> jax.Array:
    """Returns x as float32, or unchanged where it is wider already."""
    x = jnp.asarray(x)
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def inverse_norm(x: ArrayLike, *, epsilon: float = 1e-12) -> jax.Array:
    """1 / √(‖x‖² + ε) of the vectors on the last axis.

    The gradient of the plain norm is NaN at 0 (an all-black crop, a padded row).

    Args:
      x: float[..., D].
      epsilon: added to the squared length.

    Returns:
      float32[...], or wider.
    """
    x = widen(x)
    return jax.lax.rsqrt(jnp.sum(x * x, axis=-1) + epsilon)


def normalize(x: ArrayLike, *, epsilon: float = 1e-12) -> jax.Array:
    """Scales the vectors on the last axis to unit length.

    Args:
      x: float[..., D]; a zero vector stays zero, with a finite gradient.
      epsilon: added to the squared length.

    Returns:
      float32[..., D], or wider.

    >>> normalize(jnp.array([3.0, 4.0])).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    x = widen(x)
    return x * inverse_norm(x, epsilon=epsilon)[..., None]


@jax.custom_jvp
def _sine(t: jax.Array) -> jax.Array:
    # (1 − t)(1 + t) keeps the digits that 1 − t² loses near ±1.
    return jnp.sqrt(jnp.maximum((1 - t) * (1 + t), 0))


@_sine.defjvp
def _sine_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    sine = _sine(t)
    return sine, -t / jnp.maximum(sine, SINE_FLOOR) * dt


@jax.custom_jvp
def _angle(t: jax.Array) -> jax.Array:
    return jnp.arctan2(_sine(t), t)


@_angle.defjvp
def _angle_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    return _angle(t), -dt / jnp.maximum(_sine(t), SINE_FLOOR)


def cosine_of_sum(cosines: ArrayLike, angle: ArrayLike) -> jax.Array:
    """cos(θ + a) = cos θ cos a − sin θ sin a, without taking an arccos.

    Args:
      cosines: float[...], cos θ for θ in [0, π].
      angle: a in radians, of either sign, broadcast against the cosines.

    Returns:
      float32[...], with a finite slope in cos θ everywhere.
    """
    cosines = widen(cosines)
    angle = jnp.broadcast_to(jnp.asarray(angle, cosines.dtype), cosines.shape)
    return cosines * jnp.cos(angle) - _sine(cosines) * jnp.sin(angle)


def arccos(cosines: ArrayLike) -> jax.Array:
    """The angle of a cosine.

    Args:
      cosines: float[...], nominally in [−1, 1]; beyond counts as ±1.

    Returns:
      float32[...] in [0, π]; its slope is bounded by 1 / `SINE_FLOOR`.

    >>> arccos(jnp.array([1.0, 0.0, -1.0])).tolist()
    [0.0, 1.5707963705062866, 3.1415927410125732]
    """
    return _angle(widen(cosines))


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _falling_cosine(t: jax.Array, factor: float, offset: jax.Array) -> jax.Array:
    phi = factor * _angle(t) + offset
    k = jnp.floor(phi / math.pi)
    return (1 - 2 * (k % 2)) * jnp.cos(phi) - 2 * k


@_falling_cosine.defjvp
def _falling_cosine_jvp(factor, primals, tangents):
    (t, offset), (dt, d_offset) = primals, tangents
    # sin φ / sin θ has a limit at θ = 0 where φ is a multiple of θ: take it near by.
    theta = jnp.clip(_angle(t), SINE_FLOOR, math.pi - SINE_FLOOR)
    by_cosine = factor * jnp.abs(jnp.sin(factor * theta + offset)) / jnp.sin(theta)
    by_offset = -jnp.abs(jnp.sin(factor * _angle(t) + offset))
    tangent = by_cosine * dt + by_offset * d_offset
    return _falling_cosine(t, factor, offset), tangent


def falling_cosine(
    cosines: ArrayLike, *, factor: float = 1.0, offset: ArrayLike = 0.0
) -> jax.Array:
    """ψ(φ) at φ = factor · θ + offset: a cosine that goes on falling beyond π.

        ψ(φ) = (−1)^k cos φ − 2k,   k = ⌊φ / π⌋

    Args:
      cosines: float[...], cos θ, nominally in [−1, 1].
      factor: > 0.
      offset: radians, ≥ 0, broadcast against the cosines.

    Returns:
      float32[...], falling and smooth in θ, with a finite slope in cos θ everywhere.

    References:
      Liu et al., "SphereFace: Deep Hypersphere Embedding for Face Recognition",
      CVPR 2017, equation 7 (with offset 0).
    """
    cosines = widen(cosines)
    offset = jnp.broadcast_to(jnp.asarray(offset, cosines.dtype), cosines.shape)
    return _falling_cosine(cosines, factor, offset)
