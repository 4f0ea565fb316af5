"""The optimizer of a run, from optax."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from maskarc.train import config as config_lib

Rules = Sequence[tuple[str, float]]


def learning_rate(config: config_lib.TrainConfig) -> optax.Schedule:
    """Step → learning rate: linear warm-up, then the configured decay.

    Raises:
      ValueError: an unknown schedule.
    """
    after_warmup = max(config.steps - config.warmup_steps, 1)
    if config.schedule not in SCHEDULES:
        raise ValueError(
            f"unknown schedule {config.schedule!r}; expected one of "
            f"{', '.join(SCHEDULES)}"
        )
    decay = SCHEDULES[config.schedule](config, after_warmup)
    if config.warmup_steps == 0:
        return decay
    warmup = optax.linear_schedule(0.0, config.learning_rate, config.warmup_steps)
    return optax.join_schedules([warmup, decay], [config.warmup_steps])


def _in_steps(config: config_lib.TrainConfig, after_warmup: int) -> optax.Schedule:
    del after_warmup
    boundaries = [
        round(share * config.steps) - config.warmup_steps for share in config.decay_at
    ]
    return optax.piecewise_constant_schedule(
        config.learning_rate, {boundary: 0.1 for boundary in boundaries}
    )


# Name → (configuration, steps after warm-up) → schedule of these steps.
SCHEDULES: dict[str, Callable[[config_lib.TrainConfig, int], optax.Schedule]] = {
    "steps": _in_steps,
    "cosine": lambda c, steps: optax.cosine_decay_schedule(c.learning_rate, steps),
    "polynomial": lambda c, steps: optax.polynomial_schedule(
        c.learning_rate, 0.0, c.decay_power, steps
    ),
    "constant": lambda c, steps: optax.constant_schedule(c.learning_rate),
}

# Name → (rate, momentum, transformation that decays weights) → optimizer. LARS and LAMB
# leave parameters of rank 1 at a trust ratio of 1.
OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "sgd": lambda rate, momentum, decay: optax.chain(
        decay, optax.sgd(rate, momentum=momentum)
    ),
    "adamw": lambda rate, momentum, decay: optax.chain(
        optax.scale_by_adam(), decay, optax.scale_by_learning_rate(rate)
    ),
    "lars": lambda rate, momentum, decay: optax.chain(
        decay,
        optax.masked(optax.scale_by_trust_ratio(trust_coefficient=0.001), _is_matrix),
        optax.scale_by_learning_rate(rate),
        optax.trace(decay=momentum),
    ),
    "lamb": lambda rate, momentum, decay: optax.chain(
        optax.scale_by_adam(eps=1e-6),
        decay,
        optax.masked(optax.scale_by_trust_ratio(), _is_matrix),
        optax.scale_by_learning_rate(rate),
    ),
}


def create(config: config_lib.TrainConfig) -> optax.GradientTransformation:
    """The configured optimizer; weight decay on kernels and prototypes only.

    BatchNorm scales and biases (rank 1) are not decayed. Updates are scaled by the
    configuration's rules: `freeze`, `learning_rates`, `head_warmup_steps`.

    Raises:
      ValueError: an unknown optimizer or schedule.

    References:
      You et al., "Large Batch Training of Convolutional Networks", 2017 (LARS), and
      "Large Batch Optimization for Deep Learning", ICLR 2020 (LAMB); Loshchilov and
      Hutter, "Decoupled Weight Decay Regularization", ICLR 2019 (AdamW).
    """
    if config.optimizer not in OPTIMIZERS:
        raise ValueError(
            f"unknown optimizer {config.optimizer!r}; expected one of "
            f"{', '.join(OPTIMIZERS)}"
        )
    steps = []
    if config.clip_norm:
        steps.append(optax.clip_by_global_norm(config.clip_norm))
    steps.append(
        OPTIMIZERS[config.optimizer](
            learning_rate(config),
            config.momentum,
            decay_by_path(config.weight_decay, config.weight_decays),
        )
    )
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


def _is_matrix(params: optax.Params) -> Any:
    return jax.tree.map(lambda p: p.ndim > 1, params)


def decay_by_path(decay: float, rules: Rules = ()) -> optax.GradientTransformation:
    """Adds to each update its weight's decay: of rank ≥ 2, times the rule's factor.

    Args:
      decay: added per weight.
      rules: as of `scale_by_path`, factors on the decay.

    Raises:
      ValueError: on first use, where a rule is found in no path.
    """

    def decayed(updates: optax.Updates, params: optax.Params = None) -> optax.Updates:
        factors = _factors(rules, updates)
        return jax.tree.map(
            lambda u, p, f: u + decay * f * p if p.ndim > 1 and decay * f else u,
            updates,
            params,
            factors,
        )

    return optax.stateless(decayed)


def scale_by_path(rules: Rules) -> optax.GradientTransformation:
    """Scales each update by the first rule that is found in its parameter's path.

    Args:
      rules: (regular expression, factor); paths are such as
        "backbone/blocks/0/conv1/kernel". Where none is found the factor is 1.

    Raises:
      ValueError: on first use, where a rule is found in no path at all: a misspelling.
    """

    def scaled(updates: optax.Updates, params: optax.Params = None) -> optax.Updates:
        del params
        return jax.tree.map(lambda u, f: u * f, updates, _factors(rules, updates))

    return optax.stateless(scaled)


def without_gradient(params: Any, freeze: str) -> Any:
    """The same parameters; nothing is differentiated by those that are frozen.

    Args:
      params: {"backbone": …, "prototypes": …}.
      freeze: regular expression searched for in their paths; empty for none.

    Raises:
      ValueError: it is found in no path.
    """
    if not freeze:
        return params
    factors = _factors([(freeze, 0.0)], params)
    return jax.tree.map(
        lambda p, f: p if f else jax.lax.stop_gradient(p), params, factors
    )


def _factors(rules: Rules, tree: Any) -> Any:
    """The factor of each leaf."""
    unused = {pattern for pattern, _ in rules}

    def factor(path: Any, _: Any) -> float:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        found = [rule for rule in rules if re.search(rule[0], name)]
        unused.difference_update(pattern for pattern, _ in found)
        return found[0][1] if found else 1.0

    factors = jax.tree_util.tree_map_with_path(factor, tree)
    if unused:
        raise ValueError(
            f"found in no parameter's path: {', '.join(sorted(unused))}; paths are "
            'such as "backbone/blocks/0/conv1/kernel"'
        )
    return factors
