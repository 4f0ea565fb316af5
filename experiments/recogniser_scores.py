"""Flags and scoring that the scripts about the package's recogniser share."""

import pathlib
from typing import Any

from absl import flags

from experiments.configs import masked_r29
from maskarc import scoring
from maskarc.data import crops
from maskarc.evaluation import embedded
from maskarc.scoring import side_by_side

OUTPUT = flags.DEFINE_string("output", None, "Folder for the results.", required=True)
_FACES = flags.DEFINE_string(
    "faces", None, "Folder with lfw/ and mfr2_dev/.", required=True
)
_HELD_BACK = flags.DEFINE_string(
    "held_back", None, "Cut-outs that no training saw, a .json.", required=True
)
_LANDMARKS = flags.DEFINE_string("landmarks", "", "Landmark table of LFW, if any.")


def lfw(name: str, source: str, view: str) -> dict[str, Any]:
    """The scores of a model on pairs of LFW, bare and with masks not seen in training.

    Args:
      name: what to call it; a folder below --output.
      source: a model, or "one+two" of names scored before: their mean similarity.
      view: "2", the reported pairs, or "1", those for choosing.
    """
    root = f"{_FACES.value}/lfw"
    listing = "pairs.txt" if view == "2" else "pairsDevTest.txt"
    photos = crops.Photos(
        root=f"{root}/images",
        masks=masked_r29.with_cutouts(masked_r29.HELD_BACK, _HELD_BACK.value, weight=1),
        landmarks=_LANDMARKS.value,
    )
    scored = _score(name, source, photos, f"{root}/{listing}", f"view_{view}")
    return {f"LFW View {view}": scored}


def mfr2(name: str, source: str) -> dict[str, Any]:
    """The same on real masks: the list of pairs, and all pairs of bare and masked."""
    root = f"{_FACES.value}/mfr2_dev"
    photos = crops.Photos(root=root)
    # Without labels all photos are taken as they are, masks and all.
    listed = _score(name, source, photos, f"{root}/pairs.txt", "mfr2", "bare-bare")
    labels = f"{root}/mfr2_labels.txt"
    real = _score(name, source, photos, "all", "mfr2_all", "bare-real", labels)
    return {"mfr2_dev, its list": listed, "mfr2_dev, all": real}


def _score(
    name: str,
    source: str,
    photos: crops.Photos,
    pairs: str,
    of: str,
    chosen: str = "bare-bare,bare-masked,masked-masked",
    labels: str = "",
) -> dict[str, Any]:
    """The scores of a model on one list of pairs, kept below the output."""
    output = pathlib.Path(OUTPUT.value)

    def score() -> dict[str, Any]:
        return scoring.evaluate_conditions(
            _model(source, of),
            photos,
            pairs=pairs,
            output=output / name / of,
            chosen=chosen,
            mask_labels=labels,
        )

    return side_by_side.score_once(output / name / of, score)


def _model(source: str, of: str) -> scoring.ModelChoice | embedded.EmbeddedImages:
    """The model, or what two that were scored before make of the images."""
    if "+" not in source:
        return scoring.ModelChoice(source=source, flip=True)
    kept = [
        pathlib.Path(OUTPUT.value, name, of, "embeddings.npz")
        for name in source.split("+")
    ]
    return embedded.fuse([embedded.EmbeddedImages.load(path) for path in kept])
