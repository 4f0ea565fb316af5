"""Masked face recognition in JAX and Flax.

Importing this package imports nothing heavy: take the module you need, for example
``from maskarc import losses`` (jax only) or ``from maskarc.masks import rendering``
(NumPy and OpenCV only).
"""

__version__ = "0.1.0"
