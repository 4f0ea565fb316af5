"""Parameters and multiply-adds as their authors publish them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maskarc import models
from maskarc.models import cost

SMALL = {
    "iresnet18": {"image_size": 32, "width": 4, "embed_dim": 8},
    "iresnet50_se": {"image_size": 32, "width": 16, "embed_dim": 8},
    "mbf": {"image_size": 32, "width": 4, "embed_dim": 8},
    "mbf_large": {"image_size": 32, "width": 4, "embed_dim": 8},
    "dlib_resnet29": {"image_size": 103, "width": 4, "embed_dim": 8},
}


# InsightFace's model zoo: R18 24.0 M and 2.6 G, MBF 0.45 G.
@pytest.mark.parametrize(
    ("name", "millions", "billions"),
    [("iresnet18", 24.0, 2.6), ("mbf", 2.05, 0.45)],
)
def test_published_figures(name, millions, billions):
    count, operations = cost.measure(models.create(name))
    assert count / 1e6 == pytest.approx(millions, rel=0.01)
    assert operations / 1e9 == pytest.approx(billions, rel=0.03)


def test_counted_by_hand():
    backbone = models.create("dlib_resnet29", image_size=103, width=1, embed_dim=2)
    count, operations = cost.measure(backbone)
    # Kernels and affine layers of the stem, then of each block, then the last layer.
    widths = [1] * 4 + [2] * 4 + [4] * 3 + [8] * 4
    blocks = sum(
        9 * before * after + 9 * after * after + 4 * after
        for before, after in itertools.pairwise(widths)
    )
    assert count == 3 * 49 + 2 + blocks + 8 * 2
    # Maps: 49 behind the stem, 24 behind the pool, then 12, 6, 3 and 1 wide.
    sides = [24] * 3 + [12] * 4 + [6] * 3 + [3] * 3 + [1]
    assert operations >= 3 * 49 * 49**2
    assert operations == pytest.approx(3 * 49 * 49**2 + sum(
        9 * side**2 * (before * after + after * after)
        for side, before, after in zip(sides, widths[:-1], widths[1:], strict=True)
    ) + 16, rel=0.15)  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_embeds_and_differentiates(name):
    backbone = models.create(name, **SMALL[name])
    params, stats = backbone.init(jax.random.key(0))
    side = backbone.image_size
    images = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), np.uint8)

    @jax.jit
    def loss(params):
        embeddings, _ = backbone.apply(
            params, stats, images, train=True, key=jax.random.key(1)
        )
        return jnp.mean(embeddings**2), embeddings

    gradients, embeddings = jax.grad(loss, has_aux=True)(params)
    assert embeddings.shape == (2, 8) and embeddings.dtype == jnp.float32
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_crops_too_small_are_refused():
    with pytest.raises(ValueError, match="1×1 map"):
        models.create("iresnet18", image_size=16).init(jax.random.key(0))
