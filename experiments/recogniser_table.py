"""Scores models side by side: bare, with masks no training saw, with real ones.

    python -m experiments.recogniser_table --faces=../shared/faces \\
        --held_back=runs/masked_r29/held_back.json --output=runs/table \\
        --model=dlib=dlib_resnet29 --model=shipped=masked_r29

Pairs are of LFW's View 2, or with --view=1 of its View 1, by which models are chosen;
and all of mfr2_dev. --model=both=one+two is the mean of the similarities of two models
named before. Repeating the command scores only what is new. Writes table.md and prints
it.
"""

import pathlib

from absl import flags

from experiments import launch, recogniser_scores
from maskarc.scoring import side_by_side

flags.adopt_module_key_flags(recogniser_scores)
_MODELS = flags.DEFINE_multi_string(
    "model", [], "NAME=SOURCE; may be repeated.", required=True
)
_VIEW = flags.DEFINE_enum("view", "2", ["1", "2"], "Which pairs of LFW.")
_CONDITIONS = ("bare-bare", "bare-masked", "masked-masked", "bare-real")


def main(argv: list[str]) -> None:
    """Parses the flags, scores and writes the table."""
    del argv
    results = {}
    for text in _MODELS.value:
        name, is_named, source = text.partition("=")
        if not (is_named and name and source):
            raise ValueError(f"expected --model=NAME=SOURCE, got {text!r}")
        results[name] = {
            **recogniser_scores.lfw(name, source, _VIEW.value),
            **recogniser_scores.mfr2(name, source),
        }
    tables = [
        f"### {condition}\n\n{side_by_side.table(results, condition)}"
        for condition in _CONDITIONS
    ]
    text = "\n".join(tables)
    path = pathlib.Path(recogniser_scores.OUTPUT.value, "table.md")
    path.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    launch.run(main)
