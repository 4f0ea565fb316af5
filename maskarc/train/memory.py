"""Whether a step fits into a device's memory, and what to change if it does not."""

import contextlib
from collections.abc import Iterator

import jax

from maskarc import extras
from maskarc.train import config as config_lib

with extras.needed("train"):
    import psutil

_GIGABYTE = 1e9


class TooLargeError(ValueError):
    """A step that needs more memory than there is; the message says what to change."""


def needed(compiled: jax.stages.Compiled) -> int:
    """Bytes that a compiled step needs on each device, its arguments included."""
    sizes = compiled.memory_analysis()
    if sizes is None:  # not every back end tells
        return 0
    return (
        sizes.argument_size_in_bytes
        + sizes.output_size_in_bytes
        - sizes.alias_size_in_bytes
        + sizes.temp_size_in_bytes
    )


def available() -> int:
    """Bytes that one of this process's devices may use."""
    limits = jax.local_devices()[0].memory_stats()
    if limits and "bytes_limit" in limits:
        return limits["bytes_limit"]
    return psutil.virtual_memory().available // jax.local_device_count()


def check(compiled: jax.stages.Compiled, config: config_lib.TrainConfig) -> None:
    """Raises TooLargeError, with advice, if the step does not fit."""
    if (need := needed(compiled)) > (limit := available()):
        raise TooLargeError(
            f"a step needs {need / _GIGABYTE:.1f} GB on each device, which has "
            f"{limit / _GIGABYTE:.1f} GB: {advice(config)}"
        )


@contextlib.contextmanager
def explained(config: config_lib.TrainConfig) -> Iterator[None]:
    """Turns a device's report of exhausted memory into TooLargeError with advice."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error) or "Out of memory" in str(error):
            raise TooLargeError(
                f"the devices' memory did not suffice: {advice(config)}"
            ) from error
        raise


def advice(config: config_lib.TrainConfig) -> str:
    """What of a configuration would make its steps smaller."""
    ways = []
    if config.accumulate < config.batch_size:
        ways.append(f"accumulate={2 * config.accumulate} (the same batch, in parts)")
    if not config.remat:
        ways.append("remat=True")
    if config.precision == "float32":
        ways.append("precision='bfloat16'")
    if config.head_form == "dense" and config.class_sample >= 1:
        ways.append("head_form='blockwise'")
    if config.parallel == "jit" and config.class_shards < jax.device_count():
        ways.append(f"class_shards={jax.device_count()}")
    ways.append(f"batch_size={max(1, config.batch_size // 2)}")
    return "try " + ", ".join(ways)
