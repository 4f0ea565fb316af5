"""The original's ablation table, on photos: ResNet-18, 50 and 101."""

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
