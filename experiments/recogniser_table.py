"""Scores models side by side: bare, with masks no training saw, with real ones.

    python -m experiments.recogniser_table --faces=../shared/faces \\
        --held_back=runs/masked_r29/held_back.json --output=runs/table \\
        --model=dlib=dlib_resnet29 --model=shipped=masked_r29

Pairs are of LFW's View 2, or with --view=1 of its View 1, by which models are chosen;
and all of mfr2_dev. --model=both=mean:one,two is the mean of the similarities of two
models named before. Repeating the command scores only what is new. Writes table.md and
prints it.
"""

import pathlib

from absl import flags

from experiments import launch, recogniser_scores
from maskarc import files
from maskarc.scoring import side_by_side

flags.adopt_module_key_flags(recogniser_scores)
_MODELS = flags.DEFINE_multi_string(
    "model", None, "NAME=SOURCE; may be repeated.", required=True
)
_VIEW = flags.DEFINE_enum("view", "2", ["1", "2"], "Which pairs of LFW.")


def main(argv: list[str]) -> None:
    """Parses the flags, scores and writes the table."""
    del argv
    results = {}
    for text in _MODELS.value:
        name, is_named, source = text.partition("=")
        if not (is_named and name and source):
            raise ValueError(f"expected --model=NAME=SOURCE, got {text!r}")
        results[name] = recogniser_scores.score(name, source, _VIEW.value)
    parts = []
    for title, (of, condition) in recogniser_scores.sections(_VIEW.value).items():
        # Of all pairs nearly all are impostors: accuracy would say little.
        rates = [name for name in side_by_side.STATISTICS if name != "accuracy"]
        statistics = rates if of == "mfr2_all" else list(side_by_side.STATISTICS)
        found = {name: result[of] for name, result in results.items()}
        table = side_by_side.table(found, condition, statistics)
        parts.append(f"### {title}\n\n{table}")
    text = "\n".join(parts)
    path = pathlib.Path(recogniser_scores.OUTPUT.value, "table.md")
    files.write_text(path, text)
    print(text, end="")


if __name__ == "__main__":
    launch.run(main, kept="what was scored is kept; repeat the command to go on")
