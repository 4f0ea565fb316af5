"""maskarc.landmarks.dlib on real photos."""

import importlib.util
import sys

import numpy as np
import pytest

from maskarc import geometry, images, landmarks
from maskarc.landmarks import dlib, layouts


@pytest.fixture(scope="module")
def detector() -> dlib.DlibDetector:
    for module in ("dlib", "face_recognition_models"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module} (maskarc[dlib])")
    return dlib.DlibDetector(upsample=0)


def test_bare_faces(faces, detector):
    for path in sorted((faces / "lfw/images").glob("*/*_0001.jpg"))[:1500:300]:
        image = images.read_image(path)
        face = landmarks.main_face(detector(image), image.shape)
        assert face is not None
        assert face.layout == "68"
        assert 0.5 < face.score <= 1
        matrix = geometry.fit_similarity(face.points, layouts.MEAN_FACE[:, :2])
        error = geometry.transform(face.points, matrix) - layouts.MEAN_FACE[:, :2]
        assert np.linalg.norm(error, axis=1).mean() < 0.25


def test_no_face(detector):
    assert detector(np.zeros([90, 120, 3], np.uint8)) == []
    assert detector(np.zeros([1, 1, 3], np.uint8)) == []


@pytest.mark.parametrize("module", ["dlib", "face_recognition_models"])
def test_missing_packages(monkeypatch, module):
    dlib._models.cache_clear()
    if module == "dlib":
        monkeypatch.setitem(sys.modules, "dlib", None)
    else:
        pytest.importorskip("dlib")
        monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(ImportError, match=r"pip install 'maskarc\[dlib\]'"):
        dlib.DlibDetector()
