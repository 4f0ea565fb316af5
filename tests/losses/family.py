"""Every margin function, and its target logit as a formula in the angle.

Tests that hold for all margins run over this list; a new margin gets a new row.
"""

import functools
import math

import jax.numpy as jnp
import numpy as np

from maskarc import losses

S = 16.0


def psi(phi):
    """SphereFace's continuation, in float64."""
    k = np.floor(phi / math.pi)
    return (-1) ** k * np.cos(phi) - 2 * k


def turned(theta, m):
    """ArcFace's cos(θ + m), and cos θ − m sin m beyond π."""
    beyond = np.cos(theta) - m * math.sin(m)
    return np.where(theta + m <= math.pi, np.cos(theta + m), beyond)


def of(function, **constants):
    return functools.partial(function, scale=S, **constants)


# name → (logits function, target logit / s as a function of θ in float64)
MARGINS = {
    "norm_softmax": (of(losses.norm_softmax_logits), np.cos),
    "sphereface": (of(losses.sphereface_logits), lambda t: psi(4 * t)),
    "sphereface_1.35": (
        of(losses.sphereface_logits, margin=1.35),
        lambda t: psi(1.35 * t),
    ),
    "sphereface_blend": (
        of(losses.sphereface_logits, margin=2, blend=5.0),
        lambda t: (psi(2 * t) + 5 * np.cos(t)) / 6,
    ),
    "cosface": (of(losses.cosface_logits), lambda t: np.cos(t) - 0.35),
    "arcface": (of(losses.arcface_logits), lambda t: turned(t, 0.5)),
    "arcface_1.2": (
        of(losses.arcface_logits, margin=1.2),
        lambda t: turned(t, 1.2),
    ),
    "combined": (of(losses.combined_logits), lambda t: turned(t, 0.3) - 0.2),
    "combined_0.9": (
        of(losses.combined_logits, m1=0.9, m2=0.4, m3=0.15),
        lambda t: psi(0.9 * t + 0.4) - 0.15,
    ),
}

# Those whose other logits are not s · cos θ, or that take more than cosines and labels.
STATISTICS = losses.NormStatistics(mean=jnp.float32(20), deviation=jnp.float32(5))


def norms(labels):
    """Some embedding lengths, a function of the labels' shape alone."""
    return 20 + jnp.arange(jnp.size(labels), dtype=jnp.float32).reshape(
        jnp.shape(labels)
    )


OTHERS = {
    "li_arcface": of(losses.li_arcface_logits),
    "curricularface": lambda c, y: losses.curricularface_logits(c, y, 0.3, scale=S),
    "adaface": lambda c, y: losses.adaface_logits(c, y, norms(y), STATISTICS, scale=S),
    "magface": lambda c, y: losses.magface_logits(c, y, norms(y), scale=S),
}

ALL = {name: function for name, (function, _) in MARGINS.items()} | OTHERS
