"""3×3 convolutions of stride 1 with 16 products where the plain form has 36.

Winograd's F(2×2, 3×3): tiles of 4×4 inputs give 2×2 outputs. With Lavin's matrices
Y = Aᵀ[(G K Gᵀ) ⊙ (Bᵀ X B)]A, where ⊙ over all tiles is a matrix product for each of the
16 places. Their entries are 0, ±1 and ±½, so that nothing but rounding is lost. It is
all sums and products over whole batches, which split over devices along axis 0.

References:
  Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
"""

import functools
import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

Padding = tuple[tuple[int, int], tuple[int, int]]
# Row r of Bᵀ and of Aᵀ: column → sign.
_INPUT = ({0: 1, 2: -1}, {1: 1, 2: 1}, {2: 1, 1: -1}, {1: 1, 3: -1})
_OUTPUT = ({0: 1, 1: 1, 2: 1}, {1: 1, 2: -1, 3: -1})
# Column c of Aᵀ, likewise.
_GRADIENT = ({0: 1}, {0: 1, 1: 1}, {0: 1, 1: -1}, {1: -1})
_PLACES = tuple(itertools.product(range(4), range(4)))


def convolve(x: jax.Array, kernel: jax.Array, padding: Padding) -> jax.Array:
    """A 3×3 convolution of stride 1.

    Args:
      x: float[B, H, W, features].
      kernel: float[3, 3, features, out].
      padding: ((top, bottom), (left, right)).

    Returns:
      float[B, H', W', out].
    """
    return _multiplied(x, _kernel_tiles(kernel), padding, 0)


def input_gradient(
    kernel: jax.Array, cotangent: jax.Array, padding: Padding
) -> jax.Array:
    """The gradient of a 3×3 convolution of stride 1 with respect to its input.

    Args:
      kernel: float[3, 3, features, out].
      cotangent: float[B, H', W', out], of the convolution's value.
      padding: as of the convolution.

    Returns:
      float[B, H, W, features].
    """
    # The convolution of the cotangent with the kernel turned round.
    kernels = _kernel_tiles(kernel[::-1, ::-1])
    rows, columns = ((2 - low, 2 - high) for low, high in padding)
    return _multiplied(cotangent, kernels, (rows, columns), 1)


def kernel_gradient(x: jax.Array, cotangent: jax.Array, padding: Padding) -> jax.Array:
    """The gradient of a 3×3 convolution of stride 1 with respect to its kernel.

    Args:
      x: float[B, H, W, features].
      cotangent: float[B, H', W', out], of the convolution's value.
      padding: as of the convolution.

    Returns:
      float[3, 3, features, out].
    """
    widths = [(0, side % 2) for side in cotangent.shape[1:3]]
    cotangent = jnp.pad(cotangent, ((0, 0), *widths, (0, 0)))
    quarters = [cotangent[:, i::2, j::2] for i, j in itertools.product((0, 1), (0, 1))]
    shares = [_signed_sum(quarters, 2, _GRADIENT[r], _GRADIENT[c]) for r, c in _PLACES]
    products = lax.dot_general(
        jnp.stack(_input_tiles(x, padding)),
        jnp.stack(shares),
        (((1, 2, 3), (1, 2, 3)), ((0,), (0,))),
    )
    # Gᵀ from both sides.
    rows = [_to_three([products[4 * r + c] for r in range(4)]) for c in range(4)]
    taps = [_to_three([rows[c][i] for c in range(4)]) for i in range(3)]
    return jnp.stack([jnp.stack(row) for row in taps])


def interleave(parts: Sequence[jax.Array], period: int) -> jax.Array:
    """Maps [B, H, W, C] of the places of a period×period cell, row by row, as one map.

    Returns:
      float[B, period·H, period·W, C].
    """
    batch, height, width, channels = parts[0].shape
    rows = [
        jnp.concatenate(parts[start : start + period], axis=-1)
        for start in range(0, period**2, period)
    ]
    return jnp.stack(rows, axis=2).reshape(
        batch, period * height, period * width, channels
    )


def _multiplied(
    x: jax.Array, kernels: Sequence[jax.Array], padding: Padding, axis: int
) -> jax.Array:
    """Aᵀ[(G K Gᵀ) ⊙ (Bᵀ X B)]A, summed over x's features: an axis of the kernels."""
    tiles, matrices = jnp.stack(_input_tiles(x, padding)), jnp.stack(kernels)
    products = lax.dot_general(tiles, matrices, (((4,), (axis + 1,)), ((0,), (0,))))
    outputs = [
        _signed_sum(products, 4, rows, columns)
        for rows, columns in itertools.product(_OUTPUT, _OUTPUT)
    ]
    height, width = _sides(x, padding)
    return interleave(outputs, 2)[:, :height, :width]


def _sides(x: jax.Array, padding: Padding) -> tuple[int, int]:
    height, width = (x.shape[1 + axis] + sum(padding[axis]) - 2 for axis in (0, 1))
    return height, width


def _input_tiles(x: jax.Array, padding: Padding) -> list[jax.Array]:
    """Bᵀ X B of all tiles: 16 of float[B, tiles, tiles, features]."""
    # An odd side takes one more row, so that the last tile is whole.
    widths = [
        (low, high + side % 2)
        for (low, high), side in zip(padding, _sides(x, padding), strict=True)
    ]
    x = jnp.pad(x, ((0, 0), *widths, (0, 0)))
    batch, height, width, features = x.shape
    seen = [
        lax.slice(
            x,
            (0, top, left, 0),
            (batch, height - 3 + top, width - 3 + left, features),
            (1, 2, 2, 1),
        )
        for top, left in _PLACES
    ]
    return [
        _signed_sum(seen, 4, rows, columns)
        for rows, columns in itertools.product(_INPUT, _INPUT)
    ]


def _kernel_tiles(kernel: jax.Array) -> list[jax.Array]:
    """G K Gᵀ: 16 of float[features, out]."""
    columns = [_to_four([kernel[i, j] for i in range(3)]) for j in range(3)]
    rows = [_to_four([columns[j][r] for j in range(3)]) for r in range(4)]
    return [tile for row in rows for tile in row]


def _to_four(taps: Sequence[jax.Array]) -> list[jax.Array]:
    """G times three taps."""
    outer, inner = 0.5 * (taps[0] + taps[2]), 0.5 * taps[1]
    return [taps[0], outer + inner, outer - inner, taps[2]]


def _to_three(places: Sequence[jax.Array]) -> list[jax.Array]:
    """Gᵀ times four places."""
    outer = 0.5 * (places[1] + places[2])
    return [places[0] + outer, 0.5 * (places[1] - places[2]), places[3] + outer]


def _signed_sum(
    parts: Sequence[jax.Array],
    width: int,
    rows: dict[int, int],
    columns: dict[int, int],
) -> jax.Array:
    """Σ ±parts over the chosen rows and columns of a grid `width` wide."""
    terms = [
        (sign * other, parts[width * row + column])
        for row, sign in rows.items()
        for column, other in columns.items()
    ]
    first = terms[0][1] if terms[0][0] > 0 else -terms[0][1]
    return functools.reduce(
        lambda total, term: total + term[1] if term[0] > 0 else total - term[1],
        terms[1:],
        first,
    )
