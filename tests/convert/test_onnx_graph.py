"""ONNX graphs in onnxruntime against JAX, for every family and any batch."""

import jax
import numpy as np
import pytest

from maskarc import models
from maskarc.convert import onnx_graph, own_file

onnx = pytest.importorskip("onnx", reason="extra 'onnx' is not installed")
runtime = pytest.importorskip("onnxruntime")

OPTIONS = {
    "resnet18": {"image_size": 64, "width": 4, "embed_dim": 8},
    "resnet50": {"image_size": 32, "width": 4, "embed_dim": 8, "stem": "small"},
    "iresnet18": {"image_size": 32, "width": 4, "embed_dim": 8},
    "mbf": {"image_size": 32, "width": 4, "embed_dim": 8},
    "dlib_resnet29": {"image_size": 103, "width": 4, "embed_dim": 8},
}


def weights_of(name):
    backbone = models.create(name, **OPTIONS[name])
    params, stats = backbone.init(jax.random.key(0))
    # Statistics that are not those of a fresh network.
    stats = jax.tree.map(lambda leaf: leaf + 0.1, stats)
    return own_file.Weights(
        backbone=backbone, params=params, stats=stats, crop="arcface"
    )


@pytest.mark.parametrize("name", OPTIONS)
def test_onnxruntime_gives_the_same(name, tmp_path):
    weights = weights_of(name)
    onnx_graph.save(tmp_path / "a.onnx", weights)
    session = runtime.InferenceSession(
        tmp_path / "a.onnx", providers=["CPUExecutionProvider"]
    )
    side = weights.backbone.image_size
    crops = np.random.default_rng(0).integers(0, 256, (5, side, side, 3), np.uint8)
    expected, _ = weights.backbone.apply(weights.params, weights.stats, crops)
    for count in (1, 5):
        [result] = session.run(None, {"crops": crops[:count]})
        assert result.dtype == np.float32
        np.testing.assert_allclose(
            result, expected[:count], rtol=1e-3, atol=1e-4 * np.abs(expected).max()
        )


def test_the_contract_is_in_the_file(tmp_path):
    onnx_graph.save(tmp_path / "deep" / "a.onnx", weights_of("iresnet18"))
    model = onnx.load(tmp_path / "deep" / "a.onnx")
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told["model"] == "iresnet18" and told["crop"] == "arcface"
    assert told["contract"] == own_file.CONTRACT
