"""The published student system's settings, for VGGFace2 in identity/photo layout.

Command:  python -m experiments.train --config=experiments/configs/paper.py \\
              --workdir=runs/paper --config.data_dir=VGGFace2/train
Hardware: written for one GPU; not run by us, who have neither GPU nor VGGFace2
Score:    the report claims 58 % and, on LFW, 59.38 %; its logs do not show either

ResNet-18, 512-D, s 64, m 0.5, batches of 100, 3,000 iterations are published. The
learning rate is ours: the original's 1e-5 without momentum hardly moves the weights.
"""

from maskarc.train import config


def get_config() -> config.TrainConfig:
    """The configuration."""
    return config.TrainConfig(
        source="folder",
        model="resnet18",
        embed_dim=512,
        margin=0.5,
        scale=64.0,
        batch_size=100,
        steps=3_000,
        learning_rate=0.05,
        warmup_steps=200,
        schedule="cosine",
        checkpoint_every=500,
    )
