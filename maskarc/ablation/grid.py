"""A grid of settings: axes, cells, runs, and their names."""

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from maskarc.ablation import checking, naming
from maskarc.ablation import held_out as held_out_lib
from maskarc.train import config as config_lib

# The values of an axis: plain ones, or under the label that people read. A value that
# is a mapping sets several fields at once.
Axis = Sequence[Any] | Mapping[str, Any]

# Values that say nothing without their axis, as numbers do.
_MUTE = {"True", "False"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """One combination of the axes' values.

    Attributes:
      labels: (axis, label) in the order of the axes.
      config: the settings, with the base's seed.
    """

    labels: tuple[tuple[str, str], ...]
    config: config_lib.TrainConfig

    @property
    def title(self) -> str:
        """What to call it: the labels, with their axis where they do not speak."""
        return ", ".join(
            label
            if re.search("[^\\W\\d]", label) and label not in _MUTE
            else f"{axis} {label}"
            for axis, label in self.labels
        )

    @property
    def name(self) -> str:
        """Begins its runs' folder names; needs no quotes in a shell."""
        return ",".join(
            f"{naming.safe(axis)}={naming.safe(label)}" for axis, label in self.labels
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A cell with a seed: one training.

    Attributes:
      cell: the cell.
      seed: root of all randomness.
      name: its folder below workdir/runs.
      config: the settings to train with.
    """

    cell: Cell
    seed: int
    name: str
    config: config_lib.TrainConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """What is compared, and on what.

    Every cell is checked when the grid is made.

    Attributes:
      base: the settings that the axes change.
      axes: by name, the values: a sequence, or a mapping from the label that people
        read. The name is a field of `TrainConfig`, or any name where each value is a
        mapping of fields to values.
      held_out: by name, the photos that finished runs are scored on.
      seeds: each cell is trained once with each.
      curve: which of held_out is also scored at every kept checkpoint, by its first
        condition; the first with pairs if empty.

    Raises:
      ValueError, TypeError: an unknown field or value, two cells that are one; says
        which cell.
      FileNotFoundError: a folder or file that is named is not there.

    Example:
      >>> base = config_lib.TrainConfig(source="synthetic")
      >>> people = held_out_lib.Generated(identities=40, pairs=200)
      >>> grid = Grid(
      ...     base=base,
      ...     axes={"margin": (0.3, 0.5), "model": {"ResNet-18": "resnet18"}},
      ...     held_out={"new people": people},
      ...     seeds=(0, 1),
      ... )
      >>> [run.name for run in grid.runs()][1:3]
      ['margin=0.3,model=ResNet-18,seed=1', 'margin=0.5,model=ResNet-18,seed=0']
    """

    base: config_lib.TrainConfig
    axes: Mapping[str, Axis]
    held_out: Mapping[str, held_out_lib.HeldOut]
    seeds: Sequence[int] = (0, 1, 2)
    curve: str = ""

    def __post_init__(self):
        if not self.axes or not all(len(values) for values in self.axes.values()):
            raise ValueError("expected axes with at least one value each")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"expected different seeds, got {list(self.seeds)}")
        if not self.held_out:
            raise ValueError("expected held-out photos to score the runs on")
        if self.curve and self.curve not in self.held_out:
            raise ValueError(
                f"unknown curve {self.curve!r}; expected one of "
                f"{', '.join(self.held_out)}"
            )
        for photos in self.held_out.values():
            photos.check()
        checking.check_cells(self.cells())

    @property
    def curved(self) -> str:
        """Which of held_out is scored at every kept checkpoint; empty for none."""
        named = [name for name, p in self.held_out.items() if p.pairs and p.masked]
        return self.curve or (named[0] if named else "")

    def labelled(self) -> dict[str, dict[str, Mapping[str, Any]]]:
        """Axis → label → fields and values."""
        return {name: _labelled(name, values) for name, values in self.axes.items()}

    def cells(self) -> list[Cell]:
        """All combinations; the last axis changes fastest."""
        labelled = self.labelled()
        cells = []
        for chosen in itertools.product(*(axis.items() for axis in labelled.values())):
            fields: dict[str, Any] = {}
            for _, values in chosen:
                if twice := fields.keys() & values.keys():
                    raise ValueError(f"two axes set {', '.join(sorted(twice))}")
                fields |= values
            labels = zip(labelled, (label for label, _ in chosen), strict=True)
            config = dataclasses.replace(self.base, **checking.checked(fields))
            cells.append(Cell(labels=tuple(labels), config=config))
        return cells

    def runs(self) -> list[Run]:
        """Every cell with every seed."""
        return [
            Run(
                cell=cell,
                seed=seed,
                name=f"{cell.name},seed={seed}",
                config=dataclasses.replace(cell.config, seed=seed),
            )
            for cell in self.cells()
            for seed in self.seeds
        ]


def select(
    grid: Grid, only: Sequence[str] = (), seeds: Sequence[int] = ()
) -> list[Run]:
    """The runs of a part of a grid.

    Args:
      grid: the grid.
      only: "AXIS=LABEL" each; labels of one axis are alternatives, and every axis that
        is named must agree.
      seeds: of the grid's; empty for all.

    Raises:
      ValueError: an axis, label or seed that the grid does not have.
    """
    wanted: dict[str, set[str]] = {}
    labelled = grid.labelled()
    for text in only:
        axis, _, label = text.partition("=")
        if axis not in labelled or label not in labelled[axis]:
            known = [f"{name}={label}" for name in labelled for label in labelled[name]]
            raise ValueError(f"unknown part {text!r}; expected one of {known}")
        wanted.setdefault(axis, set()).add(label)
    if unknown := set(seeds) - set(grid.seeds):
        raise ValueError(
            f"seeds {sorted(unknown)} are not of the grid's {list(grid.seeds)}; "
            "add them to its file"
        )
    return [
        run
        for run in grid.runs()
        if all(dict(run.cell.labels)[axis] in labels for axis, labels in wanted.items())
        and (not seeds or run.seed in seeds)
    ]


def _labelled(axis: str, values: Axis) -> dict[str, Mapping[str, Any]]:
    if isinstance(values, str):
        raise TypeError(f"axis {axis!r}: expected several values, got {values!r}")
    if not isinstance(values, Mapping):
        if len({str(value) for value in values}) < len(values):
            raise ValueError(f"axis {axis!r} has a value twice: {list(values)}")
        values = {str(value): value for value in values}
    return {
        str(label): value if isinstance(value, Mapping) else {axis: value}
        for label, value in values.items()
    }
