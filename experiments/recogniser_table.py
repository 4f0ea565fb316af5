"""Scores models side by side: bare, with masks no training saw, with real ones.

    python -m experiments.recogniser_table --faces=../shared/faces \\
        --held_back=runs/masked_r29/held_back.json --output=runs/table \\
        --model=dlib=dlib_resnet29 --model=shipped=masked_r29

--faces is a folder with lfw/ and mfr2_dev/. Pairs are of LFW's View 2, or with --view=1
of its View 1, by which models are chosen; and all of mfr2_dev. Repeating the command
scores only what is new. Writes table.md, and prints it.
"""

import pathlib
from typing import Any

from absl import flags

from experiments import launch
from experiments.configs import masked_r29
from maskarc import scoring
from maskarc.data import crops
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
        choice = scoring.ModelChoice(source=source, flip=True)
        results[name] = {**_lfw(choice, output / name), **_mfr2(choice, output / name)}
    tables = [
        f"### {condition}\n\n{side_by_side.table(results, condition)}"
        for condition in _CONDITIONS
    ]
    text = "\n".join(tables)
    (output / "table.md").write_text(text, encoding="utf-8")
    print(text, end="")


def _lfw(choice: scoring.ModelChoice, output: pathlib.Path) -> dict[str, Any]:
    root = f"{_FACES.value}/lfw"
    listing = "pairs.txt" if _VIEW.value == "2" else "pairsDevTest.txt"
    name = f"LFW View {_VIEW.value}"
    photos = crops.Photos(
        root=f"{root}/images",
        masks=masked_r29.with_cutouts(masked_r29.HELD_BACK, _HELD_BACK.value, weight=1),
        landmarks=_LANDMARKS.value,
    )
    return {name: _score(choice, photos, f"{root}/{listing}", output / name)}


def _mfr2(choice: scoring.ModelChoice, output: pathlib.Path) -> dict[str, Any]:
    root = f"{_FACES.value}/mfr2_dev"
    photos = crops.Photos(root=root)
    listed = _score(
        choice, photos, f"{root}/pairs.txt", output / "mfr2", chosen="bare-bare"
    )
    labels = f"{root}/mfr2_labels.txt"
    real = _score(
        choice, photos, "all", output / "mfr2_all", chosen="bare-real", labels=labels
    )
    # Without labels all photos are taken as they are, masks and all.
    return {"mfr2_dev, its list": listed, "mfr2_dev, all": real}


def _score(
    choice: scoring.ModelChoice,
    photos: crops.Photos,
    pairs: str,
    output: pathlib.Path,
    *,
    chosen: str = "bare-bare,bare-masked,masked-masked",
    labels: str = "",
) -> dict[str, Any]:
    def score() -> dict[str, Any]:
        return scoring.evaluate_conditions(
            choice,
            photos,
            pairs=pairs,
            output=output,
            chosen=chosen,
            mask_labels=labels,
        )

    return side_by_side.score_once(output, score)


if __name__ == "__main__":
    launch.run(main)
