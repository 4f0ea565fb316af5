"""What every importer of weights raises, and the checks that all of them make."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np


class WeightsError(ValueError):
    """The weights cannot be used; the message says why and what was expected."""


def check_complete(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]
) -> None:
    """Compares names and shapes.

    Args:
      expected: name → shape of the model's arrays.
      found: name → shape of the file's.

    Raises:
      WeightsError: lists what is missing, what is unexpected, what has another shape.
    """
    problems = []
    if missing := sorted(set(expected) - set(found)):
        problems.append(f"missing: {_listed(missing)}")
    if unexpected := sorted(set(found) - set(expected)):
        problems.append(f"unexpected: {_listed(unexpected)}")
    shapes = [
        f"{name} {list(found[name])} instead of {list(shape)}"
        for name, shape in expected.items()
        if name in found and tuple(found[name]) != tuple(shape)
    ]
    if shapes:
        problems.append(f"of another shape: {_listed(shapes)}")
    if problems:
        raise WeightsError("the weights are of another network; " + "; ".join(problems))


def check_finite(tree: Any) -> None:
    """Raises WeightsError where an array of a tree holds NaN or infinity."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    broken = [
        jax.tree_util.keystr(path, simple=True, separator=".")
        for path, leaf in leaves
        if not np.isfinite(np.asarray(leaf)).all()
    ]
    if broken:
        raise WeightsError(f"NaN or infinity in the weights: {_listed(broken)}")


def _listed(names: list[str], most: int = 8) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
