"""The original's ablation table, on generated people: ResNet-18, 50 and 101.

The networks are an eighth of the published width, see 64 pixels and 19,200 photos: the
shape of the original's table, not its size. All are far from trained out.

Command:  python -m experiments.ablation --workdir=runs/resnets_generated \\
              --config=experiments/configs/grids/resnets_generated.py
Hardware: two x86 cores, no GPU
Time:     74 minutes for the 9 runs, at low priority beside the other grid and much
          else; ResNet-18 trained in 1 minute while the cores were free
Score:    accuracy bare 90.0 ± 4.5, 81.8 ± 4.8, 80.7 ± 1.1 %; one masked 89.5 ± 4.2,
          81.2 ± 5.3, 80.1 ± 0.7 %
"""

from maskarc import ablation
from maskarc.train import config


def get_config() -> config.TrainConfig:
    """What all cells have in common."""
    return config.TrainConfig(
        source="synthetic",
        num_identities=300,
        photos_per_identity=40,
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
            "new people": ablation.Generated(
                identities=100, pairs=2000, nearest=(False, True)
            )
        },
        seeds=(0, 1, 2),
    )
