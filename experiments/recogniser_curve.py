"""What more training buys: start weights and every checkpoint of a run, scored.

    python -m experiments.recogniser_curve --run=runs/masked_r29/still_0 \\
        --faces=../shared/faces --held_back=runs/masked_r29/held_back.json \\
        --output=runs/curve

Writes curve.csv and curve.png: accuracies and rates by step, from LFW's View 1 and
mfr2_dev, the photos for choosing. Repeating the command scores only new checkpoints.
"""

import dataclasses
import pathlib
from typing import Any

from absl import flags

from experiments import launch, recogniser_scores
from maskarc import files, inference
from maskarc.convert import own_file
from maskarc.evaluation import plots
from maskarc.train import checkpoint

flags.adopt_module_key_flags(recogniser_scores)
_RUN = flags.DEFINE_string("run", None, "Run folder of a training.", required=True)
# Column → (title, statistic).
_COLUMNS = {
    "View 1 bare-bare accuracy": ("LFW View 1, bare–bare", "accuracy"),
    "View 1 bare-masked accuracy": ("LFW View 1, bare–masked", "accuracy"),
    "View 1 bare-masked TAR at 1e-2": ("LFW View 1, bare–masked", "tar@0.01"),
    "mfr2_dev accuracy": ("mfr2_dev, its list of pairs as they are", "accuracy"),
    "mfr2_dev bare-masked TAR at 1e-2": (
        "mfr2_dev, all pairs of bare and masked",
        "tar@0.01",
    ),
}


def main(argv: list[str]) -> None:
    """Parses the flags, scores and draws."""
    del argv
    folder = pathlib.Path(_RUN.value)
    kept = (folder / "checkpoints").iterdir()
    steps = sorted(int(path.name) for path in kept if path.name.isdigit())
    if not steps:
        raise ValueError(f"{folder} has no checkpoint")
    # The networks alone: bare faces are not put into masks.
    output = pathlib.Path(recogniser_scores.OUTPUT.value)
    rows = []
    config = checkpoint.load_backbone(folder)[3]
    if config.init_from:
        start = inference.load_weights(config.init_from)
        path = output / "start.safetensors"
        own_file.save(path, dataclasses.replace(start, crop=config.crop))
        rows.append(_row(0, f"plain:{path}"))
    rows += [_row(step, f"plain:{folder}@{step}") for step in steps]
    files.write_csv(
        output / "curve.csv", [["step", *_COLUMNS], *(row.values() for row in rows)]
    )
    plots.training_curves(output / "curve.png", output / "curve.csv")
    print((output / "curve.csv").read_text(encoding="utf-8"), end="")


def _row(step: int, source: str) -> dict[str, Any]:
    found = recogniser_scores.score(f"step_{step}", source, "1")
    sections = recogniser_scores.sections("1")
    row: dict[str, Any] = {"step": step}
    for column, (title, statistic) in _COLUMNS.items():
        of, condition = sections[title]
        scored = found[of]["conditions"][condition]
        row[column] = scored.get("intervals", {}).get(statistic, {}).get("estimate", "")
    return row


if __name__ == "__main__":
    launch.run(main, kept="what was scored is kept; repeat the command to go on")
