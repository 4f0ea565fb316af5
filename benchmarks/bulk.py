"""Photos a second of `maskarc mask`, beside the steps that MaskTheFace takes.

    python -m benchmarks.bulk --photos=DIR [--count=200] [--repeats=3]

Both find the faces (most of the work), put one mask on each and write a JPEG, in
turns on the same photos. MaskTheFace's way is written here anew from its description,
without its slowest parts (polygons by shapely, prints): HOG detection of dlib at twice
the size, dlib's 68 points, a homography of six points, brightness and saturation of the
whole photo, a hard blend. One process each; then maskarc with all cores.
"""

import importlib.util
import os
import pathlib
import tempfile
import time
from collections.abc import Callable

import cv2
import numpy as np
from absl import app, flags

from maskarc import files, images
from maskarc.masks import bulk, drawing

_PHOTOS = flags.DEFINE_string("photos", None, "Folder of photos.", required=True)
_COUNT = flags.DEFINE_integer("count", 200, "Photos to mask.")
_REPEATS = flags.DEFINE_integer("repeats", 3, "Turns; the medians are printed.")
_PREDICTOR = "models/shape_predictor_68_face_landmarks.dat"


def main(_) -> None:
    root = pathlib.Path(_PHOTOS.value)
    names = images.list_images(root)
    chosen = np.random.default_rng(0).permutation(len(names))[: _COUNT.value]
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "in")
        for number, index in enumerate(chosen):
            data = (root / names[index]).read_bytes()
            suffix = pathlib.Path(names[index]).suffix
            files.write_bytes(source / f"{number}{suffix}", data)
        cores = os.cpu_count() or 1
        ways: dict[str, Callable[[pathlib.Path], int]] = {
            "MaskTheFace's way, 1 process": lambda output: mask_the_face(
                source, output
            ),
            "maskarc mask, 1 worker": lambda output: _maskarc(source, output, 1),
            f"maskarc mask, {cores} workers": lambda output: _maskarc(
                source, output, cores
            ),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(_REPEATS.value):
            for number, (name, way) in enumerate(ways.items()):
                start = time.perf_counter()
                masked = way(pathlib.Path(folder, f"{turn}-{number}"))
                taken[name].append(time.perf_counter() - start)
                if turn == 0:
                    print(f"{name}: {masked} of {len(chosen)} masked")
    base = float(np.median(next(iter(taken.values()))))
    for name, seconds in taken.items():
        median = float(np.median(seconds))
        print(f"{name:30} {len(chosen) / median:6.1f} photos/s  {base / median:5.1f}×")


def _maskarc(source: pathlib.Path, output: pathlib.Path, workers: int) -> int:
    counts = bulk.mask_folder(
        source, output, worker_count=workers, progress=False, masks="surgical_blue"
    )
    return counts.get("masked", 0)


def mask_the_face(source: pathlib.Path, output: pathlib.Path) -> int:
    """Masks the faces of a folder's photos; returns how many photos had any."""
    import dlib

    detector = dlib.get_frontal_face_detector()
    spec = importlib.util.find_spec("face_recognition_models")
    [folder] = spec.submodule_search_locations
    predictor = dlib.shape_predictor(str(pathlib.Path(folder, _PREDICTOR)))
    [mask] = [m for m in drawing.builtin_masks() if m.name == "surgical_blue"]
    marks = dict(zip(mask.indices.tolist(), mask.landmarks, strict=True))
    anchors = np.array([marks[i] for i in (28, 2, 14, 5, 11, 8)], np.float32)
    output.mkdir()
    count = 0
    for path in sorted(source.iterdir()):
        image = cv2.imread(str(path))
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        boxes = detector(grey, 1)
        for box in boxes:
            points = predictor(grey, box).parts()
            six = np.array(
                [(points[i].x, points[i].y) for i in (28, 2, 14, 5, 11, 8)], np.float32
            )
            image = _paste(image, mask.rgba, anchors, six)
        count += bool(boxes)
        cv2.imwrite(str(output / f"{path.stem}_surgical.jpg"), image)
    return count


def _paste(
    image: np.ndarray, rgba: np.ndarray, anchors: np.ndarray, six: np.ndarray
) -> np.ndarray:
    """A template by a homography, tinted, lit by the whole photo, with hard edges."""
    height, width = image.shape[:2]
    hsv = cv2.cvtColor(rgba[..., :3], cv2.COLOR_RGB2HSV).astype(np.float32)
    seen = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.float32)
    for channel in (1, 2):
        hsv[..., channel] *= seen[..., channel].mean() / max(
            hsv[..., channel].mean(), 1
        )
    lit = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR)
    matrix, _ = cv2.findHomography(anchors, six)
    placed = cv2.warpPerspective(
        np.dstack([lit, rgba[..., 3]]), matrix, (width, height)
    )
    inside = (placed[..., 3] > 127).astype(np.uint8) * 255
    behind = cv2.bitwise_and(image, image, mask=cv2.bitwise_not(inside))
    front = cv2.bitwise_and(placed[..., :3], placed[..., :3], mask=inside)
    return np.asarray(cv2.add(behind, front))


if __name__ == "__main__":
    app.run(main)
