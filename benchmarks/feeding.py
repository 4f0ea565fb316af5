"""Photos a second from disk to batch, stage by stage, beside what a training step eats.

    python -m benchmarks.feeding --photos=DIR [--people=40] [--step=IMAGES_PER_SECOND]

DIR is a folder identity/photo.jpg. The photos of some people are read as files, from
shards with their landmarks, and from a .rec of aligned crops; beside them generated
faces. First the processor time of each stage on one thread, the medians of turns in one
run; then images a second of `pipeline.iterate` with 1 and 2 reading threads, and their
ratio to a step of the configuration `faces_r18`, measured here unless --step is given.
Decoding is compared with Pillow's first.
"""

import io
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

import cv2
import jax
import numpy as np
import PIL.Image
from absl import app, flags

from experiments.configs import faces_r18
from maskarc import files, images, landmarks
from maskarc.data import (
    packing,
    pipeline,
    record_faces,
    shards,
    sources,
    synthetic,
)
from maskarc.train import engine, inputs

_PHOTOS = flags.DEFINE_string("photos", None, "Folder of photos.", required=True)
_PEOPLE = flags.DEFINE_integer("people", 40, "People of it to use.")
_COUNT = flags.DEFINE_integer("count", 256, "Photos a turn.")
_REPEATS = flags.DEFINE_integer("repeats", 5, "Turns.")
_STEP = flags.DEFINE_float("step", 0.0, "Images a second of a step; 0 measures one.")

CONFIG = faces_r18.get_config()
STAGES = ("read", "mask", "crop", "flip, jitter", "batch")


def open_sources(folder: pathlib.Path) -> dict[str, sources.Source]:
    """The same people as files, shards and .rec, and generated ones."""
    root = pathlib.Path(_PHOTOS.value)
    people = sorted(p.name for p in root.iterdir() if p.is_dir())
    order = np.random.default_rng(0).permutation(len(people))[: _PEOPLE.value]
    for person in (people[index] for index in order):
        for path in sorted((root / person).iterdir()):
            files.write_bytes(folder / "photos" / person / path.name, path.read_bytes())
    packing.pack_folder(folder / "photos", folder / "shards")
    table = folder / "shards" / "landmarks.npz"
    packing.pack_folder(
        folder / "photos",
        folder / "records",
        file_format="recordio",
        crop=112,
        landmark_file=str(table),
    )
    return {
        "folder": sources.ImageFolder.from_folder(
            folder / "photos", landmarks.LandmarkTable.load(table)
        ),
        "shards": shards.ShardedFaces.open(folder / "shards"),
        "recordio, crops": record_faces.RecordFaces.open(folder / "records"),
        "synthetic": synthetic.SyntheticFaces(_PEOPLE.value, 20),
    }


def stage_times(source: sources.Source, seed: int) -> list[float]:
    """The processor time of each stage in this thread, in µs a photo."""
    rng = np.random.default_rng(seed)
    mask, crop, flip, jitter = inputs.augmentations(CONFIG)
    values: list[Any] = rng.integers(0, len(source), _COUNT.value).tolist()
    stages: tuple[Callable[[Any], Any], ...] = (
        lambda index: source[index],
        lambda element: mask.random_map(element, rng),
        lambda element: crop.random_map(element, rng),
        lambda element: jitter.random_map(flip.random_map(element, rng), rng),
    )
    times = []
    for stage in stages:
        start = time.thread_time()
        values = [stage(value) for value in values]
        times.append(time.thread_time() - start)
    start = time.thread_time()
    for first in range(0, len(values), CONFIG.batch_size):
        np.stack([e["image"] for e in values[first : first + CONFIG.batch_size]])
    times.append(time.thread_time() - start)
    return [1e6 * t / _COUNT.value for t in times]


def compare_decoding(folder: pathlib.Path) -> None:
    """Prints the time of decoding the photos by `images`, beside Pillow alone."""

    def by_pillow(data: bytes) -> np.ndarray:
        with PIL.Image.open(io.BytesIO(data)) as image:
            return np.array(image.convert("RGB"))

    def by_images(data: bytes) -> np.ndarray:
        return images.decode_image(data, "photo")

    files = [path.read_bytes() for path in sorted(folder.rglob("*.*"))]
    ways: tuple[Callable[[bytes], np.ndarray], ...] = (by_pillow, by_images)
    times: list[list[float]] = []
    for _ in range(_REPEATS.value):
        times.append([])
        for way in ways:
            start = time.thread_time()
            for data in files:
                way(data)
            times[-1].append(1e6 * (time.thread_time() - start) / len(files))
    pillow, ours = np.median(times, axis=0)
    same = sum(np.array_equal(by_pillow(data), by_images(data)) for data in files)
    print(
        f"decoding {len(files)} photos: Pillow {pillow:.0f} µs, maskarc.images "
        f"{ours:.0f} µs, {pillow / ours:.2f}×; the same pixels in {same}"
    )


def images_per_second(source: sources.Source, threads: int) -> float:
    """What the pipeline feeds, by the wall clock."""
    dataset = pipeline.batches(
        source, inputs.augmentations(CONFIG), batch_size=CONFIG.batch_size, seed=0
    )
    batches = pipeline.iterate(dataset, read_threads=threads)
    for _ in range(2 * threads + 2):  # what is read ahead does not count
        next(batches)
    count = max(4, 2 * _COUNT.value // CONFIG.batch_size)
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    return count * CONFIG.batch_size / (time.perf_counter() - start)


def step_images_per_second() -> float:
    """What a training step of the configuration eats, with both cores."""
    ready = engine.create(CONFIG, num_classes=531)
    state = ready.init(0)
    batch = {
        "image": np.zeros([CONFIG.batch_size, 112, 112, 3], np.uint8),
        "label": np.zeros([CONFIG.batch_size], np.int32),
    }
    times = []
    for _ in range(8):
        start = time.perf_counter()
        state, metrics = ready.step(state, ready.put(batch))
        jax.block_until_ready(metrics)
        times.append(time.perf_counter() - start)
    return CONFIG.batch_size / float(np.median(times[2:]))


def main(_) -> None:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        opened = open_sources(pathlib.Path(name))
        compare_decoding(pathlib.Path(name, "photos"))
        step = _STEP.value or step_images_per_second()
        times: dict[str, list[list[float]]] = {name: [] for name in opened}
        rates: dict[tuple[str, int], list[float]] = {}
        for turn in range(_REPEATS.value + 1):
            for name, source in opened.items():
                taken = stage_times(source, turn)
                if turn == 0:  # files come into memory, people are made
                    continue
                times[name].append(taken)
                for threads in (1, 2):
                    rates.setdefault((name, threads), []).append(
                        images_per_second(source, threads)
                    )
    heads = "".join(f"{stage:>13}" for stage in STAGES)
    print(f"{'µs a photo':18}{heads}  photos/s of a core  cores for the step")
    for name, rows in times.items():
        medians = np.median(rows, axis=0)
        line = "".join(f"{value:13.0f}" for value in medians)
        rate = 1e6 / medians.sum()
        print(f"{name:18}{line}{rate:20.0f}{step / rate:20.2f}")
    print(f"\nthe step eats {step:.0f} images/s")
    for (name, threads), values in rates.items():
        rate = float(np.median(values))
        print(f"{name:18}{threads} threads {rate:8.0f} images/s {rate / step:7.1f}×")


if __name__ == "__main__":
    app.run(main)
