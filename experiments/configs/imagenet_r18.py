"""The original's recipe: a ResNet-18 of ImageNet becomes a recogniser by ArcFace.

--config.init_from is a state dict of torchvision's, `resnet18-*.pth`
(https://download.pytorch.org/models, BSD-3-Clause; ImageNet's terms for the weights).

Command:  python -m experiments.train --config=experiments/configs/imagenet_r18.py \\
              --workdir=runs/imagenet_r18 --config.data_dir=VGGFACE2 \\
              --config.init_from=resnet18-f37072fd.pth
Hardware: not run here: neither the weights nor VGGFace2 can be had
"""

from maskarc.train import config


def get_config() -> config.TrainConfig:
    """The configuration."""
    return config.TrainConfig(
        source="folder",
        min_photos=2,
        mask_probability=0.5,
        model="resnet18",
        margin=0.5,
        scale=64.0,
        batch_size=100,
        steps=3_000,
        learning_rate=0.01,
        head_warmup_steps=200,
        warmup_steps=100,
        schedule="cosine",
        checkpoint_every=500,
    )
