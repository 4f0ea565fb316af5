"""The optimizer of a run, from optax."""

import jax
import optax

from maskarc.train import config as config_lib


def learning_rate(config: config_lib.TrainConfig) -> optax.Schedule:
    """Step → learning rate: linear warm-up, then the configured decay.

    Raises:
      ValueError: an unknown schedule.
    """
    after_warmup = max(config.steps - config.warmup_steps, 1)
    if config.schedule == "cosine":
        decay = optax.cosine_decay_schedule(config.learning_rate, after_warmup)
    elif config.schedule == "steps":
        boundaries = [
            round(share * config.steps) - config.warmup_steps
            for share in config.decay_at
        ]
        decay = optax.piecewise_constant_schedule(
            config.learning_rate, {boundary: 0.1 for boundary in boundaries}
        )
    else:
        raise ValueError(
            f"unknown schedule {config.schedule!r}; expected 'cosine' or 'steps'"
        )
    if config.warmup_steps == 0:
        return decay
    warmup = optax.linear_schedule(0.0, config.learning_rate, config.warmup_steps)
    return optax.join_schedules([warmup, decay], [config.warmup_steps])


def create(config: config_lib.TrainConfig) -> optax.GradientTransformation:
    """SGD with momentum; weight decay on kernels and prototypes only.

    BatchNorm scales and biases (rank 1) are not decayed.
    """
    return optax.chain(
        optax.add_decayed_weights(
            config.weight_decay,
            mask=lambda params: jax.tree.map(lambda p: p.ndim > 1, params),
        ),
        optax.sgd(learning_rate(config), momentum=config.momentum),
    )
