"""The photos that finished runs are scored on, and the scoring."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from maskarc import images as image_files
from maskarc import scoring
from maskarc.data import crops, synthetic
from maskarc.data import pairs as pair_lists
from maskarc.evaluation import protocol

# What the conditions of `protocol.MASKED_SIDES` are called in a table.
CONDITIONS = {"none": "bare", "second": "one masked", "both": "both masked"}
NEAREST = {False: "1-NN", True: "1-NN, masked"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Folder:
    """Photos of people that no cell trains on, in identity/photo layout.

    Attributes:
      images: the folder.
      pairs: list of pairs (`data.pairs.read_pairs`); empty for none.
      masked: the conditions in which the pairs are scored, keys of
        `protocol.MASKED_SIDES`.
      nearest: 1-nearest-neighbour rates: of the bare photos (False), of the same with
        a mask on each (True).
      masks: what is drawn from, in the language of `masks.mixture`.
      seed: which mask goes on which photo.
      landmarks: landmark table; empty to find them, once for the grid.
      detector: landmark back end, where there is no table; empty picks one.
    """

    images: str
    pairs: str = ""
    masked: Sequence[str] = ("none", "second")
    nearest: Sequence[bool] = ()
    masks: str = "builtin"
    seed: int = 0
    landmarks: str = ""
    detector: str = ""

    def check(self) -> None:
        """Raises FileNotFoundError or ValueError where it cannot be scored on."""
        if not os.path.isdir(self.images):
            raise FileNotFoundError(f"no folder of photos at {self.images!r}")
        if unknown := set(self.masked) - set(protocol.MASKED_SIDES):
            raise ValueError(
                f"unknown condition {min(unknown)!r}; expected some of "
                f"{', '.join(protocol.MASKED_SIDES)}"
            )
        if not (self.pairs and self.masked) and not self.nearest:
            raise ValueError(
                f"{self.images}: nothing to score; expected pairs with conditions in "
                "masked, or nearest"
            )
        if self.pairs:
            pair_lists.read_pairs(self.pairs, self.images)

    def needed(self) -> list[str]:
        """Names of the photos that are looked at."""
        if self.nearest:
            return image_files.list_images(self.images)
        listed = pair_lists.read_pairs(self.pairs, self.images)
        return list(dict.fromkeys([*listed.first, *listed.second]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generated:
    """Generated people, written to a folder of the grid when they are needed.

    Attributes:
      identities: people.
      pairs: how many pairs, half of them genuine, in ten folds; a multiple of 20.
      photos: of each person.
      seed: of the world that they live in.
      first_identity: the first one's number: beyond those trained on with that seed.
      masked: as in `Folder`.
      nearest: as in `Folder`.
    """

    identities: int
    pairs: int
    photos: int = 6
    seed: int = 0
    first_identity: int = 1_000_000
    masked: Sequence[str] = ("none", "second")
    nearest: Sequence[bool] = (False,)

    def check(self) -> None:
        """Raises ValueError where there are too few people for the pairs."""
        synthetic.make_pairs(self._people(), self.pairs, seed=self.seed)

    def write(self, parent: pathlib.Path) -> Folder:
        """Writes photos and pairs below parent, if they are not there.

        Returns:
          What to score on.
        """
        folder = parent / (
            f"generated_{self.identities}x{self.photos}_from_{self.first_identity}"
            f"_seed_{self.seed}_pairs_{self.pairs}"
        )
        # The list is written last: where it is, the photos are complete.
        if not (folder / "pairs.csv").exists():
            people = self._people()
            synthetic.write_folder(people, folder)
            listed = synthetic.make_pairs(people, self.pairs, seed=self.seed)
            pair_lists.write_pairs(folder / "pairs.csv", listed)
        return Folder(
            images=str(folder),
            pairs=str(folder / "pairs.csv"),
            masked=self.masked,
            nearest=self.nearest,
            landmarks=str(folder / "landmarks.npz"),
        )

    def _people(self) -> synthetic.SyntheticFaces:
        return synthetic.SyntheticFaces(
            self.identities,
            self.photos,
            seed=self.seed,
            first_identity=self.first_identity,
        )


HeldOut = Folder | Generated


def columns(name: str, photos: HeldOut) -> list[str]:
    """Names of the scores on held-out photos, in the table's order."""
    pairs = [f"{name}, {CONDITIONS[kind]}" for kind in photos.masked if photos.pairs]
    return pairs + [f"{name}, {NEAREST[masked]}" for masked in photos.nearest]


def score(
    model: str | os.PathLike[str],
    name: str,
    photos: Folder,
    output: pathlib.Path,
    *,
    progress: bool = True,
) -> dict[str, dict[str, Any]]:
    """Scores a run on held-out photos.

    Args:
      model: the run folder.
      name: of the photos.
      photos: with the landmarks found.
      output: a folder for pictures and figures of each score.
      progress: show bars.

    Returns:
      By column: "value" and "chance", shares in [0, 1], and "result", all that
      `scoring` says. The value is the accuracy of pairs, or the cosine 1-NN rate.
    """
    source = _source(photos)
    scores = {}
    for kind in photos.masked if photos.pairs else ():
        result = scoring.evaluate_pairs(
            model,
            source,
            pairs=photos.pairs,
            output=output / f"pairs_{kind}",
            masked=kind,
            progress=progress,
        )
        likelier = max(result["genuine"], result["impostors"])
        scores[f"{name}, {CONDITIONS[kind]}"] = {
            "value": result["accuracy"],
            "chance": likelier / result["pairs"],
            "result": result,
        }
    for masked in photos.nearest:
        result = scoring.identify_folder(
            model, source, output=output, masked=masked, progress=progress
        )
        scores[f"{name}, {NEAREST[masked]}"] = {
            "value": result["cosine"]["rate"],
            "chance": result["cosine"]["chance"],
            "result": result,
        }
    return scores


def pair_accuracy(
    model: str | os.PathLike[str], photos: Folder, output: pathlib.Path
) -> float:
    """The accuracy on the pairs in the first condition alone."""
    result = scoring.evaluate_pairs(
        model,
        _source(photos),
        pairs=photos.pairs,
        output=output,
        masked=photos.masked[0],
        progress=False,
    )
    return float(result["accuracy"])


def _source(photos: Folder) -> crops.Photos:
    return crops.Photos(
        root=photos.images,
        masks=photos.masks,
        seed=photos.seed,
        landmarks=photos.landmarks,
        detector=photos.detector,
    )
