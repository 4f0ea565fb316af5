"""Weights between two sets of weights."""

import jax
import numpy as np
import pytest

from maskarc import models
from maskarc.convert import failure, own_file
from maskarc.train import blending


def weights(seed, width=4):
    backbone = models.create(
        "resnet18", width=width, image_size=32, embed_dim=8, stem="small"
    )
    params, stats = backbone.init(jax.random.key(seed))
    return own_file.Weights(
        backbone=backbone, params=params, stats=stats, crop="arcface"
    )


def test_the_weighted_mean():
    sets = [weights(seed) for seed in range(3)]
    blended = blending.blend(sets, (0.5, 0.3, 0.2))
    leaves = [jax.tree.leaves((w.params, w.stats)) for w in (*sets, blended)]
    for a, b, c, found in zip(*leaves, strict=True):
        expected = 0.5 * np.asarray(a) + 0.3 * np.asarray(b) + 0.2 * np.asarray(c)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert found.dtype == np.float32
    same = blending.blend(sets, (0, 1, 0))
    jax.tree.map(np.testing.assert_array_equal, same.params, sets[1].params)


def test_only_of_one_network_and_of_shares_that_fit():
    for shares in ((0.5, 0.4), (1.5, -0.5), (1.0,)):
        with pytest.raises(ValueError, match="expected 2 shares of sum 1"):
            blending.blend([weights(0), weights(1)], shares)
    with pytest.raises(failure.WeightsError):
        blending.blend([weights(0), weights(1, width=8)], (0.5, 0.5))
