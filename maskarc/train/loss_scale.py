"""Scaling of the loss, so that float16 gradients neither vanish nor overflow."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

# The authors': the scale is halved by a gradient that is not finite, and doubled after
# so many good steps in a row.
_FIRST, _LARGEST, _GROW_AFTER = 2.0**15, 2.0**24, 2000


class LossScale(NamedTuple):
    """What the loss is multiplied by.

    Attributes:
      factor: float32[], a power of two.
      good: int32[], steps since it changed.

    References:
      Micikevicius et al., "Mixed Precision Training", ICLR 2018.
    """

    factor: jax.Array
    good: jax.Array


def start() -> LossScale:
    """Of the first step."""
    return LossScale(jnp.float32(_FIRST), jnp.int32(0))


def adjust(scale: LossScale, is_finite: jax.Array) -> LossScale:
    """The next step's, by whether this one's gradient was finite."""
    good = jnp.where(is_finite, scale.good + 1, 0)
    grows = good >= _GROW_AFTER
    factor = jnp.where(
        is_finite, scale.factor * jnp.where(grows, 2.0, 1.0), scale.factor / 2
    )
    return LossScale(jnp.clip(factor, 1.0, _LARGEST), jnp.where(grows, 0, good))
