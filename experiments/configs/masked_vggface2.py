"""The recogniser's recipe for a GPU and VGGFace2: not run here, for want of both.

What it changes: 8,631 people in 3.1 million photos in the place of 531 in 9,866, so
that the margin loss may do more and the teacher less; a network of InsightFace's with
512 numbers an embedding; a batch of 512 images. TEACHER.safetensors is a network of the
same kind that knows bare faces, which the student also starts from: `maskarc convert`
makes the file of others' weights, whose terms are theirs.

Leave people of your test sets out first: VGGFace2 has many of LFW's.

Command:  python -m experiments.detect_landmarks --input=VGGFACE2 \\
              --detector=mesh --output=landmarks.npz
          maskarc pack VGGFACE2 --output=packed --landmarks=landmarks.npz
          python -m experiments.train \\
              --config=experiments/configs/masked_vggface2.py \\
              --workdir=runs/masked_vggface2 --config.data_dir=packed \\
              --config.teacher=TEACHER.safetensors \\
              --config.init_from=TEACHER.safetensors
Hardware: for one GPU of 24 GB or more
Time:     not measured
Score:    not measured
"""

from experiments.configs import masked_r29
from maskarc.train import config


def get_config() -> config.TrainConfig:
    """The configuration."""
    return config.TrainConfig(
        source="shards",
        masks=masked_r29.DRAWN,
        mask_probability=1.0,
        mask_size_jitter=0.05,
        mask_shift_jitter=0.03,
        color_jitter=0.3,
        quality_jitter=0.3,
        shift_jitter=0.02,
        scale_jitter=0.05,
        rotation_jitter=0.05,
        pairs=True,
        model="iresnet50",
        precision="bfloat16",
        loss="arcface",
        margin=0.5,
        scale=64.0,
        distillation=10.0,
        consistency=5.0,
        prototypes_from_teacher=True,
        batch_size=256,
        steps=120_000,
        optimizer="sgd",
        clip_norm=5.0,
        learning_rate=0.02,
        weight_decay=5e-4,
        ema_decay=0.9999,
        warmup_steps=2_000,
        schedule="cosine",
        checkpoint_every=5_000,
        log_every=100,
        read_threads=16,
        worker_count=8,
    )
