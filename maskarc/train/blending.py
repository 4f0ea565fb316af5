"""The mean of several sets of weights of one network: of its start and fine-tuned ones.

References:
  Wortsman et al., "Robust Fine-tuning of Zero-shot Models", CVPR 2022.
  Wortsman et al., "Model Soups: Averaging Weights of Multiple Fine-tuned Models
  Improves Accuracy without Increasing Inference Time", ICML 2022.
"""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from maskarc.convert import failure, own_file
from maskarc.train import checkpoint


def blend(
    sets: Sequence[own_file.Weights], shares: Sequence[float]
) -> own_file.Weights:
    """The weighted mean.

    Args:
      sets: of one network and crop, the start of the others among them.
      shares: of each set, ≥ 0; their sum is 1.

    Raises:
      ValueError: the shares do not fit.
      failure.WeightsError: the sets are not of one network.
    """
    if len(shares) != len(sets) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"expected {len(sets)} shares of sum 1, got {list(shares)}")
    last = sets[-1]

    def mean(*leaves: jax.Array) -> np.ndarray:
        scaled = [s * np.asarray(x) for s, x in zip(shares, leaves, strict=True)]
        return sum(scaled[1:], scaled[0]).astype(np.float32)

    trees = []
    for name in ("params", "stats"):
        parts = [getattr(one, name) for one in sets]
        for part in parts:
            failure.check_complete(
                checkpoint.shapes(parts[-1]), checkpoint.shapes(part)
            )
        trees.append(jax.tree.map(mean, *parts))
    return dataclasses.replace(last, params=trees[0], stats=trees[1])
