"""Masks: cut out of photos or drawn, stored, chosen by pose, and put on faces."""

from maskarc.masks.rendering import render, render_with_alpha
from maskarc.masks.sampling import choose
from maskarc.masks.types import Mask

__all__ = ["Mask", "choose", "render", "render_with_alpha"]
