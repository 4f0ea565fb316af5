"""dlib's network here beside dlib itself, on the same chips of a list of pairs.

    python -m benchmarks.dlib_parity --images=../shared/faces/lfw/images \
        --pairs=../shared/faces/lfw/pairsDevTest.txt --output=runs/parity

Prints both scores and the largest difference of any number of an embedding. dlib takes
a thirteenth of a second a chip.
"""

import importlib.util
import pathlib
from collections.abc import Iterable

import dlib
import numpy as np
from absl import flags

from experiments import launch
from maskarc import inference, models
from maskarc.data import crops as crop_lib
from maskarc.data import pairs as pair_lists
from maskarc.evaluation import benchmark, protocol

_IMAGES = flags.DEFINE_string("images", None, "Folder of the photos.", required=True)
_PAIRS = flags.DEFINE_string("pairs", None, "List of pairs.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for results.", required=True)
_LANDMARKS = flags.DEFINE_string("landmarks", "", "Landmark table, if there is one.")


def main(argv: list[str]) -> None:
    """Scores the pairs with both and compares the embeddings."""
    del argv
    record = models.PRETRAINED["dlib_resnet29"]
    [folder] = importlib.util.find_spec(record.package).submodule_search_locations
    network = dlib.face_recognition_model_v1(str(pathlib.Path(folder, record.file)))
    embedder = inference.Embedder.load("dlib_resnet29")
    found = {}

    def dlibs(chips: Iterable[np.ndarray]) -> np.ndarray:
        found["dlib"] = np.array([network.compute_face_descriptor(c) for c in chips])
        return found["dlib"]

    def ours(chips: Iterable[np.ndarray]) -> np.ndarray:
        found["maskarc"] = embedder.embed(chips)
        return found["maskarc"]

    pairs = pair_lists.read_pairs(_PAIRS.value, _IMAGES.value)
    needed = protocol.unique_images(pairs)
    photos = crop_lib.Photos(root=_IMAGES.value, landmarks=_LANDMARKS.value)
    crops = photos.crops(
        needed.images,
        size=embedder.image_size,
        crop=embedder.crop,
        keep_in=_OUTPUT.value,
    )
    for name, embed in (("dlib", dlibs), ("maskarc", ours)):
        output = pathlib.Path(_OUTPUT.value, name)
        result = benchmark.verify_pairs(embed, pairs, needed, crops, output)
        print(f"{name}: accuracy {result['accuracy']:.4f}, AUC {result['auc']:.5f}")
    apart = np.abs(found["dlib"] - found["maskarc"]).max()
    print(f"{len(found['dlib'])} chips, largest difference {apart:.1e}")


if __name__ == "__main__":
    launch.run(main)
