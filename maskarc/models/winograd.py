"""3×3 convolutions of stride 1 with 16 products where the plain form has 36.

Winograd's F(2×2, 3×3): tiles of 4×4 inputs give 2×2 outputs. With Lavin's matrices
Y = Aᵀ[(G K Gᵀ) ⊙ (Bᵀ X B)]A, where ⊙ over all tiles is a matrix product for each of the
16 places. Their entries are 0, ±1 and ±½, so that nothing but rounding is lost. It is
all sums and products over whole batches, which split over devices along axis 0.

References:
  Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

Padding = tuple[tuple[int, int], tuple[int, int]]
Matrix = tuple[tuple[float, ...], ...]

_B: Matrix = ((1, 0, 0, 0), (0, 1, -1, 1), (-1, 1, 1, 0), (0, 0, 0, -1))
_G: Matrix = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
_A: Matrix = ((1, 0), (1, 1), (1, -1), (0, -1))


def convolve(x: jax.Array, kernel: jax.Array, padding: Padding) -> jax.Array:
    """A 3×3 convolution of stride 1.

    Args:
      x: float[B, H, W, features].
      kernel: float[3, 3, features, out].
      padding: ((top, bottom), (left, right)).

    Returns:
      float[B, H', W', out].
    """
    return _multiplied(x, kernel, padding, features_axis=2)


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
    rows, columns = ((2 - low, 2 - high) for low, high in padding)
    return _multiplied(cotangent, kernel[::-1, ::-1], (rows, columns), features_axis=3)


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
    rows = _times(_A, [cotangent[:, i::2] for i in range(2)])
    shares = _times(_A, [rows[:, :, :, j::2] for j in range(2)])
    over = (2, 3, 4)
    products = lax.dot_general(
        _input_tiles(x, padding), shares, ((over, over), ((0, 1), (0, 1)))
    )
    return _times(_transposed(_G), _moved(_times(_transposed(_G), products)))


def interleave(cells: jax.Array) -> jax.Array:
    """The maps of the places of a cell as one map.

    Args:
      cells: [rows, columns, B, H, W, C].

    Returns:
      [B, rows·H, columns·W, C].
    """
    rows, columns, batch, height, width, channels = cells.shape
    return cells.transpose(2, 3, 0, 4, 1, 5).reshape(
        batch, rows * height, columns * width, channels
    )


def _multiplied(
    x: jax.Array, kernel: jax.Array, padding: Padding, *, features_axis: int
) -> jax.Array:
    """Aᵀ[(G K Gᵀ) ⊙ (Bᵀ X B)]A; `features_axis` of the kernel is x's last axis."""
    kernels = _times(_G, _moved(_times(_G, kernel)))
    products = lax.dot_general(
        _input_tiles(x, padding),
        kernels,
        (((5,), (features_axis,)), ((0, 1), (0, 1))),
    )
    outputs = _times(_transposed(_A), _moved(_times(_transposed(_A), products)))
    height, width = _sides(x, padding)
    return interleave(outputs)[:, :height, :width]


def _sides(x: jax.Array, padding: Padding) -> tuple[int, int]:
    height, width = (x.shape[1 + axis] + sum(padding[axis]) - 2 for axis in (0, 1))
    return height, width


def _input_tiles(x: jax.Array, padding: Padding) -> jax.Array:
    """Bᵀ X B of all tiles: float[4 columns, 4 rows, B, tiles, tiles, features]."""
    # An odd side takes one more row, so that the last tile is whole.
    widths = [
        (low, high + side % 2)
        for (low, high), side in zip(padding, _sides(x, padding), strict=True)
    ]
    x = jnp.pad(x, ((0, 0), *widths, (0, 0)))
    height, width = x.shape[1] - 3, x.shape[2] - 3
    rows = _times(_transposed(_B), [x[:, i : i + height : 2] for i in range(4)])
    return _times(_transposed(_B), [rows[:, :, :, j : j + width : 2] for j in range(4)])


def _times(matrix: Matrix, parts: Sequence[jax.Array] | jax.Array) -> jax.Array:
    """A matrix times parts that are alike: its rows are the new leading axis."""
    sums = [
        sum(factor * part for factor, part in zip(row, parts, strict=True) if factor)
        for row in matrix
    ]
    return jnp.stack(sums)


def _moved(parts: jax.Array) -> jax.Array:
    """The next axis leads: one matrix is applied to rows, the next to columns."""
    return parts.swapaxes(0, 1)


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))
