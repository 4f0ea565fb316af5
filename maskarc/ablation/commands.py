"""A grid as commands to paste into a shell or a cluster's job array."""

import dataclasses
import os
import pathlib
from typing import Any

from maskarc.ablation import grid, running
from maskarc.train import config as config_lib


def train_command(
    run: grid.Run,
    config_file: str,
    default: config_lib.TrainConfig,
    workdir: str | os.PathLike[str],
) -> list[str]:
    """The command that trains a run alone, into the folder where the grid expects it.

    Args:
      run: the run.
      config_file: the file that it is to be called with.
      default: the configuration of that file.
      workdir: folder of the grid.

    Returns:
      The words of the command; join them with `shlex.join`.
    """
    config = running.with_landmarks(run.config, workdir)
    return [
        *("python", "-m", "experiments.train", f"--config={config_file}"),
        f"--workdir={pathlib.Path(workdir) / 'runs' / run.name}",
        *flags(config, default),
    ]


def landmark_commands(
    whole: grid.Grid, workdir: str | os.PathLike[str]
) -> list[list[str]]:
    """The commands that find the landmarks which the trainings share, if not there."""
    return [
        [
            *("python", "-m", "experiments.detect_landmarks"),
            f"--input={config.data_dir}",
            f"--output={path}",
            *([f"--detector={config.detector}"] if config.detector else []),
        ]
        for path, config in running.shared_landmarks(whole, workdir).items()
        if not pathlib.Path(path).exists()
    ]


def flags(config: config_lib.TrainConfig, default: config_lib.TrainConfig) -> list[str]:
    """The flags `--config.FIELD=VALUE` that turn one configuration into another."""
    return [
        f"--config.{field.name}={_text(getattr(config, field.name))}"
        for field in dataclasses.fields(config)
        if getattr(config, field.name) != getattr(default, field.name)
    ]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else repr(value)
