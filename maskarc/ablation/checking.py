"""Refuses a cell that could not be trained, before anything starts."""

import difflib
import json
import os
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from maskarc.train import config as config_lib

if typing.TYPE_CHECKING:
    from maskarc.ablation import grid

# What a field of a type may be given.
_ACCEPTED: dict[Any, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
}


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of `TrainConfig` by name, of the fields' own types.

    Raises:
      ValueError: no such field, or the seed, which is no axis.
      TypeError: a value of another type than its field.
    """
    hints = typing.get_type_hints(config_lib.TrainConfig)
    result = {}
    for name, value in fields.items():
        if name == "seed":
            raise ValueError("the seed is no axis; the grid has `seeds` for it")
        if name not in hints:
            close = difflib.get_close_matches(name, hints, 1)
            raise ValueError(
                f"unknown configuration field {name!r}"
                + (f"; do you mean {close[0]!r}?" if close else "")
                + " A field's comment in maskarc.train.config says what it is."
            )
        accepted = _ACCEPTED.get(hints[name])
        is_bool = isinstance(value, bool) and hints[name] is not bool
        if accepted and (is_bool or not isinstance(value, accepted)):
            raise TypeError(f"{name}: expected {hints[name].__name__}, got {value!r}")
        if typing.get_origin(hints[name]) is tuple and isinstance(value, list):
            value = tuple(value)
        result[name] = float(value) if hints[name] is float else value
    return result


def check_overrides(whole: "grid.Grid", default: config_lib.TrainConfig) -> None:
    """Raises ValueError where the base changes a field that an axis sets anyway.

    Args:
      whole: the grid.
      default: the base as its file has it.
    """
    for axis, labels in whole.labelled().items():
        for name in {name for fields in labels.values() for name in fields}:
            if getattr(whole.base, name) != getattr(default, name):
                raise ValueError(
                    f"--config.{name} would change nothing: axis {axis!r} sets it; "
                    f"choose a part of the axis with --only={axis}=LABEL, or edit it"
                )


def check_cells(cells: "Sequence[grid.Cell]") -> None:
    """Raises ValueError for cells that cannot be trained or told apart, naming them.

    What can be known without reading the photos is tried: the settings, but for this
    machine's devices, and whether folders and tables exist.
    """
    names: dict[str, str] = {}
    settings: dict[str, str] = {}
    for cell in cells:
        for kind, seen, key in (
            ("folder name", names, cell.name.casefold()),
            ("settings", settings, json.dumps(cell.config.to_json())),
        ):
            if other := seen.get(key):
                raise ValueError(
                    f"cells {other!r} and {cell.title!r} have the same {kind}; "
                    "change a value or give it another label"
                )
            seen[key] = cell.title
    faults = []
    for cell in cells:
        try:
            _check(cell.config)
        except (ValueError, TypeError, OSError, ImportError) as error:
            faults.append(f"{cell.title}: {error}")
    if faults:
        rest = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise ValueError(
            f"{len(faults)} of {len(cells)} cells cannot be trained: "
            + "; ".join(faults[:3])
            + rest
        )


def _check(config: config_lib.TrainConfig) -> None:
    config.validate(here=False)
    if config.source == "folder" and not os.path.isdir(config.data_dir):
        raise FileNotFoundError(f"no folder of photos at {config.data_dir!r}")
    if config.landmarks and not os.path.isfile(config.landmarks):
        raise FileNotFoundError(f"no landmark table at {config.landmarks}")
