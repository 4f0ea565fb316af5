"""Between two sets of weights of one network: fine-tuned, but not all the way.

References:
  Wortsman et al., "Robust Fine-tuning of Zero-shot Models", CVPR 2022.
"""

import dataclasses
from typing import Any

import jax
import numpy as np

from maskarc.convert import failure, own_file
from maskarc.train import checkpoint


def blend(
    start: own_file.Weights, tuned: own_file.Weights, share: float
) -> own_file.Weights:
    """The weights at a share of the way from one set to the other.

    Args:
      start: where the training began.
      tuned: where it ended; its crop and options are kept.
      share: 0 for the start, 1 for the end.

    Raises:
      ValueError: the share is outside [0, 1].
      failure.WeightsError: the two are not of one network.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"expected a share in [0, 1], got {share}")

    def between(a: Any, b: Any) -> np.ndarray:
        a, b = (np.asarray(leaf, np.float32) for leaf in (a, b))
        return (1 - share) * a + share * b

    trees = []
    for a, b in ((start.params, tuned.params), (start.stats, tuned.stats)):
        failure.check_complete(checkpoint.shapes(b), checkpoint.shapes(a))
        trees.append(jax.tree.map(between, a, b))
    return dataclasses.replace(tuned, params=trees[0], stats=trees[1])
