"""Whether a face wears a mask."""

import dataclasses
import functools
import os
from typing import Self

import jax
import numpy as np

from maskarc import alignment, inference, masked_views
from maskarc.convert import own_file

# The detector in the package, and the crop that it looks at.
DEFAULT, CROP = "mask_detector", "upper"


@dataclasses.dataclass(frozen=True, eq=False)
class MaskDetector:
    """Looks at small crops of faces.

    Attributes:
      weights: a network that gives one number, the logit of "wears a mask".
    """

    weights: own_file.Weights

    @classmethod
    def load(cls, source: str | os.PathLike[str] = DEFAULT) -> Self:
        """Loads the packaged detector, or one that `experiments.mask_detector` made.

        Raises:
          ValueError: weights of something else.
          FileNotFoundError, convert.failure.WeightsError: as `inference.load_weights`.
        """
        weights = inference.load_weights(source)
        if weights.backbone.embed_dim != 1 or weights.crop != CROP:
            raise ValueError(
                f"{source} is no mask detector: expected one number of the crop "
                f"{CROP!r}, got {weights.backbone.embed_dim} of {weights.crop!r}"
            )
        return cls(weights)

    @property
    def image_size(self) -> int:
        """Side of the crops in pixels."""
        return self.weights.backbone.image_size

    @functools.cached_property
    def _probability(self):
        backbone = self.weights.backbone

        def probability(params, stats, crops):
            logits, _ = backbone.apply(params, stats, crops)
            return jax.nn.sigmoid(logits[:, 0])

        return jax.jit(probability)

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """How probably each face wears a mask.

        Args:
          crops: uint8[N, S, S, 3] RGB, by `alignment.crop_face`, of the `CROP`.

        Returns:
          float32[N] in [0, 1].
        """
        weights = self.weights
        return np.asarray(self._probability(weights.params, weights.stats, crops))

    def look(self, image: np.ndarray, landmarks: np.ndarray) -> float:
        """How probably the face in a photo wears a mask.

        Args:
          image: uint8[H, W, 3] RGB.
          landmarks: float[68, 2], (x, y) in its pixels.

        Returns:
          In [0, 1].

        Raises:
          ValueError: landmarks that do not span a face.
        """
        crop = alignment.crop_face(image, landmarks, size=self.image_size, crop=CROP)
        return float(self(crop[None])[0])

    def views(self) -> masked_views.MaskedViews:
        """What tells faces apart by this detector, and puts bare ones into masks."""
        return masked_views.MaskedViews(probability=self.look)
