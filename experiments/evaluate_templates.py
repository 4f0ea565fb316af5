"""Scores a model by a template protocol; the last line printed is one JSON object.

    python -m experiments.evaluate_templates --protocol=ijbc --data=IJB_release/IJBC \\
        --model=w600k_r50.onnx --flip --output=runs/w600k_r50/ijbc

    python -m experiments.evaluate_templates --protocol=megaface \\
        --probe_list=facescrub_features_list.json --probes=features/facescrub \\
        --distractor_list=megaface_features_list.json_10000_1 \\
        --distractors=features/megaface --ending=_r100.bin --output=runs/r100/megaface

IJB wants the folder of InsightFace's release; MegaFace the feature files of any model.
"""

import json

from absl import flags

from experiments import launch, photo_flags
from maskarc import scoring
from maskarc.evaluation import template_protocols

flags.adopt_module_key_flags(photo_flags)
_PROTOCOL = flags.DEFINE_enum(
    "protocol", "ijbc", ["ijbb", "ijbc", "megaface"], "Which protocol."
)
_DATA = flags.DEFINE_string("data", "", "IJB: folder with meta and loose_crop.")
_PROBE_LIST = flags.DEFINE_string("probe_list", "", "MegaFace: list of the probes.")
_PROBES = flags.DEFINE_string("probes", "", "MegaFace: folder of their features.")
_ENROLLED = flags.DEFINE_string(
    "enrolled", "", "MegaFace: features of the probes bare, where --probes are masked."
)
_DISTRACTOR_LIST = flags.DEFINE_string(
    "distractor_list", "", "MegaFace: list of the distractors."
)
_DISTRACTORS = flags.DEFINE_string(
    "distractors", "", "MegaFace: folder of their features."
)
_ENDING = flags.DEFINE_string(
    "ending", ".bin", "MegaFace: what follows a photo's name in its feature's."
)


def main(argv: list[str]) -> None:
    """Parses the flags and scores."""
    del argv
    if _PROTOCOL.value == "megaface":
        result = template_protocols.score_megaface_files(
            probe_list=_PROBE_LIST.value,
            probes=_PROBES.value,
            enrolled=_ENROLLED.value,
            distractor_list=_DISTRACTOR_LIST.value,
            distractors=_DISTRACTORS.value,
            ending=_ENDING.value,
        )
    else:
        result = scoring.evaluate_ijb(
            photo_flags.model_or_embeddings(),
            _DATA.value,
            target=_PROTOCOL.value,
            output=photo_flags.OUTPUT.value,
        )
    print(json.dumps(result))


if __name__ == "__main__":
    launch.run(main)
