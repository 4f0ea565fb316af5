"""Convolutions and the max-pool in the form that is quickest where they run.

On CPUs XLA's own are slow in places: 1×1 and depthwise convolutions, maps smaller than
the kernel, the kernel's gradient on large maps, the gradient of a max-pool. Here these
are written as matrix products, shifted sums and selections. What they give is the same
to rounding, in value and in both gradients. Elsewhere XLA's own is always taken.

`benchmarks.train_step` and `benchmarks.convolution` say what it brings.
"""

import contextlib
import contextvars
import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

_NHWC = ("NHWC", "HWIO", "NHWC")
# Outputs of this side or less are a product over patches: maps smaller than the kernel.
_SMALL_SIDE = 2
# From these on, the kernel's gradient goes through a few images at a time, so that
# their patches stay in the cache.
_LARGE_SIDE, _LARGE_WIDTH, _IMAGES = 48, 48, 2

_is_portable = contextvars.ContextVar("is_portable", default=False)


class Geometry(NamedTuple):
    """Stride and padding ((top, bottom), (left, right)) of a square convolution."""

    stride: int
    padding: tuple[tuple[int, int], tuple[int, int]]
    groups: int


@contextlib.contextmanager
def portable() -> Iterator[None]:
    """XLA's own forms, for what is traced inside: programs that run elsewhere."""
    token = _is_portable.set(True)
    try:
        yield
    finally:
        _is_portable.reset(token)


def conv_general_dilated(
    x: jax.Array,
    kernel: jax.Array,
    window_strides: Sequence[int],
    padding: Any,
    *,
    feature_group_count: int = 1,
    **options: Any,
) -> jax.Array:
    """`lax.conv_general_dilated` for `nnx.Conv`, in the quickest form.

    Args:
      x: float[B, H, W, features].
      kernel: float[n, m, features/groups, out].
      window_strides: of rows and columns.
      padding: of rows and columns, (low, high) each.
      feature_group_count: groups.
      **options: as of `lax.conv_general_dilated`; any but the defaults of `nnx.Conv`
        leave it to XLA.

    Returns:
      float[B, H', W', out].
    """
    geometry = Geometry(
        window_strides[0], tuple(map(tuple, padding)), feature_group_count
    )
    is_plain = (
        _is_slow_platform()
        and len(set(window_strides)) == 1
        and {*options.get("lhs_dilation", (1,)), *options.get("rhs_dilation", (1,))}
        == {1}
        and options.get("precision") is None
        and options.get("preferred_element_type") is None
    )
    if not is_plain:
        return lax.conv_general_dilated(
            x,
            kernel,
            window_strides,
            padding,
            feature_group_count=feature_group_count,
            **options,
        )
    return convolve(geometry, x, kernel)


def max_pool(
    x: jax.Array, size: int, stride: int, padding: tuple[int, int] = (0, 0)
) -> jax.Array:
    """The largest of each size×size window; of equals the first gets the gradient.

    Args:
      x: float[B, H, W, C].
      size: side of the window.
      stride: between windows.
      padding: (low, high) of both axes, of −∞.

    Returns:
      float[B, H', W', C].
    """
    if _is_slow_platform():
        return _max_pool(size, stride, padding, x)
    return _xla_max_pool(size, stride, padding, x)


