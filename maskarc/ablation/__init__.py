"""Ablations: every cell of a grid of settings trained, scored and put into one table.

grid = Grid(base=config, axes={"model": ("resnet18", "resnet50")}, held_out=...)
perform(grid, "runs/models")
"""

from maskarc.ablation.grid import Cell, Grid, Run, select
from maskarc.ablation.held_out import Folder, Generated
from maskarc.ablation.running import perform, prepare, shared_landmarks

__all__ = [
    "Cell",
    "Folder",
    "Generated",
    "Grid",
    "Run",
    "perform",
    "prepare",
    "select",
    "shared_landmarks",
]
