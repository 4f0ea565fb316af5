"""ONNX files of every layout, and functions, against the same sums in NumPy."""

import numpy as np
import pytest

from maskarc import scoring
from maskarc.evaluation import foreign_models

SIZE = 6


def mean_and_first(batch):
    """A function as a model."""
    return np.stack([batch.mean(axis=(1, 2, 3)), batch[:, 0, 0, 0]], axis=1)


mean_and_first.image_size = SIZE
mean_and_first.crop = "dlib"


def crops(count=7, size=SIZE):
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (count, size, size, 3), np.uint8))


def graph(
    path, *, nchw=True, batch="n", size=SIZE, kind="FLOAT", inside=False, crop=""
):
    """A file whose embeddings are the input's flattened pixels, once scaled or not."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, types = onnx.helper, onnx.TensorProto
    shape = [batch, 3, size, size] if nchw else [batch, size, size, 3]
    nodes, name = [], "data"
    constants = []
    if inside:
        for op, value in (("Sub", 127.5), ("Mul", 1 / 128)):
            constants.append(helper.make_tensor(op.lower(), types.FLOAT, [], [value]))
            nodes.append(helper.make_node(op, [name, op.lower()], [f"after_{op}"]))
            name = f"after_{op}"
    if kind != "FLOAT":
        nodes.append(helper.make_node("Cast", [name], ["cast"], to=types.FLOAT))
        name = "cast"
    nodes.append(helper.make_node("Flatten", [name], ["out"], axis=1))
    value = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [value("data", getattr(types, kind), shape)],
            [value("out", types.FLOAT, [batch, None])],
            constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    model.ir_version = 8
    if crop:
        helper.set_model_props(model, {"crop": crop})
    onnx.save(model, path)
    return path


PLAIN = foreign_models.Preprocessing()


@pytest.mark.parametrize("nchw", [True, False])
@pytest.mark.parametrize("batch", ["n", 1, 4])
@pytest.mark.parametrize("kind", ["FLOAT", "FLOAT16", "UINT8"])
def test_layouts_batches_and_types(tmp_path, nchw, batch, kind):
    path = graph(tmp_path / "m.onnx", nchw=nchw, batch=batch, kind=kind)
    model = foreign_models.load_onnx(path, PLAIN)
    assert (model.image_size, model.crop) == (SIZE, "arcface")
    given = np.stack(crops())
    expected = given.transpose(0, 3, 1, 2) if nchw else given
    expected = expected.reshape(7, -1).astype(np.float32)
    if kind != "UINT8":
        expected = (expected - 127.5) / 127.5
    found = model.embed(iter(crops()))
    np.testing.assert_allclose(
        found, expected, atol=1e-3 if kind == "FLOAT16" else 1e-6
    )


def test_a_graph_that_scales_itself_gets_pixels(tmp_path):
    """MXNet's exports begin with subtraction and multiplication: InsightFace's rule."""
    model = foreign_models.load_onnx(graph(tmp_path / "m.onnx", inside=True), PLAIN)
    expected = np.stack(crops()).transpose(0, 3, 1, 2).reshape(7, -1)
    np.testing.assert_allclose(
        model.embed(crops()), (expected - 127.5) / 128, atol=1e-5
    )


def test_options(tmp_path):
    path = graph(tmp_path / "m.onnx", nchw=False, size="s")
    wanted = foreign_models.Preprocessing(
        image_size=SIZE, crop="upper", mean=0.0, std=255.0, bgr=True
    )
    model = foreign_models.load_onnx(path, wanted, flip=True)
    assert (model.image_size, model.crop) == (SIZE, "upper")
    given = np.stack(crops())[..., ::-1] / 255.0
    expected = given + given[:, :, ::-1]
    np.testing.assert_allclose(model.embed(crops()), expected.reshape(7, -1), atol=1e-5)
    assert foreign_models.load_onnx(path, PLAIN).image_size == 112


@pytest.mark.parametrize(
    ("options", "wanted", "message"),
    [
        ({"size": 5}, SIZE, "square input of side 6, the graph has 5×5"),
        ({"kind": "INT32"}, 0, "expected input of"),
    ],
)
def test_other_graphs(tmp_path, options, wanted, message):
    path = graph(tmp_path / "m.onnx", **options)
    with pytest.raises(ValueError, match=message):
        foreign_models.load_onnx(path, foreign_models.Preprocessing(image_size=wanted))


def test_other_files(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "m.onnx").write_bytes(b"no graph")
    with pytest.raises(ValueError, match=r"m\.onnx: onnxruntime cannot open it"):
        foreign_models.load_onnx(tmp_path / "m.onnx", PLAIN)
    with pytest.raises(FileNotFoundError, match="no ONNX file"):
        foreign_models.load_onnx(tmp_path / "none.onnx", PLAIN)
    with pytest.raises(ValueError, match="unknown crop 'tight'"):
        foreign_models.Preprocessing(crop="tight")
    with pytest.raises(ValueError, match="std above 0"):
        foreign_models.Preprocessing(std=0.0)


def test_a_function_by_name():
    choice = scoring.ModelChoice(
        source="tests.evaluation.test_foreign_models:mean_and_first"
    )
    model = choice.open()
    assert (model.image_size, model.crop) == (SIZE, "dlib")
    np.testing.assert_allclose(
        model.embed(iter(crops(130))), mean_and_first(np.stack(crops(130))), rtol=1e-6
    )
    assert len(model.embed([])) == 0
    with pytest.raises(ValueError, match=r"expected crops uint8\[6, 6, 3\]"):
        model.embed(crops(size=5))


def one_short(batch):
    """A model that loses a photo."""
    return mean_and_first(batch)[1:]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nowhere.at_all:f", ImportError, "nowhere"),
        ("tests.evaluation.test_foreign_models:f", ImportError, "has no function f"),
        ("no colon", ValueError, "package.module:function"),
    ],
)
def test_functions_that_are_not_there(name, error, message):
    with pytest.raises(error, match=message):
        foreign_models.FunctionModel.load(name, PLAIN)


def test_a_function_of_another_shape():
    wanted = foreign_models.Preprocessing(image_size=SIZE)
    model = foreign_models.FunctionModel.load(
        "tests.evaluation.test_foreign_models:one_short", wanted
    )
    with pytest.raises(ValueError, match=r"expected embeddings \[7, D\]"):
        model.embed(crops())


def test_a_file_says_its_crop(tmp_path):
    """As maskarc's own exports do (tests/convert/test_onnx_graph.py)."""
    path = graph(tmp_path / "m.onnx", nchw=False, kind="UINT8", crop="upper")
    choice = scoring.ModelChoice(source=str(path), flip=True)
    model = choice.open()
    assert (model.image_size, model.crop) == (SIZE, "upper")
    given = np.stack(crops()).astype(np.float32)
    expected = given + given[:, :, ::-1]
    np.testing.assert_allclose(model.embed(crops()), expected.reshape(7, -1))
