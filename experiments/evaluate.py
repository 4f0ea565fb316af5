"""Scores a model on a list of pairs; the last line printed is one JSON object.

    python -m experiments.evaluate --model=runs/faces_r18 --images=lfw/images \\
        --pairs=lfw/pairs.txt --conditions=all --output=runs/faces_r18/lfw \\
        --report=runs/faces_r18/lfw/report

The model may be anybody's (an ONNX file, a Python function: docs/evaluation.md), or
the embeddings.npz of a run with --conditions, which is then scored without it.
"""

import json

from absl import flags

from experiments import launch, photo_flags
from maskarc import scoring
from maskarc.evaluation import bootstrap, protocol

flags.adopt_module_key_flags(photo_flags)
_PAIRS = flags.DEFINE_string(
    "pairs",
    None,
    "List of pairs (LFW, MFR2, CALFW, CPLFW, AgeDB or CSV format), InsightFace's .bin "
    "file, 'cfp_ff', 'cfp_fp', or 'all' or 'all:20000' pairs of the folder.",
    required=True,
)
_MASKED = flags.DEFINE_enum(
    "masked", "none", list(protocol.MASKED_SIDES), "Which photo of a pair is masked."
)
_CONDITIONS = flags.DEFINE_string(
    "conditions",
    "",
    "'all', or some of bare-bare, bare-masked, masked-masked, bare-real, real-real: "
    "scored in one run, with intervals and drops; --masked is not looked at then.",
)
_MASK_LABELS = flags.DEFINE_string(
    "mask_labels", "", "List of the real masks on the photos, as mfr2_labels.txt."
)
_DRAWS = flags.DEFINE_integer(
    "draws", bootstrap.DRAWS, "Draws of people for the intervals of --conditions."
)
_REPORT = flags.DEFINE_string(
    "report",
    "",
    "Folder for a page with tables, curves and the worst pairs, which show photos of "
    "people; scores --conditions=all unless they are given.",
)


def main(argv: list[str]) -> None:
    """Parses the flags and evaluates."""
    del argv
    if _CONDITIONS.value or _REPORT.value:
        result = scoring.evaluate_conditions(
            photo_flags.model_or_embeddings(),
            photo_flags.photos(),
            pairs=_PAIRS.value,
            output=photo_flags.OUTPUT.value,
            chosen=_CONDITIONS.value or "all",
            mask_labels=_MASK_LABELS.value,
            draws=_DRAWS.value,
            report_to=_REPORT.value,
        )
    else:
        result = scoring.evaluate_pairs(
            photo_flags.model(),
            photo_flags.photos(),
            pairs=_PAIRS.value,
            output=photo_flags.OUTPUT.value,
            masked=_MASKED.value,
        )
    print(json.dumps(result))


if __name__ == "__main__":
    launch.run(main)
