"""What a run leaves in its folder beside the training's files.

run.json says what to do, and is written before; scores.json or failure.json says what
came of it.
"""

import dataclasses
import json
import os
import pathlib
from typing import Any

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
        folder.mkdir(parents=True, exist_ok=True)
        plain = self.to_json() | {"config": self.config.to_json()}
        write_json(folder / RUN, plain)

    @classmethod
    def read(cls, folder: pathlib.Path) -> "Task":
        """Inverts `write`."""
        plain = json.loads((folder / RUN).read_text(encoding="utf-8"))
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
    write_json(folder / FAILURE, {"task": task, "reason": reason})


def write_json(path: pathlib.Path, plain: Any) -> None:
    """Writes a JSON file, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    text = json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _read(path: pathlib.Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
