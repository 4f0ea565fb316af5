"""Scores models side by side: bare, with masks no training saw, with real ones.

    python -m experiments.recogniser_table --faces=../shared/faces \\
        --held_back=runs/masked_r29/held_back.json --output=runs/table \\
        --model=dlib=dlib_resnet29 --model=shipped=masked_r29

--faces is a folder with lfw/ and mfr2_dev/. Pairs are of LFW's View 2, or with --view=1
of its View 1, by which models are chosen; and all of mfr2_dev. --model=both=one+two is
the mean of the similarities of two models named before. Repeating the command scores
only what is new. Writes table.md, and prints it.
"""

import pathlib
from typing import Any

from absl import flags

from experiments import launch
from experiments.configs import masked_r29
from maskarc import scoring
from maskarc.data import crops
from maskarc.evaluation import embedded
from maskarc.scoring import side_by_side

_MODELS = flags.DEFINE_multi_string(
    "model", [], "NAME=SOURCE; may be repeated.", required=True
)
_FACES = flags.DEFINE_string("faces", None, "Folder of the photos.", required=True)
_HELD_BACK = flags.DEFINE_string(
    "held_back", None, "Cut-outs that no training saw, a .json.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the results.", required=True)
_VIEW = flags.DEFINE_enum("view", "2", ["1", "2"], "Which pairs of LFW.")
_LANDMARKS = flags.DEFINE_string("landmarks", "", "Landmark table of LFW, if any.")
_CONDITIONS = ("bare-bare", "bare-masked", "masked-masked", "bare-real")


def main(argv: list[str]) -> None:
    """Parses the flags, scores and writes the table."""
    del argv
    output = pathlib.Path(_OUTPUT.value)
    results = {}
    for text in _MODELS.value:
        name, is_named, source = text.partition("=")
        if not (is_named and name and source):
            raise ValueError(f"expected --model=NAME=SOURCE, got {text!r}")
        results[name] = {**_lfw(name, source), **_mfr2(name, source)}
    tables = [
        f"### {condition}\n\n{side_by_side.table(results, condition)}"
        for condition in _CONDITIONS
    ]
    text = "\n".join(tables)
    (output / "table.md").write_text(text, encoding="utf-8")
    print(text, end="")


def _lfw(name: str, source: str) -> dict[str, Any]:
    root = f"{_FACES.value}/lfw"
    listing = "pairs.txt" if _VIEW.value == "2" else "pairsDevTest.txt"
    photos = crops.Photos(
        root=f"{root}/images",
        masks=masked_r29.with_cutouts(masked_r29.HELD_BACK, _HELD_BACK.value, weight=1),
        landmarks=_LANDMARKS.value,
    )
    scored = _score(name, source, photos, f"{root}/{listing}", f"view_{_VIEW.value}")
    return {f"LFW View {_VIEW.value}": scored}


def _mfr2(name: str, source: str) -> dict[str, Any]:
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
    output = pathlib.Path(_OUTPUT.value)

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
        pathlib.Path(_OUTPUT.value, name, of, "embeddings.npz")
        for name in source.split("+")
    ]
    return embedded.fuse([embedded.EmbeddedImages.load(path) for path in kept])


if __name__ == "__main__":
    launch.run(main)