def _is_slow_platform() -> bool:
    return jax.default_backend() == "cpu" and not _is_portable.get()


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def convolve(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A convolution whose value and gradients each take their quickest form on CPUs."""
    return _forward(geometry, x, kernel)


def _forward(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    form = {
        "product": _product,
        "shifts": _shifts,
        "xla": _xla,
        "chunks": _xla,
    }[_form(geometry, x, kernel)]
    return form(geometry, x, kernel)


def _saved(
    geometry: Geometry, x: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _forward(geometry, x, kernel), (x, kernel)


def _gradients(
    geometry: Geometry, saved: tuple[jax.Array, jax.Array], cotangent: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    form = _form(geometry, x, kernel)
    _, pull = jax.vjp(functools.partial(_forward, geometry), x, kernel)
    to_x, to_kernel = pull(cotangent)  # what is not used is not computed
    if form in ("chunks", "shifts") and jax.device_count() == 1:
        to_kernel = _chunked_kernel_gradient(geometry, x, kernel, cotangent)
    return to_x, to_kernel


convolve.defvjp(_saved, _gradients)


def _form(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> str:
    """Which form is the quickest, by shape."""
    rows, columns, inputs, outputs = kernel.shape
    side = _output_side(geometry, x, kernel)
    if geometry.groups == x.shape[-1] == outputs:
        return "shifts"
    if geometry.groups > 1:
        return "xla"
    if rows == columns == 1 or side <= _SMALL_SIDE:
        return "product"
    if side >= _LARGE_SIDE and outputs >= _LARGE_WIDTH:
        return "chunks"
    return "xla"


def _output_side(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> int:
    return (
        x.shape[1] + sum(geometry.padding[0]) - kernel.shape[0]
    ) // geometry.stride + 1


def _xla(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        (geometry.stride, geometry.stride),
        geometry.padding,
        dimension_numbers=_NHWC,
        feature_group_count=geometry.groups,
    )


def _product(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Patches times kernel: one product over all of a patch."""
    patches = jnp.concatenate(_windows(geometry, x, kernel.shape), axis=-1)
    flat = kernel.reshape(-1, kernel.shape[-1])
    return lax.dot_general(patches, flat, (((3,), (0,)), ((), ())))


def _shifts(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Depthwise: the sum of the shifted maps, each times one number a channel."""
    taps = kernel.reshape(-1, 1, 1, 1, kernel.shape[-1])
    windows = _windows(geometry, x, kernel.shape)
    return functools.reduce(
        jnp.add, (window * tap for window, tap in zip(windows, taps, strict=True))
    )


def _windows(
    geometry: Geometry, x: jax.Array, kernel_shape: Sequence[int]
) -> list[jax.Array]:
    """For each place in the kernel the map [B, H', W', C] that it sees."""
    x = jnp.pad(x, ((0, 0), *geometry.padding, (0, 0)))
    return _shifted(x, kernel_shape[:2], geometry.stride)


def _shifted(x: jax.Array, window: Sequence[int], stride: int) -> list[jax.Array]:
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


def _chunked_kernel_gradient(
    geometry: Geometry, x: jax.Array, kernel: jax.Array, cotangent: jax.Array
) -> jax.Array:
    """The kernel's gradient, summed in float32 over a few images at a time."""
    is_depthwise = geometry.groups > 1
    images = 1 if is_depthwise or len(x) % _IMAGES else _IMAGES

    def add(total: jax.Array, chunk: tuple[jax.Array, jax.Array]) -> Any:
        windows = _windows(geometry, chunk[0], kernel.shape)
        if is_depthwise:
            share = [jnp.sum(w * chunk[1], axis=(0, 1, 2)) for w in windows]
            return total + jnp.stack(share), None
        patches = jnp.concatenate(windows, axis=-1)
        patches = patches.reshape(-1, patches.shape[-1])
        return total + jnp.dot(
            patches.T,
            chunk[1].reshape(len(patches), -1),
            preferred_element_type=jnp.float32,
        ), None

    chunks = [a.reshape(-1, images, *a.shape[1:]) for a in (x, cotangent)]
    taps = kernel.shape[0] * kernel.shape[1] * kernel.shape[2]
    zeros = jnp.zeros((taps, kernel.shape[-1]), jnp.float32)
    total, _ = lax.scan(add, zeros, tuple(chunks))
    return total.reshape(kernel.shape).astype(kernel.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _max_pool(
    size: int, stride: int, padding: tuple[int, int], x: jax.Array
) -> jax.Array:
    return _xla_max_pool(size, stride, padding, x)


def _xla_max_pool(
    size: int, stride: int, padding: tuple[int, int], x: jax.Array
) -> jax.Array:
    return lax.reduce_window(
        x,
        -jnp.inf,
        lax.max,
        (1, size, size, 1),
        (1, stride, stride, 1),
        ((0, 0), padding, padding, (0, 0)),
    )


def _max_pool_saved(
    size: int, stride: int, padding: tuple[int, int], x: jax.Array
) -> tuple[jax.Array, jax.Array]:
    return _xla_max_pool(size, stride, padding, x), x


def _max_pool_gradient(
    size: int,
    stride: int,
    padding: tuple[int, int],
    x: jax.Array,
    cotangent: jax.Array,
) -> tuple[jax.Array]:
    def by_selection(x: jax.Array) -> jax.Array:
        x = jnp.pad(x, ((0, 0), padding, padding, (0, 0)), constant_values=-jnp.inf)
        return functools.reduce(
            lambda best, other: jnp.where(other > best, other, best),
            _shifted(x, (size, size), stride),
        )

    _, pull = jax.vjp(by_selection, x)
    return pull(cotangent)


_max_pool.defvjp(_max_pool_saved, _max_pool_gradient)
