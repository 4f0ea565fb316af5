"""InsightFace's ONNX files against onnxruntime, and files that are refused."""

import jax
import numpy as np
import pytest

from maskarc import inference, models
from maskarc.convert import failure, foreign, onnx_file

onnx = pytest.importorskip("onnx", reason="extra 'onnx' is not installed")
runtime = pytest.importorskip("onnxruntime")

from tests.convert import onnx_networks  # noqa: E402

WRITE = {
    "iresnet18": lambda g: onnx_networks.iresnet(
        g, sizes=(2, 2, 2, 2), width=4, map_size=2, embed_dim=8
    ),
    "mbf": lambda g: onnx_networks.mobilefacenet(
        g, sizes=(1, 4, 6, 2), width=4, map_size=2, embed_dim=8
    ),
}
OPTIONS = {"image_size": 32, "width": 4, "embed_dim": 8}


def written(path, name="iresnet18", *, folds=True):
    graph = onnx_networks.Graph(folds=folds)
    WRITE[name](graph)
    onnx.save(graph.model(32), path)
    return path


@pytest.mark.parametrize("folds", [True, False])
@pytest.mark.parametrize("name", WRITE)
def test_embeddings_are_onnxruntimes(tmp_path, name, folds):
    path = written(tmp_path / "a.onnx", name, folds=folds)
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    scaled = np.asarray(models.preprocess(crops)).transpose(0, 3, 1, 2)
    [expected] = session.run(None, {"data": scaled})
    backbone = models.create(name, **OPTIONS)
    result, _ = backbone.apply(*foreign.load(path, backbone), crops)
    assert np.abs(result - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_command_can_name_the_file(tmp_path, monkeypatch):
    monkeypatch.setitem(
        models.MODELS,
        "iresnet18",
        type(models.MODELS["iresnet18"])(models.MODELS["iresnet18"], **OPTIONS),
    )
    weights = inference.load_weights(written(tmp_path / "a.onnx"), model="iresnet18")
    assert weights.crop == "arcface"
    assert sum(leaf.size for leaf in jax.tree.leaves(weights.params)) > 1000


def test_equal_arrays_that_are_kept_once(tmp_path):
    path = written(tmp_path / "a.onnx")
    whole = onnx_file.load(path, models.create("iresnet18", **OPTIONS))
    model = onnx.load(path)
    [prelu, *_] = [n for n in model.graph.node if n.op_type == "PRelu"]
    same = onnx.helper.make_node("Identity", [prelu.input[1]], ["same"])
    prelu.input[1] = "same"
    model.graph.node.insert(0, same)
    onnx.save(model, path)
    again = onnx_file.load(path, models.create("iresnet18", **OPTIONS))
    np.testing.assert_array_equal(whole["prelu.weight"], again["prelu.weight"])


def test_another_graph_is_refused(tmp_path):
    path = written(tmp_path / "a.onnx", "mbf")
    with pytest.raises(failure.WeightsError, match="not that of iresnet18: expected"):
        onnx_file.load(path, models.create("iresnet18", **OPTIONS))
    path = written(tmp_path / "a.onnx")
    with pytest.raises(failure.WeightsError, match="not that of iresnet34: expected"):
        onnx_file.load(path, models.create("iresnet34", **OPTIONS))
    with pytest.raises(failure.WeightsError, match=r"conv1\.weight .* instead of"):
        foreign.load(path, models.create("iresnet18", **OPTIONS | {"width": 8}))
    with pytest.raises(ValueError, match="no ONNX files are known"):
        onnx_file.load(path, models.create("resnet18"))


def test_more_layers_than_the_backbone_has(tmp_path):
    graph = onnx_networks.Graph(folds=True)
    WRITE["iresnet18"](graph)
    graph.prelu(graph.nodes[-1].output[0], 8)
    onnx.save(graph.model(32), tmp_path / "a.onnx")
    with pytest.raises(failure.WeightsError, match="1 nodes with weights too many"):
        onnx_file.load(tmp_path / "a.onnx", models.create("iresnet18", **OPTIONS))


def test_damaged_files_and_other_operations(tmp_path):
    backbone = models.create("iresnet18", **OPTIONS)
    content = written(tmp_path / "a.onnx").read_bytes()
    for data in (b"", b"not a network", content[: len(content) // 2]):
        (tmp_path / "bad.onnx").write_bytes(data)
        with pytest.raises(failure.WeightsError, match=r"bad\.onnx: not an ONNX file"):
            onnx_file.load(tmp_path / "bad.onnx", backbone)
    with pytest.raises(FileNotFoundError):
        onnx_file.load(tmp_path / "none.onnx", backbone)
    model = onnx.load(tmp_path / "a.onnx")
    model.graph.node.insert(0, onnx.helper.make_node("Sub", ["data", "w0"], ["x"]))
    onnx.save(model, tmp_path / "sub.onnx")
    with pytest.raises(failure.WeightsError, match="operation Sub"):
        onnx_file.load(tmp_path / "sub.onnx", backbone)


def test_weights_outside_the_file_are_not_read(tmp_path):
    path = written(tmp_path / "a.onnx")
    model = onnx.load(path)
    onnx.save(
        model, path, save_as_external_data=True, location="data.bin", size_threshold=0
    )
    with pytest.raises(failure.WeightsError, match="in another file"):
        onnx_file.load(path, models.create("iresnet18", **OPTIONS))


def test_nan_is_refused(tmp_path):
    path = written(tmp_path / "a.onnx")
    model = onnx.load(path)
    array = onnx.numpy_helper.to_array(model.graph.initializer[2]).copy()
    array.flat[0] = np.nan
    name = model.graph.initializer[2].name
    model.graph.initializer[2].CopyFrom(onnx.numpy_helper.from_array(array, name))
    onnx.save(model, path)
    with pytest.raises(failure.WeightsError, match=r"NaN.*prelu"):
        foreign.load(path, models.create("iresnet18", **OPTIONS))
