"""Convolutions in the form that is quickest where they run.

On CPUs XLA's own are slow in places: depthwise and grouped ones, 1×1, maps smaller than
the kernel, gradients of strided ones. Here these are matrix products and shifted sums,
and large 3×3 ones take Winograd's form. What they give is the same to rounding, in
value and in both gradients. On other platforms XLA's own is always taken.

`benchmarks.convolution` chose the forms, `docs/performance.md` says why.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from maskarc.models import platform, pooling, winograd

# Winograd's form from so many outputs of a channel on, which pay for the transformed
# kernel; from so many features, which pay for the transformed maps; and from this side
# on, where few tiles hang over the edge.
WINOGRAD_OUTPUTS, WINOGRAD_FEATURES, WINOGRAD_SIDE = 512, 128, 4
# Else maps of this side or less are a product over patches.
SMALL_SIDE = 4
# Strided ones likewise up to this side; beyond, the patches outgrow the cache.
STRIDED_SIDE = 7
# From this side on, and for so few features, the kernel's gradient is a product over
# patches, of so many images at a time that they stay in the cache.
LARGE_SIDE, FEW_FEATURES, IMAGES = 28, 4, 2
# Groups of more features than this are left to XLA.
GROUP_FEATURES = 4

Share = Callable[..., jax.Array]


class Geometry(NamedTuple):
    """Stride, padding ((top, bottom), (left, right)) and groups of a convolution."""

    stride: int
    padding: winograd.Padding
    groups: int = 1


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
    dilations = {*options.get("lhs_dilation", (1,)), *options.get("rhs_dilation", (1,))}
    is_plain = (
        platform.has_quick_forms()
        and len(set(window_strides)) == 1
        and dilations == {1}
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
    top_bottom, left_right = ((int(low), int(high)) for low, high in padding)
    geometry = Geometry(
        int(window_strides[0]), (top_bottom, left_right), feature_group_count
    )
    return convolve(geometry, x, _varying_like(x, kernel))


def _varying_like(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Inside `jax.shard_map` the kernel, marked as varying wherever x does.

    The transposition of the mark sums the kernel's gradient over the devices.
    """
    return kernel + jnp.zeros_like(x, shape=(1,) * kernel.ndim, dtype=kernel.dtype)


