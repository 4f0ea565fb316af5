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


def sections(view: str) -> dict[str, tuple[str, str]]:
    """Title → (what is scored, condition), for pairs of LFW's view "1" or "2"."""
    lfw = f"view_{view}"
    return {
        f"LFW View {view}, bare–bare": (lfw, "bare-bare"),
        f"LFW View {view}, bare–masked": (lfw, "bare-masked"),
        f"LFW View {view}, masked–masked": (lfw, "masked-masked"),
        "mfr2_dev, its list of pairs as they are": ("mfr2", "bare-bare"),
        "mfr2_dev, all pairs of bare and masked": ("mfr2_all", "bare-real"),
    }


def score(name: str, source: str, view: str) -> dict[str, dict[str, Any]]:
    """Scores a model on everything, or reads what was scored before.

    Args:
      name: what to call it; a folder below --output.
      source: a model; "plain:" and a model, which is then used without looking for
        masks and putting bare faces into some; "without:one", the same of a name scored
        before; or "mean:one,two", the mean similarity of such names.
      view: "2", the reported pairs of LFW, or "1", those for choosing.

    Returns:
      What is scored (of `sections`) → what `evaluate_conditions` returned.
    """
    lfw, mfr2 = f"{_FACES.value}/lfw", f"{_FACES.value}/mfr2_dev"
    masked_lfw = crops.Photos(
        root=f"{lfw}/images",
        masks=masked_r29.unseen(_HELD_BACK.value),
        landmarks=_LANDMARKS.value,
    )
    listing = "pairs.txt" if view == "2" else "pairsDevTest.txt"
    as_they_are = crops.Photos(root=mfr2)
    real: dict[str, Any] = {
        "chosen": "bare-real",
        "mask_labels": f"{mfr2}/mfr2_labels.txt",
    }
    wanted: dict[str, tuple[crops.Photos, str, dict[str, Any]]] = {
        f"view_{view}": (
            masked_lfw,
            f"{lfw}/{listing}",
            {"chosen": "bare-bare,bare-masked,masked-masked"},
        ),
        # Without labels all photos are taken as they are, masks and all.
        "mfr2": (as_they_are, f"{mfr2}/pairs.txt", {"chosen": "bare-bare"}),
        "mfr2_all": (as_they_are, "all", real),
    }
    return {
        of: _score(name, source, of, photos, pairs, options)
        for of, (photos, pairs, options) in wanted.items()
    }


def _score(
    name: str,
    source: str,
    of: str,
    photos: crops.Photos,
    pairs: str,
    options: dict[str, Any],
) -> dict[str, Any]:
    """The scores of a model on one list of pairs, kept below the output."""
    model = _model(source, of)
    output = pathlib.Path(OUTPUT.value) / name / of
    if isinstance(model, embedded.EmbeddedImages):
        known = ("model", "weights", "masked_views", "mask_pictures")
        about = {name: model.about.get(name) for name in known}
    else:
        about = scoring.identity(model, photos)
    return side_by_side.score_once(
        output,
        lambda: scoring.evaluate_conditions(
            model, photos, pairs=pairs, output=output, **options
        ),
        about=about,
    )


def _model(source: str, of: str) -> scoring.ModelChoice | embedded.EmbeddedImages:
    """The model, or what was made of the images before."""

    def kept(name: str) -> embedded.EmbeddedImages:
        path = pathlib.Path(OUTPUT.value, name, of, "embeddings.npz")
        return embedded.EmbeddedImages.load(path)

    how, _, what = source.partition(":")
    if how == "mean":
        return embedded.fuse([kept(name) for name in what.split(",")])
    if how == "without":
        return kept(what).without_views()
    is_plain = how == "plain"
    return scoring.ModelChoice(
        source=what if is_plain else source, flip=True, masked_views=not is_plain
    )
