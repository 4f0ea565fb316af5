"""Ways of teaching dlib's network to see past masks, each alone.

All take the same number of steps and images. In "pairs" a batch is of half as many
photos, each bare and masked. "embedding layer" and "last blocks" train only these,
which costs less: the first is a linear unmasking of frozen features, before the
embedding.

Command:  python -m experiments.ablation --workdir=runs/mask_recipes \\
              --config=experiments/configs/grids/mask_recipes.py
          then experiments.recogniser_table with --model=NAME=plain:RUN for each run
Hardware: two x86 cores, no GPU
Time:     about 5 minutes a recipe, each once, one by one
Score:    docs/recogniser.md
"""

import dataclasses

from experiments.configs import masked_r29
from maskarc import ablation
from maskarc.train import config

_FACES = "../shared/faces"
_MOVING = {"freeze": "", **masked_r29.TRAININGS["moving"]}
_NO_TEACHER = {"teacher": "", "prototypes_from_teacher": False, "distillation": 0.0}
_PAIRS = {"pairs": True, "batch_size": 32, "mask_probability": 1.0}


def get_config() -> config.TrainConfig:
    """What all recipes have in common."""
    return dataclasses.replace(
        masked_r29.get_config(),
        data_dir=f"{_FACES}/train",
        steps=300,
        checkpoint_every=300,
        keep=1,
    )


def get_grid(base: config.TrainConfig) -> ablation.Grid:
    """The recipes and what they are compared on."""
    return ablation.Grid(
        base=base,
        seeds=(0,),
        axes={
            "recipe": {
                "margin": {**_MOVING, **_NO_TEACHER, "head_warmup_steps": 50},
                "pairs and consistency": {
                    **_PAIRS,
                    "distillation": 0.0,
                    "consistency": 100.0,
                },
                "distillation": {"classification": 0.0},
                "margin and distillation": {},
                "moving prototypes": _MOVING,
                "view of the eyes": {"crop": "eyes"},
                "embedding layer": {"freeze": "^prototypes$|^backbone/(?!fc/)"},
                "last blocks": {
                    "freeze": "^prototypes$|^backbone/(conv1|affine1|blocks/[0-9]/)",
                },
            }
        },
        held_out={
            "LFW View 1": ablation.Folder(
                images=f"{_FACES}/lfw/images", pairs=f"{_FACES}/lfw/pairsDevTest.txt"
            ),
            "MFR2": ablation.Folder(
                images=f"{_FACES}/mfr2_dev",
                pairs=f"{_FACES}/mfr2_dev/pairs.txt",
                masked=("none",),
            ),
        },
    )
