"""What each field of a training configuration may be, as tables.

A new field gets its type by its annotation, and a row here where not every value of
that type makes sense.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from maskarc import alignment, models
from maskarc.evaluation import protocol
from maskarc.models import resnet
from maskarc.train import head

# Intervals of numbers; of those in a tuple each. NaN is in none. The upper ends are
# what no training has asked for, and what int32 holds.
RANGES: dict[str, str] = {
    "num_identities": "[1, 2147483647]",
    "photos_per_identity": "[1, 2147483647]",
    "min_photos": "[1, 2147483647]",
    "batch_photos_per_identity": "[0, 2147483647]",
    "seed": "[0, 2147483647]",
    "mask_probability": "[0, 1]",
    "mask_size_jitter": "[0, 1]",
    "mask_shift_jitter": "[0, 1]",
    "flip_probability": "[0, 1]",
    "color_jitter": "[0, 1]",
    "shift_jitter": "[0, 1]",
    "scale_jitter": "[0, 1]",
    "rotation_jitter": "[0, 3.1416]",
    "quality_jitter": "[0, 1]",
    "image_size": "[16, 2048]",
    "embed_dim": "[2, 65536]",
    "width": "[1, 4096]",
    "dropout": "[0, 1)",
    "batch_norm_groups": "[0, 2147483647]",
    "learning_rates": "[0, inf)",
    "head_warmup_steps": "[0, 10000000]",
    "scale": "(0, 10000]",
    "sub_centers": "[1, 1000]",
    "class_sample": "(0, 1]",
    "classification": "[0, inf)",
    "consistency": "[0, inf)",
    "distillation": "[0, inf)",
    "similarity_distillation": "[0, inf)",
    "devices": "[0, 2147483647]",
    "class_shards": "[1, 2147483647]",
    "accumulate": "[1, 2147483647]",
    "clip_norm": "[0, inf)",
    "batch_size": "[1, 2147483647]",
    "steps": "[0, 2147483647]",
    # At 0 nothing would learn: steps=0 keeps the initial network, freeze a part of it.
    "learning_rate": "(0, inf)",
    "momentum": "[0, 1)",
    "weight_decay": "[0, inf)",
    "weight_decays": "[0, inf)",
    "ema_decay": "[0, 1)",
    # May be more than `steps`: a trial of a few steps is the beginning of a run.
    "warmup_steps": "[0, 10000000]",
    "decay_at": "(0, 1)",
    "decay_power": "(0, 100]",
    "log_every": "[1, 2147483647]",
    "checkpoint_every": "[1, 2147483647]",
    "keep": "[1, 2147483647]",
    "read_threads": "[1, 1024]",
    "worker_count": "[0, 1024]",
}
# The margin's interval is its loss's (`head.Loss.margins`).
ELSEWHERE = frozenset({"margin"})

# Names that a field may be. Registries of modules that read the configuration are
# listed; a test holds them equal.
NAMES: dict[str, Collection[str]] = {
    "source": ("folder", "recordio", "shards", "synthetic", "tfds"),
    "model": models.MODELS,
    "crop": alignment.CROPS,
    "stem": resnet.STEMS,
    "precision": ("float32", "bfloat16", "float16"),
    "loss": head.LOSSES,
    "head_form": ("dense", "blockwise"),
    "parallel": ("jit", "pmap"),
    "optimizer": ("sgd", "adamw", "lars", "lamb"),
    "schedule": ("steps", "cosine", "polynomial", "constant"),
    "verify_masked": protocol.MASKED_SIDES,
}

# Fields that are a regular expression.
PATTERNS = frozenset({"freeze"})

Rules = tuple[tuple[str, float], ...]


def contains(interval: str, value: float) -> bool:
    """Whether a number lies in an interval such as "[0, 1)"; NaN lies in none."""
    low, high = map(float, interval[1:-1].split(","))
    is_above = value > low if interval[0] == "(" else value >= low
    is_below = value < high if interval[-1] == ")" else value <= high
    return is_above and is_below


def faults(fields: Mapping[str, Any], hints: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with single fields, a sentence each: expected, and what came.

    Args:
      fields: name → value.
      hints: name → the type of its annotation.
    """
    for name, value in fields.items():
        if expected := _unmet(name, value, hints[name]):
            yield f"{name}: expected {expected}, got {value!r}"


def _unmet(name: str, value: Any, hint: Any) -> str:
    """What was expected of a field, or nothing where the value is that."""
    interval = RANGES.get(name, "(-inf, inf)")
    inside = f" in {interval}" if name in RANGES else ""
    if hint is bool:
        return "" if isinstance(value, bool) else "True or False"
    if hint is int:
        return "" if _is_number(value, interval, int) else f"a whole number{inside}"
    if hint is float:
        return "" if _is_number(value, interval) else f"a number{inside}"
    if hint == tuple[float, ...]:
        is_met = _is_several(value) and all(_is_number(v, interval) for v in value)
        return "" if is_met else f"several numbers{inside}"
    if hint == Rules:
        is_met = _is_several(value) and all(_is_rule(rule, interval) for rule in value)
        wanted = f"pairs (regular expression, factor{inside})"
        return "" if is_met else wanted
    return _unmet_text(name, value)


def _unmet_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        return "text"
    if name in NAMES and value not in NAMES[name]:
        return f"one of {', '.join(NAMES[name])}"
    if name in PATTERNS and (fault := _pattern_fault(value)):
        return f"a regular expression ({fault})"
    return ""


def _is_number(value: Any, interval: str, kind: Any = (int, float)) -> bool:
    return (
        isinstance(value, kind)
        and not isinstance(value, bool)
        and (isinstance(value, int) or math.isfinite(value))
        and contains(interval, value)
    )


def _is_several(value: Any) -> bool:
    return isinstance(value, tuple | list)  # JSON has lists


def _is_rule(rule: Any, interval: str) -> bool:
    return (
        _is_several(rule)
        and len(rule) == 2
        and isinstance(rule[0], str)
        and not _pattern_fault(rule[0])
        and _is_number(rule[1], interval)
    )


def _pattern_fault(text: str) -> str:
    """Why a text is no regular expression; nothing where it is one."""
    try:
        re.compile(text)
    except re.error as error:
        return str(error)
    return ""
