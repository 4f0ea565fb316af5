"""Crops to embeddings, batch by batch."""

import jax
import numpy as np
import pytest

from maskarc import inference, models
from maskarc.convert import own_file


@pytest.fixture(scope="module")
def embedder():
    backbone = models.create(
        "resnet18", width=4, image_size=64, embed_dim=8, stem="small"
    )
    params, stats = backbone.init(jax.random.key(0))
    weights = own_file.Weights(
        backbone=backbone, params=params, stats=stats, crop="arcface"
    )
    return inference.Embedder(weights, batch_size=4)


def test_a_batch_is_not_written_to_after_it_was_handed_over(embedder):
    """JAX may still read it then: what one batch holds must not reach another."""
    crops = np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3), np.uint8)
    handed = list(embedder._batches(iter(crops)))
    assert [count for _, count in handed] == [4, 4, 2]
    for number, (batch, count) in enumerate(handed):
        np.testing.assert_array_equal(batch[:count], crops[4 * number :][:count])
        assert not np.asarray(batch[count:]).any()


def test_embeddings_do_not_depend_on_the_batch(embedder):
    crops = np.random.default_rng(1).integers(0, 256, (10, 64, 64, 3), np.uint8)
    together = embedder.embed(iter(crops))
    alone = np.concatenate([embedder.embed([crop]) for crop in crops])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    for _ in range(20):
        np.testing.assert_array_equal(embedder.embed(iter(crops)), together)
