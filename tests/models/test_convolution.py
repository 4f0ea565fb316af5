"""Every form against XLA's own convolution, in value and in both gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from maskarc import models
from maskarc.models import convolution, platform

# Name → (batch, side, features, out, kernel's side, stride, padding, groups, form).
# Where a layer's real width would only take time, it is narrower.
GEOMETRIES = {
    "resnet, stem": (2, 56, 3, 8, 7, 2, 3, 1, "patches"),
    "resnet, small stem": (2, 16, 3, 8, 3, 1, 1, 1, "xla"),
    "resnet, 28": (2, 28, 64, 64, 3, 1, 1, 1, "xla"),
    "resnet, 14": (3, 14, 128, 136, 3, 1, 1, 1, "winograd"),
    "resnet, 7": (11, 7, 128, 128, 3, 1, 1, 1, "winograd"),
    "resnet, 4": (32, 4, 128, 128, 3, 1, 1, 1, "winograd"),
    "resnet, few images": (2, 7, 128, 128, 3, 1, 1, 1, "xla"),
    "resnet, 28 to 14": (3, 28, 16, 24, 3, 2, 1, 1, "xla"),
    "resnet, 14 to 7": (3, 14, 16, 24, 3, 2, 1, 1, "product"),
    "resnet, 7 to 4": (3, 7, 16, 24, 3, 2, 1, 1, "product"),
    "resnet, maps of 2": (5, 2, 16, 16, 3, 1, 1, 1, "product"),
    "resnet, 4 to 2": (5, 4, 16, 16, 3, 2, 1, 1, "product"),
    "resnet, shortcut": (3, 28, 16, 24, 1, 2, 0, 1, "product"),
    "resnet, shortcut of an odd map": (3, 7, 16, 24, 1, 2, 0, 1, "product"),
    "bottleneck, 1×1": (3, 14, 16, 64, 1, 1, 0, 1, "product"),
    "iresnet, 112 to 56": (2, 80, 8, 8, 3, 2, 1, 1, "xla"),
    "iresnet, maps of 1": (4, 1, 8, 8, 3, 1, 1, 1, "product"),
    "mbf, depthwise": (8, 14, 16, 16, 3, 1, 1, 16, "shifts"),
    "mbf, depthwise, strided": (3, 28, 16, 16, 3, 2, 1, 16, "shifts"),
    "mbf, depthwise, odd and strided": (3, 7, 16, 16, 3, 2, 1, 16, "shifts"),
    "mbf, pool": (5, 7, 16, 16, 7, 1, 0, 16, "whole"),
    "mbf, grouped": (8, 12, 16, 16, 3, 1, 1, 8, "shifts"),
    "mbf, grouped, more outputs": (3, 12, 8, 16, 3, 1, 1, 4, "shifts"),
    "wide groups": (2, 9, 32, 32, 3, 1, 1, 2, "xla"),
    "dlib, stem": (2, 31, 3, 8, 7, 2, 0, 1, "xla"),
    "dlib, strided without padding": (2, 15, 16, 16, 3, 2, 0, 1, "product"),
    "dlib, 35": (1, 35, 128, 128, 3, 1, 1, 1, "winograd"),
    "dlib, maps of 3": (3, 3, 16, 16, 3, 1, 1, 1, "product"),
}
TOLERANCE = {"float32": 3e-6, "bfloat16": 1e-2}


def drawn(name, dtype="float32"):
    """x, kernel and a cotangent, and the convolution's geometry."""
    batch, side, features, out, size, stride, pad, groups, _ = GEOMETRIES[name]
    rng = np.random.default_rng(0)
    geometry = convolution.Geometry(stride, ((pad, pad), (pad, pad)), groups)
    after = (side + 2 * pad - size) // stride + 1
    shapes = (
        (batch, side, side, features),
        (size, size, features // groups, out),
        (batch, after, after, out),
    )
    return geometry, [jnp.asarray(rng.standard_normal(s), dtype) for s in shapes]


def reference(geometry, x, kernel):
    return lax.conv_general_dilated(
        x,
        kernel,
        (geometry.stride,) * 2,
        geometry.padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=geometry.groups,
        precision="highest",
    )


def value_and_gradients(function, x, kernel, cotangent):
    value, pull = jax.vjp(function, x, kernel)
    return value, *pull(cotangent)


def assert_close(got, expected, dtype="float32"):
    for ours, theirs in zip(got, expected, strict=True):
        assert ours.shape == theirs.shape
        theirs = np.asarray(theirs, np.float64)
        np.testing.assert_allclose(
            np.asarray(ours, np.float64),
            theirs,
            rtol=0,
            atol=TOLERANCE[dtype] * np.abs(theirs).max(),
        )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_equals_xlas_in_value_and_gradients(name, dtype):
    geometry, (x, kernel, cotangent) = drawn(name, dtype)
    assert convolution.form(geometry, x.shape, kernel.shape) == GEOMETRIES[name][-1]
    ours = jax.jit(
        functools.partial(
            value_and_gradients, functools.partial(convolution.convolve, geometry)
        )
    )(x, kernel, cotangent)
    wide = [a.astype(jnp.float32) for a in (x, kernel, cotangent)]
    theirs = jax.jit(
        functools.partial(value_and_gradients, functools.partial(reference, geometry))
    )(*wide)
    assert all(a.dtype == dtype for a in ours)
    assert_close(ours, theirs, dtype)


@pytest.mark.parametrize("name", ["resnet, 14", "mbf, depthwise", "resnet, 4 to 2"])
def test_under_other_transformations(name):
    geometry, (x, kernel, cotangent) = drawn(name)

    def loss(function, x, kernel):
        return jnp.sum(function(x, kernel) * cotangent)

    ours = functools.partial(loss, functools.partial(convolution.convolve, geometry))
    theirs = functools.partial(loss, functools.partial(reference, geometry))
    stacked = jnp.stack([kernel, 2 * kernel])

    def gradients(loss):
        of_each = jax.vmap(jax.grad(loss, argnums=1), (None, 0))
        return jax.jit(of_each)(x, stacked)

    got, want = gradients(jax.checkpoint(ours)), gradients(theirs)
    assert_close([got], [want])


COLLECTIVES = ("all-gather", "all-to-all", "collective-permute", "reduce-scatter")
SPLIT = {
    "resnet, 14": (16, 14, 128, 128, 3, 1, 1, 1, "winograd"),
    "resnet, stem": (16, 56, 3, 8, 7, 2, 3, 1, "patches"),
    "mbf, depthwise": (16, 14, 16, 16, 3, 1, 1, 16, "shifts"),
    "resnet, shortcut": (16, 14, 16, 24, 1, 2, 0, 1, "product"),
}


@pytest.mark.parametrize("name", SPLIT)
def test_split_over_devices_without_moving_maps(name, monkeypatch):
    monkeypatch.setitem(GEOMETRIES, name, SPLIT[name])
    geometry, arrays = drawn(name)
    single = value_and_gradients(functools.partial(reference, geometry), *arrays)
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("data",))
    spec = jax.sharding.PartitionSpec
    split, whole = (jax.sharding.NamedSharding(mesh, s) for s in (spec("data"), spec()))
    shardings = (split, whole, split)
    placed = [jax.device_put(a, s) for a, s in zip(arrays, shardings, strict=True)]

    def ours(x, kernel, cotangent):
        def own(x, kernel):
            return convolution.conv_general_dilated(
                x,
                kernel,
                (geometry.stride,) * 2,
                geometry.padding,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
                feature_group_count=geometry.groups,
            )

        return value_and_gradients(own, x, kernel, cotangent)

    # By jit: no device needs another's part but for the kernel's gradient.
    compiled = (
        jax.jit(ours, out_shardings=(split, split, whole)).lower(*placed).compile()
    )
    text = compiled.as_text()
    assert "all-reduce" in text
    assert not [name for name in COLLECTIVES if name in text]
    assert_close(compiled(*placed), single)
    # By hand, where the mark on the kernel makes the sum.
    by_hand = jax.shard_map(
        ours,
        mesh=mesh,
        in_specs=(spec("data"), spec(), spec("data")),
        out_specs=(spec("data"), spec("data"), spec()),
    )
    assert_close(jax.jit(by_hand)(*placed), single)


