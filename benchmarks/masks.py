"""How fast masks are put on faces, landmarks given, by stage and against the original.

    python -m benchmarks.masks

Takes the processor time of one thread on synthetic faces that fill photos of 112, 250
and 1024 pixels. "placed" leaves out light, blur, noise and blend; "a random colour" is
another one each time. The original's method (`original_method`) warps the whole photo
for each triangle.
"""

import time
from collections.abc import Callable

import cv2
import numpy as np

from benchmarks import original_method
from maskarc import geometry
from maskarc.data import synthetic
from maskarc.masks import drawing, light, mixture, quality, rendering, sheets, types

SIZES = (112, 250, 1024)
MASKS = ("surgical_blue", "n95_valve", "cloth_floral", "gas_black")
_FACES, _ROUNDS = 8, 5
Shot = tuple[np.ndarray, np.ndarray]  # a photo and its landmarks
_FRONT = geometry.Pose(yaw=0.0, pitch=0.0, roll=0.0)


def milliseconds(work: Callable[[int], object]) -> float:
    """Least mean processor time of a call over some rounds, after one to warm up."""
    best = np.inf
    for _ in range(_ROUNDS + 1):
        start = time.process_time()
        for number in range(_FACES):
            work(number)
        best = min(best, (time.process_time() - start) / _FACES)
    return 1e3 * best


def main() -> None:
    cv2.setNumThreads(1)
    cuts = original_method.cut_outs()
    for size in SIZES:
        faces = synthetic.SyntheticFaces(_FACES, 1, seed=3, size=size)
        photos = [faces[index] for index in range(_FACES)]
        report(
            [(one["image"], one["landmarks"].astype(np.float64)) for one in photos],
            cuts,
        )


def report(shots: list[Shot], cuts: list[original_method.CutOut]) -> None:
    """Prints the times for photos of one size."""
    rng, random = np.random.default_rng(0), mixture.parse("surgical[random]")

    def show(name: str, work: Callable[..., object], *more) -> None:
        taken = milliseconds(lambda i: work(*shots[i], *more))
        print(f"  {name:20} {taken:7.2f}  {1e3 / taken:6.0f} faces/s")

    def dyed(image: np.ndarray, landmarks: np.ndarray) -> None:
        rendering.render(image, landmarks, random.choose(_FRONT, rng))

    print(f"{len(shots[0][0])} pixels: ms a face, on one thread")
    show("light", light.read, 150.0)
    show("quality", quality.measure)
    for mask in drawing.builtin_masks():
        if mask.name in MASKS:
            show(f"{mask.name}, placed", _place, mask)
            show(mask.name, rendering.render, mask)
    show("a random colour", dyed)
    show("original's method", original_method.render, cuts[len(cuts) // 2])


def _place(image: np.ndarray, landmarks: np.ndarray, mask: types.Mask) -> None:
    if mask.sheet is not None:
        sheets.place(image.shape, landmarks, mask.sheet, mask.variation, light.EVEN)


if __name__ == "__main__":
    main()
