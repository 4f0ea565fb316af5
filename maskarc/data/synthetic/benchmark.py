"""A verification benchmark of synthetic faces: a folder of photos and pairs of them."""

import os
import pathlib

import numpy as np

from maskarc import images
from maskarc.data import pairs
from maskarc.data.synthetic import source
from maskarc.landmarks import table


def write_folder(
    faces: source.SyntheticFaces, root: str | os.PathLike[str]
) -> table.LandmarkTable:
    """Writes the photos as root/identity/photo.png, and root/landmarks.npz.

    Files of these names are written anew; the same source gives the same files.

    Returns:
      The landmark table that was written.
    """
    root = pathlib.Path(root)
    landmarks = []
    for index, name in enumerate(faces.names):
        element = faces[index]
        images.write_image(root / name, element["image"])
        landmarks.append(element["landmarks"])
    written = table.LandmarkTable(
        names=faces.names,
        landmarks=np.stack(landmarks),
        outcomes=(table.OK,) * len(faces),
    )
    written.save(root / "landmarks.npz")
    return written


def make_pairs(
    faces: source.SyntheticFaces, num_pairs: int, *, folds: int = 10, seed: int = 0
) -> pairs.Pairs:
    """Draws pairs for verification, half of them genuine, in folds of their own people.

    Within a fold no pair occurs twice, and genuine pairs come first, as in LFW's list.

    Chance is 50 % of the pairs. Pixels, colour histograms and an untrained network get
    63–66 %, a small network after 26,000 photos of other people 94 %
    (`docs/synthetic_faces.md`).

    Args:
      faces: the photos.
      num_pairs: N, a multiple of 2 · folds.
      folds: number of folds; nobody is in two of them.
      seed: of the choice.

    Raises:
      ValueError: num_pairs does not divide, or there are too few people or photos.
    """
    each, rest = divmod(num_pairs, 2 * folds)
    if rest or each < 1:
        raise ValueError(
            f"expected a positive multiple of 2 · {folds} folds pairs, got {num_pairs}"
        )
    rng = np.random.default_rng(seed)
    first, second = [], []
    for people in np.array_split(rng.permutation(faces.num_identities), folds):
        photos = np.flatnonzero(np.isin(faces.labels, people))
        one, other = (photos[side] for side in np.triu_indices(len(photos), 1))
        is_same = faces.labels[one] == faces.labels[other]
        for kind in (True, False):
            candidates = np.flatnonzero(is_same == kind)
            if len(candidates) < each:
                raise ValueError(
                    f"a fold of {len(people)} people with {faces.photos_per_identity} "
                    f"photos has {len(candidates)} {'genuine' if kind else 'impostor'} "
                    f"pairs, {each} are needed; use more people, photos or fewer pairs"
                )
            chosen = rng.choice(candidates, each, replace=False)
            first.extend(one[chosen])
            second.extend(other[chosen])
    return pairs.Pairs(
        first=tuple(faces.names[index] for index in first),
        second=tuple(faces.names[index] for index in second),
        is_same=np.tile(np.repeat([True, False], each), folds),
        fold=np.repeat(np.arange(folds), 2 * each),
    )
