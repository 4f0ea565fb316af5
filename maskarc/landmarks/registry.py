"""Landmark back ends by name."""

import importlib

from maskarc.landmarks import types

# The one that is used where none is named; it needs nothing beyond the base install.
DEFAULT = "mesh"
# Name → module, class and options; a back end's packages are imported when it is made.
DETECTORS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mesh": ("maskarc.landmarks.mesh", "MeshDetector", {}),
    "fast": ("maskarc.landmarks.mesh", "MeshDetector", {"engine": "onnxruntime"}),
    "fan": ("maskarc.landmarks.fan", "FanDetector", {}),
    "dlib": ("maskarc.landmarks.dlib", "DlibDetector", {}),
    "given": ("maskarc.landmarks.given", "GivenLandmarks", {}),
    "canonical": ("maskarc.landmarks.canonical", "CanonicalLandmarks", {}),
}


def create_detector(name: str | None = None, **options) -> types.Detector:
    """Makes a landmark detector.

    Args:
      name: "mesh", "fast" (the same networks, run by onnxruntime), "fan", "dlib",
        "given" or "canonical"; None takes "mesh".
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
    name = DEFAULT if name is None else name
    if name not in DETECTORS:
        raise ValueError(
            f"unknown detector {name!r}; expected one of {', '.join(DETECTORS)}"
        )
    module, class_name, defaults = DETECTORS[name]
    make = getattr(importlib.import_module(module), class_name)
    return make(**{**defaults, **options})
