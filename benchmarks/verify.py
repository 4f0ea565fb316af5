"""The time of one verification from two JPEGs, on one core: cold, warm, and its parts.

    python -m benchmarks.verify [--photos=A.jpg,B.jpg] [--rounds=5]

Cold is the command `maskarc verify` in a fresh process. Its parts are timed in another
fresh process, one after the other; the first verification has compiling in it. Without
--photos two generated faces are compared, one of which is taken to wear a mask. All
processes are held to one core.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from absl import app, flags

_PHOTOS = flags.DEFINE_list("photos", [], "Two JPEGs, with a comma between.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Processes of each kind.")
_PARTS = flags.DEFINE_bool("parts", False, "Time the parts in this process.")


def main(argv: list[str]) -> None:
    """Prints the table."""
    del argv
    if _PARTS.value:
        print(json.dumps(_parts(*_PHOTOS.value)))
        return
    with tempfile.TemporaryDirectory() as folder:
        photos = _PHOTOS.value or _generated(pathlib.Path(folder))
        verify = [sys.executable, "-m", "maskarc.cli", "verify", *photos]
        parts = [sys.executable, "-m", "benchmarks.verify", "--parts"]
        parts.append(f"--photos={','.join(photos)}")
        cold, found = [], []
        for _ in range(_ROUNDS.value):
            start = time.perf_counter()
            _on_one_core(verify)
            cold.append(time.perf_counter() - start)
            found.append(json.loads(_on_one_core(parts).splitlines()[-1]))
    print(f"cold, whole command: {_seconds(cold)}")
    for name in found[0]:
        print(f"  {name}: {_seconds([one[name] for one in found])}")


def _parts(first: str, second: str) -> dict[str, float]:
    """Seconds of each part, in the order in which they happen."""
    seconds = {}
    last = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal last
        seconds[name] = time.perf_counter() - last
        last = time.perf_counter()

    from maskarc import (
        alignment,
        images,
        inference,
        landmarks,
        mask_detection,
        recognizer,
    )

    lap("imports")
    embedder = inference.Embedder.load(recognizer.DEFAULT, flip=True, batch_size=1)
    views = mask_detection.MaskDetector.load().views()
    lap("weights")
    detector = landmarks.create_detector()
    lap("detector")
    loaded = recognizer.Recognizer(
        embedder=embedder, detector=detector, views=views, cohort=embedder.cohort
    )
    kind = {"size": embedder.image_size, "crop": embedder.crop}
    loaded.verify(first, second, wearing="bare-masked")
    lap("first verification, with compiling")
    loaded.verify(first, second, wearing="bare-bare")
    last = time.perf_counter()
    loaded.verify(first, second, wearing="bare-bare")
    lap("warm verification of two bare faces")
    loaded.verify(first, second, wearing="bare-masked")
    lap("warm verification, one taken to be masked, of which")
    photos = [images.read_image(pathlib.Path(path)) for path in (first, second)]
    lap("  decoding")
    faces = [landmarks.main_face(detector(photo), photo.shape) for photo in photos]
    lap("  faces and landmarks")
    points = [landmarks.to_landmarks(f.points, f.layout) for f in faces if f]
    both = list(zip(photos, points, strict=True))
    crops = [alignment.crop_face(*one, **kind) for one in both]
    lap("  crops")
    for one in both:
        views.probability(*one)
    lap("  looking for masks")
    crops += views.crops(*both[0], **kind)
    lap("  putting the bare one into masks")
    embedder.embed(crops)
    lap("  network, four crops with mirror images")
    return seconds


def _generated(folder: pathlib.Path) -> list[str]:
    """Two photos of a person who does not exist."""
    from maskarc import images
    from maskarc.data import synthetic

    faces = synthetic.SyntheticFaces(1, 2, size=512)
    paths = [folder / f"{index}.jpg" for index in range(2)]
    for index, path in enumerate(paths):
        images.write_image(path, faces[index]["image"])
    return [str(path) for path in paths]


def _on_one_core(command: list[str]) -> str:
    """Its output; the process may run on the first core alone."""
    core = min(os.sched_getaffinity(0))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    return done.stdout


def _seconds(values: list[float]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.3f} s ({ordered[0]:.3f} to {ordered[-1]:.3f})"


if __name__ == "__main__":
    app.run(main)
