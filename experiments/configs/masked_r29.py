"""The recogniser in the package: dlib's network, taught to see past masks.

It learns to put a masked face where dlib's network, frozen, puts the bare photo
(distillation), and to tell the people apart (a margin loss whose prototypes begin as
each person's mean there). Twice: with prototypes that stay there, and, as
"masked_r29.py:moving", with prototypes that learn. The file in the package is the mean
of dlib's weights and of both, each with two seeds. docs/recogniser.md says what was
tried beside it.

Command:  python -m experiments.recogniser --faces=../shared/faces/train \\
              --masked_photos=../shared/faces/masked_photos --workdir=runs/masked_r29
          which makes the database of cut-outs, does all trainings and writes the
          weights file; one by itself:
          python -m experiments.train --config=experiments/configs/masked_r29.py \\
              --workdir=runs/masked_r29/still_0 --config.data_dir=../shared/faces/train
Hardware: two x86 cores, no GPU
Time:     5 minutes a training; 12 to 19 on a day when the machine was slow
Score:    docs/recogniser.md
"""

import os
from typing import Any

from maskarc.train import config

# What training draws, beside cut-outs.
DRAWN = (
    "surgical_blue[own|random]:2, surgical_white[own|random]:1, surgical_black:0.5, "
    "cloth_black[own|random|pattern]:2, cloth_navy[own|random|pattern]:1, "
    "cloth_red:0.5, kn95_white[own|random]:1, kn95_black:0.5, n95_white:0.5, "
    "n95_valve:0.5, duckbill_white:0.5"
)
# What it never sees, beside cut-outs from other photos: the other drawings are of the
# same kinds, in other colours.
HELD_BACK = "gas_black:0.25, gas_grey:0.25"
# What the cut-outs weigh beside the drawings of training.
CUTOUTS = 10
# What the trainings differ in.
TRAININGS: dict[str, dict[str, Any]] = {
    # Its embeddings lie in a narrow cone, so differences are small and the scale is
    # large.
    "still": {
        "freeze": "^prototypes$",
        "scale": 100.0,
        "margin": 0.03,
        "distillation": 100.0,
        "learning_rate": 3e-5,
    },
    # Prototypes that learn, faster than the backbone. The cone opens; bare faces of
    # people who are not in training are told apart less well, real masks better.
    "moving": {
        "scale": 64.0,
        "margin": 0.1,
        "distillation": 20.0,
        "learning_rate": 1e-3,
        "learning_rates": (("^backbone/", 0.03),),
    },
}


def with_cutouts(drawn: str, database: str | os.PathLike[str], weight: float) -> str:
    """A mixture of drawings and of the cut-outs in a masks.json."""
    return f"{drawn}, {os.fspath(database)}:{weight:g}"


def unseen(held_back: str | os.PathLike[str]) -> str:
    """The mixture for scoring: `HELD_BACK`, and the cut-outs of the held-back .json."""
    return with_cutouts(HELD_BACK, held_back, weight=5)


def get_config(training: str = "still") -> config.TrainConfig:
    """The configuration of one of `TRAININGS`; `experiments.recogniser` adds cut-outs.

    Raises:
      ValueError: an unknown training.
    """
    if training not in TRAININGS:
        raise ValueError(
            f"unknown training {training!r}; expected one of {', '.join(TRAININGS)}"
        )
    return config.TrainConfig(
        source="folder",
        min_photos=2,
        masks=DRAWN,
        mask_probability=0.8,
        mask_size_jitter=0.05,
        mask_shift_jitter=0.03,
        color_jitter=0.2,
        quality_jitter=0.15,
        shift_jitter=0.018,
        scale_jitter=0.045,
        rotation_jitter=0.045,
        init_from="dlib_resnet29",
        # It looks at its own crop, "upper": the student is to say the same of another.
        teacher="dlib_resnet29",
        prototypes_from_teacher=True,
        model="dlib_resnet29",
        crop="balanced",
        image_size=150,
        embed_dim=128,
        width=32,
        loss="cosface",
        batch_size=64,
        steps=300,
        # Its kernels are small (0.01) and nothing normalises behind them: at 1e-4 it
        # forgets more than it learns.
        optimizer="adamw",
        clip_norm=5.0,
        weight_decay=0.0,
        warmup_steps=50,
        schedule="cosine",
        checkpoint_every=50,
        keep=20,
        log_every=25,
        **TRAININGS[training],
    )
