"""maskarc.landmarks.registry: back ends by name."""

import numpy as np
import pytest

from maskarc import landmarks
from maskarc.landmarks import mesh


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match="mesh, fast, fan, dlib, given, canonical"):
        landmarks.create_detector("mtcnn")


def test_the_default_needs_nothing_beyond_the_base_install():
    assert landmarks.create_detector() == mesh.MeshDetector()
    assert landmarks.create_detector()(np.zeros([32, 32, 3], np.uint8)) == []


def test_options_are_the_back_ends_fields():
    found = landmarks.create_detector("mesh", max_side=320)
    assert found == mesh.MeshDetector(max_side=320)
    with pytest.raises(TypeError, match="min_side"):
        landmarks.create_detector("mesh", min_side=320)
