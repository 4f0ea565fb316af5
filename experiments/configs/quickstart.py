"""A small ResNet-18 on generated people, for `make quickstart`.

Command:  python -m experiments.quickstart --workdir=runs/quickstart
Hardware: two x86 cores, no GPU
"""

from maskarc.train import config


def get_config() -> config.TrainConfig:
    """The configuration."""
    return config.TrainConfig(
        source="synthetic",
        num_identities=300,
        photos_per_identity=40,
        image_size=64,
        width=16,
        embed_dim=128,
        dropout=0.1,
        margin=0.3,
        scale=24.0,
        batch_size=64,
        steps=500,
        learning_rate=0.1,
        warmup_steps=50,
        schedule="cosine",
        log_every=20,
        checkpoint_every=250,
    )