def convolve(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A convolution in the form that is quickest on CPUs."""
    return in_form(form(geometry, x.shape, kernel.shape), geometry, x, kernel)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def in_form(
    name: str, geometry: Geometry, x: jax.Array, kernel: jax.Array
) -> jax.Array:
    """A convolution in one of `FORMS`, which must know its geometry.

    It is computed in float32: few CPUs have anything quicker, and sums keep their
    places.
    """
    return FORMS[name](geometry, *_wide(x, kernel)).astype(x.dtype)


def _wide(*arrays: jax.Array) -> list[jax.Array]:
    return [a.astype(jnp.promote_types(a.dtype, jnp.float32)) for a in arrays]


def _saved(
    name: str, geometry: Geometry, x: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return in_form(name, geometry, x, kernel), (x, kernel)


def _gradients(
    name: str,
    geometry: Geometry,
    saved: tuple[jax.Array, jax.Array],
    cotangent: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    dtypes = [a.dtype for a in saved]
    x, kernel, cotangent = _wide(*saved, cotangent)
    # What is not used of these is not computed.
    _, pull = jax.vjp(functools.partial(FORMS[name], geometry), x, kernel)
    to_x, to_kernel = pull(cotangent)
    if name == "winograd":
        to_x = winograd.input_gradient(kernel, cotangent, geometry.padding)
        to_kernel = winograd.kernel_gradient(x, cotangent, geometry.padding)
    elif name == "shifts":
        to_kernel = _by_image(_shifts_share, 1, geometry, x, kernel, cotangent)
    elif name == "patches":
        to_kernel = _by_image(_patches_share, IMAGES, geometry, x, kernel, cotangent)
    return to_x.astype(dtypes[0]), to_kernel.astype(dtypes[1])


in_form.defvjp(_saved, _gradients)


def form(
    geometry: Geometry, x_shape: Sequence[int], kernel_shape: Sequence[int]
) -> str:
    """Which of `FORMS` is the quickest, by shape."""
    rows, columns, inputs, outputs = kernel_shape
    side = (x_shape[1] + sum(geometry.padding[0]) - rows) // geometry.stride + 1
    across = (x_shape[2] + sum(geometry.padding[1]) - columns) // geometry.stride + 1
    if geometry.groups > 1:
        is_whole = tuple(x_shape[1:]) == (rows, columns, outputs) and inputs == 1
        if is_whole and not any(map(any, geometry.padding)):
            return "whole"
        return "shifts" if inputs <= GROUP_FEATURES else "xla"
    if (
        (rows, columns, geometry.stride) == (3, 3, 1)
        and min(inputs, outputs) >= WINOGRAD_FEATURES
        and x_shape[0] * side * across >= WINOGRAD_OUTPUTS
        and min(side, across) >= WINOGRAD_SIDE
    ):
        return "winograd"
    if rows == columns == 1 or side <= SMALL_SIDE:
        return "product"
    if geometry.stride > 1 and rows == columns == 3 and side <= STRIDED_SIDE:
        return "product"
    if side >= LARGE_SIDE and inputs <= FEW_FEATURES:
        return "patches"
    return "xla"


def _xla(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        (geometry.stride, geometry.stride),
        geometry.padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=geometry.groups,
    )


def _product(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Patches times kernel: one product over all of a patch."""
    patches = jnp.concatenate(_windows(geometry, x, kernel.shape), axis=-1)
    flat = kernel.reshape(-1, kernel.shape[-1])
    return lax.dot_general(patches, flat, (((3,), (0,)), ((), ())))


def _winograd(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return winograd.convolve(x, kernel, geometry.padding)


def _shifts(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Depthwise: the sum of the shifted maps, each times one number a channel."""
    return functools.reduce(
        jnp.add,
        (
            window * tap.reshape(1, 1, 1, -1)
            for source, taps in _by_group_feature(geometry, x, kernel)
            for window, tap in zip(
                _windows(geometry, source, kernel.shape), taps, strict=True
            )
        ),
    )


def _whole(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Depthwise, with a kernel as large as the map: one weighted sum a channel."""
    del geometry  # it has no place to move to
    weights = kernel.reshape(1, *x.shape[1:])
    return jnp.sum(x * weights, axis=(1, 2), keepdims=True)


# Name → (geometry, x, kernel) → value.
FORMS = {
    "xla": _xla,
    "patches": _xla,  # whose kernel's gradient is a product over patches
    "product": _product,
    "winograd": _winograd,
    "shifts": _shifts,
    "whole": _whole,
}


def _by_group_feature(
    geometry: Geometry, x: jax.Array, kernel: jax.Array
) -> list[tuple[jax.Array, jax.Array]]:
    """A grouped convolution as depthwise ones, one for each feature of a group.

    Returns:
      For each feature the map [B, H, W, out] that holds it for every output of its
      group, and the taps [n·m, out] that weigh it.
    """
    groups, (*_, inputs, outputs) = geometry.groups, kernel.shape
    taps = kernel.reshape(-1, inputs, outputs)
    if inputs == 1 and outputs == groups:
        return [(x, taps[:, 0])]
    grouped = x.reshape(*x.shape[:3], groups, inputs)
    shape = (*x.shape[:3], groups, outputs // groups)
    return [
        (
            jnp.broadcast_to(grouped[..., i : i + 1], shape).reshape(
                *x.shape[:3], outputs
            ),
            taps[:, i],
        )
        for i in range(inputs)
    ]


def _by_image(
    share: Share,
    images: int,
    geometry: Geometry,
    x: jax.Array,
    kernel: jax.Array,
    cotangent: jax.Array,
) -> jax.Array:
    """The kernel's gradient, a few images a device at a time: they stay in the cache.

    The images of a turn lie as far from each other as the shards of a batch do, and
    are added up last: no device needs what another has but at the end.
    """
    at_once = math.gcd(len(x), images * jax.device_count())

    def turns(a: jax.Array) -> jax.Array:
        return a.reshape(at_once, -1, *a.shape[1:]).swapaxes(0, 1)

    shares = lax.map(
        lambda some: share(geometry, some[0], kernel, some[1]),
        (turns(x), turns(cotangent)),
    )
    return jnp.sum(shares, axis=(0, 1)).reshape(kernel.shape)


def _patches_share(
    geometry: Geometry, x: jax.Array, kernel: jax.Array, cotangent: jax.Array
) -> jax.Array:
    """float[B, n·m·features, out], each image's part of the kernel's gradient."""
    patches = jnp.concatenate(_windows(geometry, x, kernel.shape), axis=-1)
    patches, flat = (a.reshape(len(a), -1, a.shape[-1]) for a in (patches, cotangent))
    return lax.dot_general(patches, flat, (((1,), (1,)), ((0,), (0,))))


def _shifts_share(
    geometry: Geometry, x: jax.Array, kernel: jax.Array, cotangent: jax.Array
) -> jax.Array:
    """float[B, n·m, features/groups, out], each image's part, for `_shifts`."""
    shares = [
        [
            jnp.sum(window * cotangent, axis=(1, 2))
            for window in _windows(geometry, source, kernel.shape)
        ]
        for source, _ in _by_group_feature(geometry, x, kernel)
    ]
    return jnp.stack([jnp.stack(share, axis=1) for share in shares], axis=2)


def _windows(
    geometry: Geometry, x: jax.Array, kernel_shape: Sequence[int]
) -> list[jax.Array]:
    """For each place in the kernel the map [B, H', W', C] that it sees."""
    x = jnp.pad(x, ((0, 0), *geometry.padding, (0, 0)))
    return pooling.shifted(x, (kernel_shape[0], kernel_shape[1]), geometry.stride)
