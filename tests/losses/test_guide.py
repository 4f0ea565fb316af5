"""The examples of docs/losses.md run, one after the other."""

import importlib.util
import pathlib
import re

import jax
import numpy as np

from maskarc import losses

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "losses.md"


def test_examples_run():
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 8
    names = {}
    with jax.numpy_rank_promotion("raise"):
        for block in blocks:
            wanted = re.findall(r"^import (equinox|haiku)", block, re.MULTILINE)
            if all(importlib.util.find_spec(name) for name in wanted):
                exec(block, names)
                assert np.isfinite(names["loss"])


def test_the_guide_names_what_exists():
    kinds = "loss|logits|cosines|entropy|sgd|margins|update|init"
    named = set(re.findall(rf"`(\w+_(?:{kinds}))\b", GUIDE.read_text("utf-8")))
    assert len(named) >= 20
    assert {name for name in named if not hasattr(losses, name)} == set()
