"""What a report tells of: a run, as it was made or as its files say."""

import csv
import dataclasses
import json
import os
import pathlib
from typing import Any

import numpy as np

from maskarc.data import crops as crop_lib
from maskarc.evaluation import audit, bootstrap, embedded, scored, summary
from maskarc.evaluation.report import pictures as picture_lib

_SIDES = {False: "bare", True: "masked"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run.

    Attributes:
      name: to tell it from others.
      about: how it was made, as JSON.
      scores: its pairs; None for a run of identification alone.
      result: their tables: `summary.summarise` and "audit".
      identification: as `scoring.identify_gallery` returns it; None without.
      images: images that were looked at; None where that is not known.
      failures: photo, "bare" or "masked", and outcome of those that failed.
      pictures: of the worst pairs, if photos were at hand.
    """

    name: str
    about: dict[str, Any]
    scores: scored.ScoredPairs | None = None
    result: dict[str, Any] = dataclasses.field(default_factory=dict)
    identification: dict[str, Any] | None = None
    images: int | None = None
    failures: tuple[tuple[str, str, str], ...] = ()
    pictures: tuple[picture_lib.Picture, ...] = ()


def load(path: str | os.PathLike[str], *, draws: int = bootstrap.DRAWS) -> Run:
    """A run from its scores (.npz), or from its output folder.

    Args:
      path: scores.npz, or a folder with scores.npz, identification.json or both.
      draws: of the bootstrap; the tables are made again.

    Raises:
      FileNotFoundError: no such file, or a folder without either.
      ValueError: not such a file, or no condition that can be scored.
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        scores = scored.ScoredPairs.load(path)
        return Run(
            name=path.parent.name if path.stem == "scores" else path.stem,
            about=scores.about,
            scores=scores,
            result=tabulate(scores, draws=draws),
        )
    found = path / "scores.npz", path / "identification.json", path / "masks.csv"
    if not found[0].is_file() and not found[1].is_file():
        raise FileNotFoundError(
            f"no scores.npz and no identification.json in {path}; expected the output "
            "of experiments.evaluate --conditions or experiments.identify --gallery"
        )
    run = Run(name=path.resolve().name, about={})
    if found[0].is_file():
        scores = scored.ScoredPairs.load(found[0])
        result = tabulate(scores, draws=draws)
        run = dataclasses.replace(run, scores=scores, result=result, about=scores.about)
    if found[1].is_file():
        try:
            told = json.loads(found[1].read_text(encoding="utf-8"))
            about = run.about or told["about"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{found[1]}: not what identify wrote: {error}") from error
        run = dataclasses.replace(run, identification=told, about=about)
    if found[2].is_file():
        count, failures = _read_failures(found[2])
        run = dataclasses.replace(run, images=count, failures=failures)
    return run


def tabulate(scores: scored.ScoredPairs, *, draws: int) -> dict[str, Any]:
    """The tables of scored pairs, and the audit of those pairs."""
    return summary.summarise(scores, draws=draws) | {
        "audit": audit.audit_scored(scores).to_json()
    }


def failures_of(images: embedded.EmbeddedImages) -> tuple[tuple[str, str, str], ...]:
    """Photo, "bare" or "masked", and outcome of the images that failed."""
    return tuple(
        (
            str(images.names[row]),
            _SIDES[bool(images.masked[row])],
            str(images.outcomes[row]),
        )
        for row in np.flatnonzero(images.failed)
    )


def _read_failures(
    path: pathlib.Path,
) -> tuple[int, tuple[tuple[str, str, str], ...]]:
    """Images and failures of a masks.csv (`embedded.EmbeddedImages.write_masks`)."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return len(rows), tuple(
            (row["name"], _SIDES[row["masked"] == "1"], row["outcome"])
            for row in rows
            if row["outcome"] != crop_lib.OK
        )
    except KeyError as error:
        raise ValueError(f"{path}: expected a column {error}") from error
