"""The original's ablation table, on photos: ResNet-18, 50 and 101.

The networks are an eighth of the published width, see 64 pixels and 19,200 photos (the
531 people of the development faces, twice): the shape of the original's table, not its
size. All are far from trained out.

Command:  python -m experiments.ablation --workdir=runs/resnets_faces \\
              --config=experiments/configs/grids/resnets_faces.py
Hardware: two x86 cores, no GPU
Time:     70 minutes for the 9 runs, at low priority beside the other grid and much
          else; ResNet-18 trained in 45 seconds while the cores were free
Score:    LFW View 1 bare 69.7 ± 2.0, 65.8 ± 2.7, 61.8 ± 3.9 %; one masked 69.2 ± 1.7,
          64.7 ± 2.6, 62.3 ± 2.2 %
"""

from maskarc import ablation
from maskarc.train import config

_FACES = "../shared/faces"


def get_config() -> config.TrainConfig:
    """What all cells have in common."""
    return config.TrainConfig(
        source="folder",
        data_dir=f"{_FACES}/train",
        min_photos=2,
        mask_probability=0.5,
        image_size=64,
        width=8,
        embed_dim=128,
        dropout=0.1,
        margin=0.3,
        scale=24.0,
        batch_size=64,
        steps=300,
        learning_rate=0.1,
        warmup_steps=30,
        schedule="cosine",
        log_every=10,
        checkpoint_every=75,
        keep=4,
    )


def get_grid(base: config.TrainConfig) -> ablation.Grid:
    """The cells and what they are scored on."""
    return ablation.Grid(
        base=base,
        axes={
            "model": {
                "ResNet-18": "resnet18",
                "ResNet-50": "resnet50",
                "ResNet-101": "resnet101",
            }
        },
        held_out={
            "LFW View 1": ablation.Folder(
                images=f"{_FACES}/lfw/images", pairs=f"{_FACES}/lfw/pairsDevTest.txt"
            ),
            "MFR2": ablation.Folder(images=f"{_FACES}/mfr2_dev", nearest=(False,)),
        },
        seeds=(0, 1, 2),
    )
