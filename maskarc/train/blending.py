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


def mean(sets: Sequence[own_file.Weights]) -> own_file.Weights:
    """The mean of the sets, each with the same share.

    Args:
      sets: of one network; the start of the others may be among them. The last one's
        crop is the mean's.

    Raises:
      failure.WeightsError: the sets are not of one network.
    """

    def mean_leaf(*leaves: jax.Array) -> np.ndarray:
        return np.asarray(np.mean(np.stack(leaves), axis=0, dtype=np.float32))

    trees = []
    for name in ("params", "stats"):
        parts = [getattr(one, name) for one in sets]
        expected = checkpoint.shapes(parts[-1])
        for part in parts:
            failure.check_complete(expected, checkpoint.shapes(part))
        trees.append(jax.tree.map(mean_leaf, *parts))
    return dataclasses.replace(sets[-1], params=trees[0], stats=trees[1])
