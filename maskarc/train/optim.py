"""The optimizer of a run, from optax."""

import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
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
    """The configured optimizer; weight decay on kernels and prototypes only.

    BatchNorm scales and biases (rank 1) are not decayed. Updates are scaled by the
    configuration's rules: `freeze`, `learning_rates`, `head_warmup_steps`.

    Raises:
      ValueError: an unknown optimizer or schedule.
    """
    steps = []
    if config.clip_norm:
        steps.append(optax.clip_by_global_norm(config.clip_norm))
    steps.append(_descent(config))
    if config.freeze or config.learning_rates:
        rules = [(config.freeze, 0.0)] if config.freeze else []
        steps.append(scale_by_path([*rules, *config.learning_rates]))
    if config.head_warmup_steps:
        # At both ends: momentum would gather speed meanwhile, and weights decay.
        steps = [_held_back(config), *steps, _held_back(config)]
    return optax.chain(*steps)


def _held_back(config: config_lib.TrainConfig) -> optax.GradientTransformation:
    """Nothing of the backbone's while the head warms up."""

    def share(count: jax.Array) -> jax.Array:
        return jnp.where(count < config.head_warmup_steps, 0.0, 1.0)

    return optax.masked(
        optax.scale_by_schedule(share), {"backbone": True, "prototypes": False}
    )


def _descent(config: config_lib.TrainConfig) -> optax.GradientTransformation:
    def is_decayed(params: optax.Params) -> Any:
        return jax.tree.map(lambda p: p.ndim > 1, params)

    rate = learning_rate(config)
    if config.optimizer == "sgd":
        decay = optax.add_decayed_weights(config.weight_decay, mask=is_decayed)
        return optax.chain(decay, optax.sgd(rate, momentum=config.momentum))
    if config.optimizer == "adamw":
        return optax.adamw(rate, weight_decay=config.weight_decay, mask=is_decayed)
    raise ValueError(
        f"unknown optimizer {config.optimizer!r}; expected 'sgd' or 'adamw'"
    )


def scale_by_path(
    rules: Sequence[tuple[str, float]],
) -> optax.GradientTransformation:
    """Scales each update by the first rule that is found in its parameter's path.

    Args:
      rules: (regular expression, factor); paths are such as
        "backbone/blocks/0/conv1/kernel". Where none is found the factor is 1.

    Raises:
      ValueError: on first use, where a rule is found in no path at all: a misspelling.
    """

    def scaled(updates: optax.Updates, params: optax.Params = None) -> optax.Updates:
        del params
        unused = {pattern for pattern, _ in rules}

        def scale(path: Any, update: jax.Array) -> jax.Array:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            found = [rule for rule in rules if re.search(rule[0], name)]
            unused.difference_update(pattern for pattern, _ in found)
            return update * found[0][1] if found else update

        result = jax.tree_util.tree_map_with_path(scale, updates)
        if unused:
            raise ValueError(
                f"found in no parameter's path: {', '.join(sorted(unused))}; paths are "
                'such as "backbone/blocks/0/conv1/kernel"'
            )
        return result

    return optax.stateless(scaled)
