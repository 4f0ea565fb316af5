"""A face puts on a mask: pose, choice and rendering in one step."""

import hashlib
from collections.abc import Sequence

import numpy as np

from maskarc import landmarks as landmark_lib
from maskarc.masks import mixture, rendering, sampling, types


def photo_rng(seed: int, name: str) -> np.random.Generator:
    """The generator for one photo: a function of the seed and the photo's name alone.

    So a photo gets the same mask whatever the order, the number of workers, or the
    other photos.

    Args:
      seed: of the whole set, ≥ 0.
      name: path below the root, '/'-separated.
    """
    digest = hashlib.sha256(name.encode("utf-8")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])


def put_on(
    image: np.ndarray,
    landmarks: np.ndarray,
    masks: Sequence[types.Mask] | mixture.Mixture,
    rng: np.random.Generator,
) -> tuple[np.ndarray, types.Mask]:
    """Puts a random mask of near pose on a face.

    Args:
      image: uint8[H, W, 3], RGB; not written to.
      landmarks: float[68, 2], (x, y) in pixels.
      masks: to choose from, not empty; or a mixture to draw from.
      rng: the source of randomness.

    Returns:
      The photo with the mask, and the mask that was chosen.

    Raises:
      ValueError: no masks, or landmarks that do not span a face.
    """
    pose = landmark_lib.head_pose(landmarks)
    if isinstance(masks, mixture.Mixture):
        mask = masks.choose(pose, rng)
    else:
        mask = sampling.choose(masks, pose, rng)
    return rendering.render(image, landmarks, mask), mask
