"""Every configuration file trains two steps, at a small size, on generated people."""

import dataclasses
import importlib
import pathlib

import numpy as np
import pytest

from maskarc.data import synthetic
from maskarc.train import loop

CONFIGS = sorted(
    path.stem
    for path in (pathlib.Path(__file__).parents[2] / "experiments/configs").glob("*.py")
    if path.stem != "__init__"
)


@pytest.mark.parametrize(
    "name, options",
    [
        *((name, ()) for name in CONFIGS),
        ("masked_r29", ("moving",)),
    ],
)
def test_config_trains_two_steps(name, options, tmp_path):
    module = importlib.import_module(f"experiments.configs.{name}")
    for told in ("Command:", "Hardware:"):
        assert told in module.__doc__
    config = module.get_config(*options)
    if config.teacher or config.distillation:
        config.teacher = str(tmp_path / "teacher.npz")
        names = synthetic.SyntheticFaces(3, 4, seed=config.seed).names
        given = np.random.default_rng(0).standard_normal((12, config.embed_dim))
        np.savez(config.teacher, names=np.array(names), embeddings=given)
    small = dataclasses.replace(
        config,
        source="synthetic",
        devices=1,
        num_identities=3,
        photos_per_identity=4,
        init_from="",  # of the published width
        width=4,
        worker_count=0,
        batch_size=4,
        steps=2,
        log_every=1,
    )
    state = loop.train(small, tmp_path, progress=False)
    assert int(state.step) == 2
