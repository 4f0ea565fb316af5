"""Faces put on masks: pose, choice and rendering in one step, for one face or all."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np

from maskarc import geometry
from maskarc import landmarks as landmark_lib
from maskarc.masks import mixture, rendering, sampling, types

_NO_IMAGE = np.empty([0, 0, 3], np.uint8)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Worn:
    """A mask on a face.

    Attributes:
      image: uint8[H, W, 3], the photo with the mask.
      alpha: uint8[H, W], where this mask lies.
      mask: which one, mirrored if it was put on so.
      pose: of the face.
    """

    image: np.ndarray
    alpha: np.ndarray
    mask: types.Mask
    pose: geometry.Pose


def photo_rng(seed: int, name: str, face: int = 0) -> np.random.Generator:
    """The generator for one face: a function of seed, photo and face number alone.

    So a photo gets the same masks whatever the order, the number of workers, or the
    other photos.

    Args:
      seed: of the whole set, ≥ 0.
      name: path below the root, '/'-separated.
      face: number of the face in the photo; 0 is the main one.
    """
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little"), face])


def order_faces(
    faces: Sequence[landmark_lib.Face], image_shape: Sequence[int]
) -> list[landmark_lib.Face]:
    """The faces of a photo, the main one first, then by size, the largest first.

    Args:
      faces: what a detector found.
      image_shape: (height, width, ...) of the photo.
    """
    main = landmark_lib.main_face(faces, image_shape)
    return sorted(faces, key=lambda face: (face is not main, -face.size))


def put_on(
    image: np.ndarray,
    landmarks: np.ndarray,
    masks: Sequence[types.Mask] | mixture.Mixture,
    rng: np.random.Generator,
) -> Worn:
    """Puts a random mask of near pose on a face.

    Args:
      image: uint8[H, W, 3], RGB; not written to.
      landmarks: float[68, 2], (x, y) in pixels.
      masks: to choose from, not empty; or a mixture to draw from.
      rng: the source of randomness.

    Raises:
      TypeError: the image is not uint8.
      ValueError: no masks, or landmarks that do not span a face.
    """
    pose = landmark_lib.head_pose(landmarks)
    if isinstance(masks, mixture.Mixture):
        mask = masks.choose(pose, rng)
    else:
        mask = sampling.choose(masks, pose, rng)
    result, alpha = rendering.render_with_alpha(image, landmarks, mask)
    return Worn(image=result, alpha=alpha, mask=mask, pose=pose)


def put_on_all(
    image: np.ndarray,
    faces: Sequence[np.ndarray],
    masks: Sequence[types.Mask] | mixture.Mixture,
    *,
    seed: int,
    name: str = "",
) -> tuple[np.ndarray, list[Worn | ValueError]]:
    """Puts a mask on each of several faces, the smallest last.

    A face's mask depends on its number, the seed and the photo's name, not on how many
    other faces there are.

    Args:
      image: uint8[H, W, 3], RGB; not written to.
      faces: the landmarks of each, float[68, 2]; number 0 is the main face.
      masks: to choose from; not empty.
      seed: see `photo_rng`, ≥ 0.
      name: of the photo.

    Returns:
      The photo with all masks, uint8[H, W, 3], and for each face, in the order given,
      its `Worn` (whose image is the photo with all masks) or the error that says why
      it can wear none.

    Raises:
      TypeError: the image is not uint8.
    """
    results: dict[int, Worn | ValueError] = {}
    spans = [np.nan_to_num(np.ptp(points, axis=0).prod()) for points in faces]
    for number in sorted(range(len(faces)), key=lambda i: -spans[i]):
        try:
            worn = put_on(image, faces[number], masks, photo_rng(seed, name, number))
        except ValueError as error:
            results[number] = error
        else:
            image = worn.image
            # Not the picture of each step, which is much for large photos.
            results[number] = dataclasses.replace(worn, image=_NO_IMAGE)
    ordered = (results[number] for number in range(len(faces)))
    return image, [
        dataclasses.replace(result, image=image) if isinstance(result, Worn) else result
        for result in ordered
    ]
