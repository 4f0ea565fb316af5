"""The `fan` back end: the face-alignment package's 68-point network.

The weights are downloaded on first use, to PyTorch's hub folder (``TORCH_HOME``).

References:
  Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D Face Alignment
  problem?", ICCV 2017.
"""

import dataclasses
import functools
import threading
from typing import Any

import numpy as np

from maskarc.landmarks import types

# The network and its face finder are not made for concurrent calls.
_LOCK = threading.Lock()


@dataclasses.dataclass(frozen=True, kw_only=True)
class FanDetector:
    """Finds faces and their 68 landmarks with face-alignment.

    The package rounds landmarks to whole pixels.

    Attributes:
      face_detector: the package's face finder: "sfd", "blazeface", "retinaface",
        "scrfd" or "yunet".
      device: where PyTorch computes, such as "cpu", "cuda" or "cuda:1".
      flip_input: whether to average with the mirrored face: twice the time, a little
        more precise.
      compile: whether to run torch.compile, which takes a minute once.
    """

    face_detector: str = "sfd"
    device: str = "cpu"
    flip_input: bool = False
    compile: bool = False

    def __post_init__(self):
        _network(self.face_detector, self.device, self.flip_input, self.compile)

    def __call__(self, image: np.ndarray, name: str = "") -> list[types.Face]:
        """Detects the faces of uint8[H, W, 3] RGB, best first, layout "68".

        The score is the face finder's.
        """
        del name
        network = _network(
            self.face_detector, self.device, self.flip_input, self.compile
        )
        with _LOCK:
            # Apart, as the package warns where it finds none.
            boxes = network.face_detector.detect_from_image(image.copy())
            if len(boxes) == 0:
                return []
            landmarks, _, boxes = network.get_landmarks_from_image(
                image, detected_faces=boxes, return_bboxes=True
            )
        faces = [
            types.Face(
                box=np.asarray(box[:4], np.float32),
                score=float(box[4]),
                points=np.asarray(points, np.float32),
                layout="68",
            )
            for points, box in zip(landmarks, boxes, strict=True)
        ]
        return sorted(faces, key=lambda face: -face.score)


@functools.lru_cache(maxsize=2)
def _network(face_detector: str, device: str, flip_input: bool, compiled: bool) -> Any:
    try:
        import face_alignment
    except ImportError as error:
        raise ImportError(
            "the 'fan' detector needs face-alignment: pip install 'maskarc[fan]'"
        ) from error
    return face_alignment.FaceAlignment(
        face_alignment.LandmarksType.TWO_D,
        device=device,
        flip_input=flip_input,
        face_detector=face_detector,
        compile=compiled,
    )
