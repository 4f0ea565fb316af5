"""The `dlib` back end: HOG faces and the 68-point shape predictor.

Finds frontal bare faces; about half of masked ones are missed. The packages are
``dlib-bin`` (Boost licence) and ``face-recognition-models``. The predictor was trained
on the iBUG 300-W data, whose licence excludes commercial use; so these weights are
not for commercial use.

References:
  Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression
  Trees", CVPR 2014.
"""

import dataclasses
import functools
import importlib.util
import math
import pathlib
import threading
from typing import Any

import numpy as np

from maskarc import extras
from maskarc.landmarks import types

_MODEL = "models/shape_predictor_68_face_landmarks.dat"
# dlib's objects hold scratch space: one thread at a time.
_LOCK = threading.Lock()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DlibDetector:
    """Finds faces with dlib.

    Attributes:
      upsample: how often the photo is doubled to find smaller faces; the least face
        is 80 pixels wide with 0, 40 with 1.
      score_threshold: HOG's least margin; below 0 finds more, also false, faces.
    """

    upsample: int = 1
    score_threshold: float = 0.0

    def __post_init__(self):
        _models()

    def __call__(self, image: np.ndarray, name: str = "") -> list[types.Face]:
        """Detects the faces of uint8[H, W, 3] RGB, best first, layout "68".

        The score is the logistic function of HOG's margin.
        """
        del name
        finder, predictor = _models()
        image = np.ascontiguousarray(image)
        with _LOCK:
            boxes, margins, _ = finder.run(image, self.upsample, self.score_threshold)
            shapes = [predictor(image, box) for box in boxes]
        return [
            types.Face(
                box=np.array(
                    [box.left(), box.top(), box.right(), box.bottom()], np.float32
                ),
                score=1 / (1 + math.exp(-margin)),
                points=np.array([[p.x, p.y] for p in shape.parts()], np.float32),
                layout="68",
            )
            for box, margin, shape in zip(boxes, margins, shapes, strict=True)
        ]


@functools.lru_cache(maxsize=1)
def _models() -> tuple[Any, Any]:
    """The face finder and the shape predictor, loaded once a process."""
    with extras.needed("dlib"):
        import dlib
    # Found, not imported: the package would want pkg_resources.
    spec = importlib.util.find_spec("face_recognition_models")
    folders = (spec and spec.submodule_search_locations) or []
    models = [path for f in folders if (path := pathlib.Path(f, _MODEL)).is_file()]
    with extras.needed("dlib"):
        if not models:
            raise ImportError("no face-recognition-models")
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(models[0]))
