"""What an evaluation costs beside the network, and 1:N search beside FAISS.

    python -m benchmarks.evaluation --images=lfw/images --pairs=lfw/pairs.txt \
        --landmarks=runs/lfw/landmarks.npz [--photos=2000] [--repeats=3]

First part: photos of the list are embedded as an evaluation does, bare and masked, with
dlib's network and with a tiny one; the network alone sees the same crops, held in
memory. Printed is how much longer the whole takes than the network alone, in turns.
Without --images the built-in synthetic people are taken.

Second part: the ten nearest of 100,000 × 512 for 1,000 probes, here and by FAISS's flat
index (pip install faiss-cpu), in turns.
"""

import pathlib
import tempfile
import time

import jax
import numpy as np
from absl import app, flags

from maskarc import inference, models
from maskarc.convert import own_file
from maskarc.data import crops as crop_lib
from maskarc.data import protocols, synthetic
from maskarc.evaluation import conditions, embedded, search

_IMAGES = flags.DEFINE_string("images", "", "Folder of photos.")
_PAIRS = flags.DEFINE_string("pairs", "all", "List of pairs.")
_LANDMARKS = flags.DEFINE_string("landmarks", "", "Their landmark table.")
_PHOTOS = flags.DEFINE_integer("photos", 2000, "Images of each kind, at most.")
_REPEATS = flags.DEFINE_integer("repeats", 3, "Turns; medians are printed.")
_GALLERY = flags.DEFINE_integer("gallery", 100_000, "Rows searched.")
_PROBES = flags.DEFINE_integer("probes", 1000, "Probes.")
_DIM = 512
_K = 10


def main(_) -> None:
    with tempfile.TemporaryDirectory() as folder:
        embedding(pathlib.Path(folder))
    searching()


def embedding(folder: pathlib.Path) -> None:
    """The first part."""
    photos = _photos(folder)
    listed = protocols.find_pairs(_PAIRS.value, photos.root)
    networks = {"dlib_resnet29": _dlib(), "tiny resnet18": _tiny()}
    for name, network in networks.items():
        for condition in ("bare-bare", "masked-masked"):
            needed = conditions.needed_images(listed, [condition])[: _PHOTOS.value]
            crops = photos.crops(
                needed,
                size=network.image_size,
                crop=network.crop,
                keep_in=folder,
                progress=False,
            )
            found = (crops.read(i) for i in range(len(crops)))
            held = [crop for crop in found if crop is not None]
            whole, alone = [], []
            network.embed(held[:64])
            for _ in range(_REPEATS.value):
                start = time.perf_counter()
                embedded.embed_images(network.embed, crops, progress=False)
                whole.append(time.perf_counter() - start)
                start = time.perf_counter()
                network.embed(held)
                alone.append(time.perf_counter() - start)
            ratios = np.array(whole) / np.array(alone)
            print(
                f"{name:14} {condition:14} {len(held)} images: "
                f"{np.median(alone) / len(held) * 1e3:.2f} ms an image in the network "
                f"alone; the whole takes {np.median(ratios):.2f}× that "
                f"({ratios.min():.2f}–{ratios.max():.2f})"
            )


def _photos(folder: pathlib.Path) -> crop_lib.Photos:
    if _IMAGES.value:
        return crop_lib.Photos(root=_IMAGES.value, landmarks=_LANDMARKS.value)
    people = synthetic.SyntheticFaces(50, 8, seed=0)
    synthetic.write_folder(people, folder / "people")
    landmarks = str(folder / "people" / "landmarks.npz")
    return crop_lib.Photos(root=str(folder / "people"), landmarks=landmarks)


def _dlib() -> inference.Embedder:
    return inference.Embedder.load("dlib_resnet29")


def _tiny() -> inference.Embedder:
    backbone = models.create("resnet18", width=8)
    params, stats = backbone.init(jax.random.key(0))
    weights = own_file.Weights(
        backbone=backbone, params=params, stats=stats, crop="arcface"
    )
    return inference.Embedder(weights)


def searching() -> None:
    """The second part."""
    import faiss

    rng = np.random.default_rng(0)
    gallery, probes = (
        embedded.to_unit(rng.standard_normal((count, _DIM), np.float32))[0]
        for count in (_GALLERY.value, _PROBES.value)
    )
    index = faiss.IndexFlatIP(_DIM)
    index.add(gallery)
    ways = {
        "maskarc": lambda: search.top_k(probes, gallery, _K),
        "faiss": lambda: index.search(probes, _K),
    }
    (ours, rows), (theirs, expected) = (way() for way in ways.values())
    print(
        f"search {len(gallery)} × {_DIM}, {len(probes)} probes: the same rows in "
        f"{(rows == expected).mean():.2%} of places, similarities within "
        f"{np.abs(ours - theirs).max():.1e}"
    )
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_REPEATS.value):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    ratios = np.array(seconds["maskarc"]) / np.array(seconds["faiss"])
    print(
        f"maskarc {np.median(seconds['maskarc']):.2f} s, FAISS flat "
        f"{np.median(seconds['faiss']):.2f} s: {np.median(ratios):.2f}× FAISS's time "
        f"({ratios.min():.2f}–{ratios.max():.2f})"
    )


if __name__ == "__main__":
    app.run(main)
