"""Augmentation and cropping, as plain records with `random_map(element, rng)`.

They are grain transforms by their shape only, and just as usable without grain: an
element goes in, a new element comes out, all randomness comes from rng.
"""

import dataclasses
import functools
from typing import Any

import numpy as np

from maskarc import alignment, extras
from maskarc.landmarks import canonical, layouts
from maskarc.masks import mixture, wearing
from maskarc.masks import types as mask_types
from maskarc.opencv import cv2

with extras.needed("train"):
    import grain

Element = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class RandomMask(grain.transforms.RandomMap):
    """Puts a mask of near pose on a share of the faces.

    For photos with their landmarks, from a table or a file; and for aligned crops
    (`alignment.align`) of any size without them, where the mean face's serve.

    Attributes:
      masks: to choose from, or a mixture to draw from (`masks.mixture.parse`).
      probability: share of the faces that get one, in [0, 1].

    Example:
      >>> mixture = mixture.parse("surgical:3, cloth[floral]@nose_out=0.1")
      >>> transform = RandomMask(mixture, probability=1.0)
      >>> crop = {"image": np.full([112, 112, 3], 150, np.uint8), "label": 0}
      >>> masked = transform.random_map(crop, np.random.default_rng(0))
      >>> bool((masked["image"][80] != 150).any())
      True
    """

    masks: tuple[mask_types.Mask, ...] | mixture.Mixture
    probability: float = 0.5

    def random_map(self, element: Element, rng: np.random.Generator) -> Element:
        """Masks element["image"] uint8[H, W, 3].

        Args:
          element: "image", and "landmarks" float[68, 2] unless it is an aligned crop.
          rng: decides whether, and which mask.

        Returns:
          A new element, or the same one where no mask was put on.

        Raises:
          ValueError: landmarks that do not span a face.
        """
        if rng.random() >= self.probability:
            return element
        worn = wearing.put_on(element["image"], _landmarks(element), self.masks, rng)
        return {**element, "image": worn.image}


def _landmarks(element: Element) -> np.ndarray:
    """The landmarks float[68, 2] of a photo, or the mean face's of an aligned crop."""
    points = element.get("landmarks")
    if points is None:
        return _canonical_landmarks(element["image"].shape[:2])
    return np.asarray(points)


@functools.lru_cache(maxsize=8)
def _canonical_landmarks(shape: tuple[int, int]) -> np.ndarray:
    """The mean face's landmarks float32[68, 2] in an aligned crop of this size."""
    [face] = canonical.CanonicalLandmarks()(np.empty([*shape, 3], np.uint8))
    return face.points


@dataclasses.dataclass(frozen=True)
class AlignedCrop(grain.transforms.RandomMap):
    """Cuts the crop, with a little jitter if asked for.

    Of photos with their landmarks; and of crops that are aligned already (ArcFace's, of
    any size) without them, which are scaled and jittered.

    Attributes:
      size: side of the crop in pixels.
      shift: standard deviation of the shift, as a share of the size.
      scale: standard deviation of the relative scale.
      rotation: standard deviation of the rotation, in radians.
      crop: which crop, a key of `alignment.CROPS`.
    """

    size: int = alignment.CROP_SIZE
    shift: float = 0.0
    scale: float = 0.0
    rotation: float = 0.0
    crop: str = "arcface"

    def random_map(self, element: Element, rng: np.random.Generator) -> Element:
        """Replaces the photo by its crop; its landmarks are dropped."""
        points = _landmarks(element).astype(np.float64)
        if self.shift or self.scale or self.rotation:
            points = self._jittered(points, rng)
        crop = alignment.crop_face(
            element["image"], points, size=self.size, crop=self.crop
        )
        kept = {name: value for name, value in element.items() if name != "landmarks"}
        return {**kept, "image": crop, "label": np.int32(element["label"])}

    def _jittered(self, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The landmarks as if the face lay a little elsewhere."""
        five = layouts.to_five(points, "68")
        centre = five.mean(axis=0)
        # Eye distance in the template, as a share of the crop: 35.2 / 112.
        side = np.linalg.norm(five[1] - five[0]) / 0.3146
        angle = self.rotation * rng.standard_normal()
        grown = np.exp(self.scale * rng.standard_normal())
        shift = self.shift * side * rng.standard_normal(2)
        turn = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        return grown * (points - centre) @ turn.T + centre + shift


@dataclasses.dataclass(frozen=True)
class RandomFlip(grain.transforms.RandomMap):
    """Mirrors a share of the crops."""

    probability: float = 0.5

    def random_map(self, element: Element, rng: np.random.Generator) -> Element:
        """Mirrors element["image"], a crop."""
        if rng.random() >= self.probability:
            return element
        return {**element, "image": np.ascontiguousarray(element["image"][:, ::-1])}


@dataclasses.dataclass(frozen=True)
class ColorJitter(grain.transforms.RandomMap):
    """Changes brightness, contrast and saturation of a crop.

    Attributes:
      strength: each factor is drawn from [1 − strength, 1 + strength].
    """

    strength: float = 0.2

    def random_map(self, element: Element, rng: np.random.Generator) -> Element:
        """Jitters element["image"]."""
        if self.strength == 0:
            return element
        brightness, contrast, saturation = rng.uniform(
            1 - self.strength, 1 + self.strength, 3
        )
        image = element["image"]
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        mean = float(grey.mean())
        # brightness · (mean + contrast · (grey + saturation · (image − grey) − mean)),
        # whose two image terms are one weighted sum.
        own = brightness * contrast * saturation
        common = brightness * contrast * (1 - saturation)
        image = cv2.addWeighted(
            image,
            own,
            cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB),
            common,
            brightness * (1 - contrast) * mean,
        )
        return {**element, "image": image}


@dataclasses.dataclass(frozen=True)
class QualityJitter(grain.transforms.RandomMap):
    """Takes detail from a share of the crops: shrinks them, and compresses half.

    Attributes:
      probability: share of the crops, in [0, 1].
      least: smallest size that a crop is shrunk to before it is enlarged again, as a
        share of its side.
      quality: lowest quality of JPEG, in 1..95; half of those shrunk are compressed.
    """

    probability: float = 0.3
    least: float = 0.25
    quality: int = 25

    def random_map(self, element: Element, rng: np.random.Generator) -> Element:
        """Degrades element["image"], a crop."""
        if rng.random() >= self.probability:
            return element
        image = element["image"]
        height, width = image.shape[:2]
        share = rng.uniform(self.least, 0.8)
        small = (max(round(share * width), 1), max(round(share * height), 1))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        if rng.random() < 0.5:
            options = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(self.quality, 96))]
            # Its channels are taken for BGR both times: the order stays.
            _, packed = cv2.imencode(".jpg", image, options)
            image = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        return {**element, "image": image}


@dataclasses.dataclass(frozen=True)
class BareAndMasked(grain.transforms.RandomMap):
    """Two crops of each photo: bare, and with a mask.

    Each goes through the rest by itself, so that they differ in more than the mask.

    Attributes:
      mask: puts the mask on.
      rest: what makes a crop of a photo, in order.
    """

    mask: RandomMask
    rest: tuple[grain.transforms.RandomMap, ...]

    def random_map(self, element: Element, rng: np.random.Generator) -> Element:
        """Replaces the photo by crops uint8[2, S, S, 3], bare and masked."""
        both = []
        for one in (element, self.mask.random_map(element, rng)):
            for transform in self.rest:
                one = transform.random_map(one, rng)
            both.append(one)
        return {**both[0], "image": np.stack([one["image"] for one in both])}
