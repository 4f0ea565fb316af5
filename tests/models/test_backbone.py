"""Backbones: published sizes, torchvision's arithmetic, purity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maskarc import models

# torchvision 0.23, without its classifier (fc): parameters of the published networks.
TRUNK_PARAMETERS = {
    "resnet18": 11_176_512,
    "resnet34": 21_284_672,
    "resnet50": 23_508_032,
    "resnet101": 42_500_160,
}
SMALL = {"image_size": 32, "width": 8, "embed_dim": 16, "stem": "small"}


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("name", TRUNK_PARAMETERS)
def test_trunk_has_torchvisions_parameters(name):
    params, _ = jax.eval_shape(models.create(name).init, jax.random.key(0))
    assert count(params) - count(params["head"]) == TRUNK_PARAMETERS[name]


# The other two repeat the same blocks: compiling them takes a minute and shows no more.
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_embeds_and_differentiates(name):
    backbone = models.create(name, **SMALL)
    params, stats = backbone.init(jax.random.key(0))
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)

    @jax.jit
    def loss(params):
        embeddings, _ = backbone.apply(
            params, stats, images, train=True, key=jax.random.key(1)
        )
        return jnp.mean(embeddings**2), embeddings

    gradients, embeddings = jax.grad(loss, has_aux=True)(params)
    assert embeddings.shape == (2, 16) and embeddings.dtype == jnp.float32
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_default_embedding_of_a_112_crop():
    backbone = models.create("resnet18")
    params, stats = jax.eval_shape(backbone.init, jax.random.key(0))
    embeddings, _ = jax.eval_shape(
        backbone.apply, params, stats, jnp.zeros((3, 112, 112, 3), jnp.uint8)
    )
    assert embeddings.shape == (3, 512)


def test_inference_does_not_depend_on_the_rest_of_the_batch():
    backbone = models.create("resnet18", **SMALL)
    params, stats = backbone.init(jax.random.key(0))
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    whole, unchanged = backbone.apply(params, stats, images)
    single, _ = backbone.apply(params, stats, images[2:3])
    np.testing.assert_allclose(whole[2:3], single, rtol=1e-3, atol=1e-5)
    assert unchanged is stats


def test_training_moves_the_statistics_towards_the_batch():
    backbone = models.create("resnet18", **SMALL)
    params, stats = backbone.init(jax.random.key(0))
    images = jnp.full((4, 32, 32, 3), 0.5)
    kernel = params["conv1"]["kernel"]
    # A constant picture: away from the border the convolution is the kernel's sum.
    _, updated = backbone.apply(
        params, stats, images, train=True, key=jax.random.key(1)
    )
    assert kernel.shape == (3, 3, 3, 8)
    assert jnp.abs(updated["bn1"]["mean"]).max() > 0
    assert jax.tree.structure(updated) == jax.tree.structure(stats)


def test_bfloat16_computes_narrow_and_keeps_wide():
    wide = models.create("resnet18", **SMALL)
    narrow = models.create("resnet18", **SMALL, dtype="bfloat16")
    params, stats = narrow.init(jax.random.key(0))
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves((params, stats)))
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    a, _ = wide.apply(params, stats, images)
    b, _ = narrow.apply(params, stats, images)
    assert b.dtype == jnp.float32
    cosine = jnp.sum(a * b, axis=1) / jnp.linalg.norm(a, axis=1)
    np.testing.assert_allclose(cosine / jnp.linalg.norm(b, axis=1), 1.0, atol=1e-2)


def test_preprocess_maps_bytes_to_minus_one_to_one():
    np.testing.assert_allclose(models.preprocess(np.uint8([0, 255])), [-1.0, 1.0])


def test_unknown_names_and_options_are_answered_with_the_valid_ones():
    with pytest.raises(ValueError, match="resnet101"):
        models.create("resnet19")
    with pytest.raises(ValueError, match="embed_dim"):
        models.create("resnet18", embedding=3)


def test_crops_too_small_for_the_trunk():
    with pytest.raises(ValueError, match="larger crops"):
        models.create("resnet18", image_size=32).init(jax.random.key(0))


@pytest.mark.parametrize(("stride", "size"), [(1, 3), (2, 3), (2, 1), (2, 7)])
@pytest.mark.reference
def test_convolution_pads_like_pytorch(stride, size):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from flax import nnx

    from maskarc.models import layers

    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 11, 11, 3)).astype(np.float32)
    conv = layers.conv(3, 4, size, stride=stride, rngs=nnx.Rngs(0))
    kernel = np.asarray(conv.kernel[...])
    expected = torch.nn.functional.conv2d(
        torch.tensor(x.transpose(0, 3, 1, 2)),
        torch.tensor(kernel.transpose(3, 2, 0, 1)),
        stride=stride,
        padding=size // 2,
    )
    np.testing.assert_allclose(
        conv(x), expected.numpy().transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-5
    )


def test_a_small_cnn_gives_a_few_numbers():
    backbone = models.create("small_cnn", image_size=32, embed_dim=3)
    params, stats = backbone.init(jax.random.key(0))
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    found, _ = backbone.apply(params, stats, images)
    assert found.shape == (2, 3) and found.dtype == jnp.float32 and stats == {}
    with pytest.raises(ValueError, match="multiple of 8"):
        models.create("small_cnn", image_size=30).shapes()
