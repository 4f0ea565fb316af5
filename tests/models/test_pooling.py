"""The max-pool against XLA's and PyTorch's, ties included."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maskarc.models import platform, pooling

# Side of the map, of the window, stride, padding.
WINDOWS = [
    (14, 3, 2, (1, 1)),
    (13, 3, 2, (0, 0)),
    (14, 3, 2, (0, 0)),
    (9, 3, 1, (1, 1)),
]
WINDOWS += [(8, 2, 2, (0, 0)), (11, 4, 3, (1, 2))]


def value_and_gradient(function, x, cotangent):
    value, pull = jax.vjp(function, x)
    return value, pull(cotangent)[0]


# Few different numbers: most windows have several that are largest.
@pytest.mark.parametrize("values", [1000, 3])
@pytest.mark.parametrize("window", WINDOWS)
def test_equals_xlas_and_the_first_of_equals_is_chosen(window, values):
    side, size, stride, padding = window
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.integers(0, values, (2, side, side, 3)), jnp.float32)
    function = functools.partial(
        pooling.max_pool, size=size, stride=stride, padding=padding
    )
    shape = jax.eval_shape(function, x).shape
    cotangent = jnp.asarray(rng.integers(-9, 9, shape), jnp.float32)
    with platform.portable():
        theirs = value_and_gradient(function, x, cotangent)
    ours = value_and_gradient(function, x, cotangent)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.reference
def test_equals_pytorchs():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, (2, 14, 14, 3)).astype(np.float32)
    cotangent = rng.integers(-9, 9, (2, 7, 7, 3)).astype(np.float32)
    moved = torch.tensor(x.transpose(0, 3, 1, 2)).requires_grad_()
    value = torch.nn.functional.max_pool2d(moved, 3, 2, 1)
    value.backward(torch.tensor(cotangent.transpose(0, 3, 1, 2)))
    ours = value_and_gradient(
        functools.partial(pooling.max_pool, size=3, stride=2, padding=(1, 1)),
        jnp.asarray(x),
        jnp.asarray(cotangent),
    )
    theirs = (value.detach(), moved.grad)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b.numpy().transpose(0, 2, 3, 1))


def test_nothing_is_hidden_that_is_not_a_number():
    x = jnp.zeros((1, 4, 4, 1)).at[0, 0, 0, 0].set(jnp.nan)
    assert jnp.isnan(pooling.max_pool(x, 2, 2)[0, 0, 0, 0])
