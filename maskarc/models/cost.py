"""What a backbone costs: parameters, and multiply-adds of one image."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from maskarc.models import backbone as backbones
from maskarc.models import platform


def measure(backbone: backbones.Backbone) -> tuple[int, int]:
    """Counts parameters, and multiply-adds at inference.

    Multiply-adds are those of the convolutions and matrix products of the traced
    program, as the field counts them: normalisation, activation and addition are left
    out.

    Args:
      backbone: any; nothing is allocated.

    Returns:
      (parameters without BatchNorm's running statistics, multiply-adds of one crop).
    """
    size = backbone.image_size
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.uint8)
    params, stats = backbone.shapes()
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    with platform.portable():
        traced = jax.make_jaxpr(backbone.apply)(params, stats, image)
    return count, _count(traced.jaxpr)


def _count(jaxpr: Any) -> int:
    total = 0
    for equation in jaxpr.eqns:
        out = equation.outvars[0].aval
        if equation.primitive.name == "conv_general_dilated":
            kernel, numbers = equation.invars[1].aval, equation.params
            rhs_spec = numbers["dimension_numbers"].rhs_spec
            total += out.size * kernel.size // kernel.shape[rhs_spec[0]]
        elif equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            total += out.size * math.prod(shape[axis] for axis in contracted)
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                total += _count(inner)
    return total