def test_jit_equals_eager():
    geometry, (x, kernel, _) = drawn("resnet, 4")
    function = functools.partial(convolution.convolve, geometry)
    assert_close([jax.jit(function)(x, kernel)], [function(x, kernel)])


@pytest.mark.parametrize("name", ["resnet, 14", "dlib, stem", "mbf, depthwise"])
@pytest.mark.reference
def test_equals_pytorchs_in_value_and_gradients(name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    geometry, arrays = drawn(name)
    x, kernel, cotangent = (torch.tensor(np.asarray(a)) for a in arrays)
    x = x.permute(0, 3, 1, 2).requires_grad_()
    kernel = kernel.permute(3, 2, 0, 1).requires_grad_()
    value = torch.nn.functional.conv2d(
        x,
        kernel,
        stride=geometry.stride,
        padding=geometry.padding[0][0],
        groups=geometry.groups,
    )
    value.backward(cotangent.permute(0, 3, 1, 2))
    theirs = (
        value.detach().permute(0, 2, 3, 1).numpy(),
        x.grad.permute(0, 2, 3, 1).numpy(),
        kernel.grad.permute(2, 3, 1, 0).numpy(),
    )
    function = functools.partial(convolution.convolve, geometry)
    ours = jax.jit(functools.partial(value_and_gradients, function))(*arrays)
    assert_close(ours, theirs)


# One of each family; the first is wide enough for Winograd's form.
NETWORKS = {
    "resnet18": {"image_size": 128, "width": 64},
    "iresnet18": {"image_size": 32, "width": 8},
    "mbf": {"image_size": 32, "width": 8},
    "dlib_resnet29": {"image_size": 103, "width": 8},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_embeds_the_same_in_portable_forms(name):
    backbone = models.create(name, embed_dim=8, **NETWORKS[name])
    params, stats = backbone.init(jax.random.key(0))
    side = backbone.image_size
    crops = np.random.default_rng(0).integers(0, 256, (8, side, side, 3), np.uint8)

    # Two functions: the jit of one would keep the first form.
    def programs():
        return jax.jit(lambda *a: backbone.apply(*a)[0])

    ours = programs().lower(params, stats, crops)
    with platform.portable():
        plain = programs().lower(params, stats, crops)
    convolutions = [p.as_text().count("stablehlo.convolution") for p in (ours, plain)]
    assert convolutions[0] < convolutions[1] == convolutions_of(params)
    np.testing.assert_allclose(
        ours.compile()(params, stats, crops),
        plain.compile()(params, stats, crops),
        rtol=1e-3,
        atol=1e-4,
    )


def convolutions_of(params):
    return sum(leaf.ndim == 4 for leaf in jax.tree.leaves(params))


def test_other_platforms_take_xlas_own(monkeypatch):
    geometry, (x, kernel, _) = drawn("resnet, 14")
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    traced = jax.make_jaxpr(
        lambda x, kernel: convolution.conv_general_dilated(
            x,
            kernel,
            (1, 1),
            geometry.padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
    )(x, kernel)
    assert [e.primitive.name for e in traced.eqns] == ["conv_general_dilated"]
