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


def test_a_share_of_the_way():
    start, tuned = weights(0), weights(1)
    blended = blending.blend(start, tuned, 0.25)
    for a, b, c in zip(
        *(jax.tree.leaves((w.params, w.stats)) for w in (start, tuned, blended)),
        strict=True,
    ):
        np.testing.assert_allclose(c, 0.75 * np.asarray(a) + 0.25 * b, atol=1e-6)
    for share, end in ((0, start), (1, tuned)):
        same = blending.blend(start, tuned, share)
        jax.tree.map(np.testing.assert_array_equal, same.params, end.params)


def test_only_of_one_network_and_in_between():
    with pytest.raises(ValueError, match=r"share in \[0, 1\], got 1\.5"):
        blending.blend(weights(0), weights(1), 1.5)
    with pytest.raises(failure.WeightsError):
        blending.blend(weights(0), weights(1, width=8), 0.5)
