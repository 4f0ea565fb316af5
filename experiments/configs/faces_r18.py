"""ResNet-18, a quarter of its width, on the 531 people of the development faces.

Command:  python -m experiments.train --config=experiments/configs/faces_r18.py \\
              --workdir=runs/faces_r18 --config.data_dir=../shared/faces/train \\
              --config.masks=builtin,masks.json
Hardware: two x86 cores, no GPU
Time:     75 minutes, beside other work
Score:    LFW View 2 83.2 %, with the second photo masked 81.9 %
"""

from maskarc.train import config


def get_config() -> config.TrainConfig:
    """The configuration."""
    return config.TrainConfig(
        source="folder",
        min_photos=2,
        mask_probability=0.5,
        color_jitter=0.3,
        shift_jitter=0.02,
        scale_jitter=0.05,
        rotation_jitter=0.05,
        width=16,
        margin=0.4,
        scale=32.0,
        batch_size=64,
        steps=7_000,
        learning_rate=0.05,
        warmup_steps=300,
        schedule="cosine",
        checkpoint_every=500,
        log_every=50,
    )
