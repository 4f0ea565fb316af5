"""New faces by rendering: two people's photos, blended in shape and in colour.

A network that is taught by another needs faces, not names; of a few hundred people
there are a hundred thousand pairs.
"""

import dataclasses
import os
import pathlib
from typing import Any

import cv2
import numpy as np
import tqdm

from maskarc import alignment, geometry, images, landmarks
from maskarc.data import crops, sources

# Side of the pictures in pixels, and of the face's chip in the middle of it.
SIZE, _CHIP = 208, 160
# Largest difference of the two heads' yaw, and largest yaw, in radians.
_YAW_APART, _YAW = 0.2, 0.7


def morph(
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
    share: float,
) -> tuple[np.ndarray, np.ndarray]:
    """A face between two.

    Args:
      first: photo uint8[H, W, 3] and its landmarks float[68, 2].
      second: likewise, of a head turned alike.
      share: 0 for the first, 1 for the second.

    Returns:
      uint8[208, 208, 3] and its landmarks float32[68, 2].

    Raises:
      ValueError: landmarks that span no face.
    """
    aligned = [_aligned(*face) for face in (first, second)]
    shapes = [points for _, points in aligned]
    between = (1 - share) * shapes[0] + share * shapes[1]
    triangles = geometry.triangulate(between)
    labels = np.zeros((SIZE, SIZE), np.uint16)
    for label, corners in enumerate(between[triangles]):
        cv2.fillConvexPoly(
            labels, np.rint(corners * 16).astype(np.int32), label, shift=4
        )
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    total = np.zeros((SIZE, SIZE, 4), np.float32)
    for (image, _), points, weight in zip(
        aligned, shapes, (1 - share, share), strict=True
    ):
        maps = geometry.fit_triangles(between[triangles], points[triangles])
        of_pixel = maps.astype(np.float32)[labels]
        map_x, map_y = (
            of_pixel[..., row, 0] * x
            + of_pixel[..., row, 1] * y
            + of_pixel[..., row, 2]
            for row in (0, 1)
        )
        warped = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR)
        total += weight * warped.astype(np.float32)
    # Where only one photo reaches, it is seen alone.
    blended = 255 * total[..., :3] / np.maximum(total[..., 3:], 1)
    return np.rint(blended).astype(np.uint8), between[:68].astype(np.float32)


def _aligned(image: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The face in the middle, uint8[S, S, 4] whose last channel is 0 outside the photo.

    And its landmarks, with eight points of the border: float64[76, 2].
    """
    matrix = alignment.upper_chip_matrix(points, size=_CHIP)
    matrix[:, 2] += (SIZE - _CHIP) / 2
    last, half = SIZE - 1, (SIZE - 1) / 2
    border = [
        (x, y)
        for x in (0, half, last)
        for y in (0, half, last)
        if (x, y) != (half, half)
    ]
    placed = np.clip(geometry.transform(points, matrix), 1, last - 1)
    inside = np.full(image.shape[:2], 255, np.uint8)
    picture = alignment.warp(np.dstack([image, inside]), matrix, SIZE)
    return picture, np.concatenate([placed, border])


@dataclasses.dataclass(frozen=True)
class _Face:
    """A photo to blend: its number in the source, and its head's yaw in radians."""

    index: int
    yaw: float


def write_morphs(
    source: sources.ImageFolder,
    output: str | os.PathLike[str],
    count: int,
    *,
    seed: int = 0,
    progress: bool = True,
) -> int:
    """Writes blended photos to a folder, as JPEGs with a landmark table.

    Each is of two people drawn at random, at a share in [0.3, 0.7], of photos in which
    their heads are turned alike. Photos that are there already are not made again.

    Args:
      source: photos of two people or more.
      output: folder, made if missing: morphs/N.jpg and landmarks.npz.
      count: how many.
      seed: of the choice, ≥ 0.
      progress: show a bar.

    Returns:
      How many there are: pairs of people with no photos of like pose are left out.

    Raises:
      ValueError: fewer than two people.
    """
    by_person = _by_person(source)
    if len(by_person) < 2:
        raise ValueError(f"expected two people or more, got {len(by_person)}")
    folder = pathlib.Path(output)
    (folder / "morphs").mkdir(parents=True, exist_ok=True)

    def make(number: int) -> tuple[str, np.ndarray] | None:
        rng = np.random.default_rng([seed, number])
        chosen = _choose(by_person, rng)
        if chosen is None:
            return None
        first, second = (_photo(source, face.index) for face in chosen)
        try:
            image, points = morph(first, second, rng.uniform(0.3, 0.7))
        except ValueError:  # landmarks that span no face
            return None
        name = f"morphs/{number:06}.jpg"
        if not (folder / name).exists():
            images.write_image(folder / name, image)
        return name, points

    stream = crops.read_ahead(make, count)
    done = tqdm.tqdm(stream, "faces", count, unit="img", disable=not progress)
    made = [one for one in done if one is not None]
    names, points = zip(*made, strict=True)
    table = landmarks.LandmarkTable(
        tuple(names), np.stack(points), ("ok",) * len(names)
    )
    table.save(folder / "landmarks.npz")
    return len(names)


def _by_person(source: sources.ImageFolder) -> list[list[_Face]]:
    """The photos of each person that look ahead."""
    people: dict[int, list[_Face]] = {}
    for index, (label, points) in enumerate(
        zip(source.labels.tolist(), source.landmarks, strict=True)
    ):
        yaw = landmarks.head_pose(points).yaw
        if abs(yaw) < _YAW:
            people.setdefault(label, []).append(_Face(index, yaw))
    return [people[label] for label in sorted(people)]


def _choose(
    by_person: list[list[_Face]], rng: np.random.Generator
) -> tuple[_Face, _Face] | None:
    """Photos of two people whose heads are turned alike, or None."""
    one, other = rng.choice(len(by_person), 2, replace=False)
    first = by_person[one][rng.integers(len(by_person[one]))]
    alike = [f for f in by_person[other] if abs(f.yaw - first.yaw) < _YAW_APART]
    return (first, alike[rng.integers(len(alike))]) if alike else None


def _photo(source: sources.ImageFolder, index: int) -> tuple[np.ndarray, Any]:
    element = source[index]
    return element["image"], np.asarray(element["landmarks"], np.float64)
