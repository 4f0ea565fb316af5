"""The max-pool in the form that is quickest where it runs."""

import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from maskarc.models import platform, winograd


class Window(NamedTuple):
    """A square window: its side, the stride, and (low, high) padding of both axes."""

    size: int
    stride: int
    padding: tuple[int, int]


def max_pool(
    x: jax.Array, size: int, stride: int, padding: tuple[int, int] = (0, 0)
) -> jax.Array:
    """The largest of each size×size window; of equals the first gets the gradient.

    Args:
      x: float[B, H, W, C].
      size: side of the window, at most 16.
      stride: between windows, at most `size`.
      padding: (low, high) of both axes, of −∞.

    Returns:
      float[B, H', W', C].
    """
    if platform.has_quick_forms():
        return _max_pool(Window(size, stride, padding), x)
    return lax.reduce_window(
        x,
        -jnp.inf,
        lax.max,
        (1, size, size, 1),
        (1, stride, stride, 1),
        ((0, 0), padding, padding, (0, 0)),
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _max_pool(window: Window, x: jax.Array) -> jax.Array:
    return functools.reduce(jnp.maximum, _seen(window, x))


def _saved(window: Window, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    return _max_pool(window, x), x


def _gradient(window: Window, x: jax.Array, cotangent: jax.Array) -> tuple[jax.Array]:
    """Each input is at one place of a few windows, and gets theirs if it is chosen."""
    size, stride, (low, _) = window
    chosen = _first_largest(window, x)
    reach = (size - 1) // stride
    cells = []
    for row, column in itertools.product(range(stride), range(stride)):
        shares = [
            _moved(
                jnp.where(chosen == top * size + left, cotangent, 0),
                (top // stride, left // stride),
                reach,
            )
            for top in range(row, size, stride)
            for left in range(column, size, stride)
        ]
        cells.append(functools.reduce(jnp.add, shares))
    grid = jnp.stack(cells)
    whole = winograd.interleave(grid.reshape(stride, stride, *grid.shape[1:]))
    # Inputs behind the last window have no gradient.
    missing = [(0, max(0, low + x.shape[axis] - whole.shape[axis])) for axis in (1, 2)]
    whole = jnp.pad(whole, ((0, 0), *missing, (0, 0)))
    return (whole[:, low : low + x.shape[1], low : low + x.shape[2]],)


_max_pool.defvjp(_saved, _gradient)


def _seen(window: Window, x: jax.Array) -> list[jax.Array]:
    """For each place in the window the map [B, H', W', C] that it sees."""
    size, stride, padding = window
    x = jnp.pad(x, ((0, 0), padding, padding, (0, 0)), constant_values=-jnp.inf)
    return shifted(x, (size, size), stride)


def shifted(x: jax.Array, window: tuple[int, int], stride: int) -> list[jax.Array]:
    """What each place of a window sees as the window moves over a map.

    Args:
      x: [B, H, W, C], padded.
      window: rows and columns.
      stride: of both axes.

    Returns:
      rows · columns of [B, H', W', C], row by row.
    """
    batch, height, width, channels = x.shape
    reach = [
        (side - size) // stride * stride + 1
        for side, size in zip((height, width), window, strict=True)
    ]
    return [
        lax.slice(
            x,
            (0, top, left, 0),
            (batch, top + reach[0], left + reach[1], channels),
            (1, stride, stride, 1),
        )
        for top, left in itertools.product(range(window[0]), range(window[1]))
    ]


def _first_largest(window: Window, x: jax.Array) -> jax.Array:
    """uint8[B, H', W', C]: the place of each window's largest."""
    first, *others = _seen(window, x)
    best, place = first, jnp.zeros(first.shape, jnp.uint8)
    for index, other in enumerate(others, start=1):
        is_larger = other > best
        best = jnp.where(is_larger, other, best)
        place = jnp.where(is_larger, jnp.uint8(index), place)
    return place


def _moved(x: jax.Array, by: tuple[int, int], reach: int) -> jax.Array:
    """A map moved down and right, on a map that is larger by `reach`."""
    widths = [(step, reach - step) for step in by]
    return jnp.pad(x, ((0, 0), *widths, (0, 0)))
