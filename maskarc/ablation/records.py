"""What a run leaves in its folder beside the training's files.

run.json says what to do, and is written before; scores.json or failure.json says what
came of it.
"""

import dataclasses
import json
import pathlib
from typing import Any

from maskarc import files
from maskarc.ablation import held_out as held_out_lib
from maskarc.train import config as config_lib

RUN, SCORES, FAILURE = "run.json", "scores.json", "failure.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """What to do in a run folder.

    Attributes:
      config: the settings to train with.
      held_out: by name, the photos to score on, with their landmarks.
      curve: which of held_out is scored at every kept checkpoint; empty for none.
    """

    config: config_lib.TrainConfig
    held_out: dict[str, held_out_lib.Folder]
    curve: str

    def to_json(self) -> dict[str, Any]:
        """The task as plain values, equal for equal tasks."""
        free = config_lib.FREE_ON_RESUME
        fields = {k: v for k, v in self.config.to_json().items() if k not in free}
        photos = {name: dataclasses.asdict(p) for name, p in self.held_out.items()}
        plain = {"config": fields, "held_out": photos, "curve": self.curve}
        return json.loads(json.dumps(plain))

    def write(self, folder: pathlib.Path) -> None:
        """Writes run.json; makes the folder."""
        plain = self.to_json() | {"config": self.config.to_json()}
        files.write_json(folder / RUN, plain)

    @classmethod
    def read(cls, folder: pathlib.Path) -> "Task":
        """Inverts `write`."""
        plain = files.read_json(folder / RUN)
        return cls(
            config=config_lib.TrainConfig.from_json(plain["config"]),
            held_out={
                name: held_out_lib.Folder(**photos)
                for name, photos in plain["held_out"].items()
            },
            curve=plain["curve"],
        )


def read_scores(folder: pathlib.Path, task: Task) -> dict[str, Any] | None:
    """What a run scored; None where it has not, or was asked for something else."""
    scores = _read(folder / SCORES)
    return scores if scores and scores["task"] == task.to_json() else None


def read_failure(folder: pathlib.Path, task: Task) -> str | None:
    """Why a run failed; None where it did not, or was asked for something else."""
    failure = _read(folder / FAILURE)
    return failure["reason"] if failure and failure["task"] == task.to_json() else None


def write_failure(folder: pathlib.Path, reason: str) -> None:
    """Writes why the run that folder/run.json describes failed."""
    task = Task.read(folder).to_json()
    files.write_json(folder / FAILURE, {"task": task, "reason": reason})


def _read(path: pathlib.Path) -> dict[str, Any] | None:
    return files.read_json(path) if path.exists() else None
