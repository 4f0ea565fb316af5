"""The mean of sets of weights."""

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


def test_the_mean():
    sets = [weights(seed) for seed in range(3)]
    leaves = [
        jax.tree.leaves((w.params, w.stats)) for w in (*sets, blending.mean(sets))
    ]
    for a, b, c, found in zip(*leaves, strict=True):
        expected = (np.asarray(a) + np.asarray(b) + np.asarray(c)) / 3
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert found.dtype == np.float32
    same = blending.mean(sets[:1])
    jax.tree.map(np.testing.assert_array_equal, same.params, sets[0].params)


def test_only_of_one_network():
    with pytest.raises(failure.WeightsError):
        blending.mean([weights(0), weights(1, width=8)])
