"""Whether a run still learns: losses, gradients and states that are not finite."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from maskarc.train import config as config_lib
from maskarc.train import step as step_lib

# Steps one after another without a finite gradient; float16's scale takes some.
PATIENCE = 20


class DivergedError(FloatingPointError):
    """The run no longer learns, or never did; the message says what to do."""


def check_step(
    config: config_lib.TrainConfig,
    step: int,
    row: Mapping[str, float],
    *,
    is_last: bool = False,
) -> None:
    """Refuses to go on, or to end, without having learned.

    Args:
      config: of the run.
      step: number of the step.
      row: its loss, gradient_norm and skipped.
      is_last: whether the run ends with it. Then one step without a finite gradient is
        enough; but for float16, where the loss's scale takes one now and then.

    Raises:
      DivergedError: too many steps changed nothing.
    """
    skipped = int(row["skipped"])
    is_scaling = (
        config.precision == "float16"
        and math.isfinite(row["loss"])
        and 0 < skipped < step
    )
    if skipped >= PATIENCE or (is_last and skipped and not is_scaling):
        raise DivergedError(
            f"the loss is {row['loss']} and the gradient's norm "
            f"{row['gradient_norm']} at step {step}, and the last {skipped} steps "
            f"changed nothing for that: {_advice(config, has_learned=skipped < step)}"
        )


def check_state(config: config_lib.TrainConfig, state: step_lib.TrainState) -> None:
    """Refuses a state with numbers that are not finite, before it is saved or used.

    Raises:
      DivergedError: there are some; says in what.
    """
    parts = {
        "parameters": state.params,
        "BatchNorm's statistics": state.stats,
        "prototypes": state.prototypes,
        "the loss's statistics": state.margin_stats,
        "the optimizer's state": state.opt_state,
        "the running mean": state.average,
    }
    finite = jax.device_get(_are_finite(parts))
    if wrong := [name for name in parts if not finite[name]]:
        step = int(state.step)
        raise DivergedError(
            f"not finite after step {step}: {', '.join(wrong)}: "
            f"{_advice(config, has_learned=step > 0)}"
        )


@jax.jit
def _are_finite(parts: dict[str, Any]) -> dict[str, jax.Array]:
    def is_finite(tree: Any) -> jax.Array:
        numbers = [
            leaf
            for leaf in jax.tree.leaves(tree)
            if jnp.issubdtype(leaf.dtype, jnp.inexact)
        ]
        return jnp.array([jnp.isfinite(leaf).all() for leaf in numbers]).all()

    return {name: is_finite(tree) for name, tree in parts.items()}


def _advice(config: config_lib.TrainConfig, *, has_learned: bool) -> str:
    """What may have caused it, and what to change."""
    ways = []
    if has_learned:
        ways.append("lower learning_rate or raise warmup_steps")
    else:
        # Nothing has changed the weights yet: the learning rate has no part in it.
        if config.init_from:
            ways.append(f"look for numbers that are not finite in {config.init_from}")
        if config.teacher:
            ways.append(f"look for them in what the teacher {config.teacher} gives")
        ways.append(f"lower scale ({config.scale:g}) or margin ({config.margin:g})")
    if config.precision == "float16":
        ways.append("set precision='bfloat16' or 'float32'")
    return f"{', or '.join(ways)}, in another workdir. Earlier checkpoints stay."
