"""What a report tells of: a run, as it was made or as its files say."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskarc import alignment, files
from maskarc.data import crops as crop_lib
from maskarc.evaluation import audit, bootstrap, embedded, scored, summary
from maskarc.evaluation.report import pictures as picture_lib

SCORES = "scores.npz"
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


def load(
    path: str | os.PathLike[str], *, name: str = "", draws: int = bootstrap.DRAWS
) -> Run:
    """A run from its scores (.npz), or from its output folder.

    Args:
      path: scores.npz, or a folder with scores.npz, identification.json or both.
      name: what to call it; the folder's or file's name by default.
      draws: of the bootstrap; the tables are made again.

    Raises:
      FileNotFoundError: no such file, or a folder without either.
      ValueError: not such a file, or no condition that can be scored.
    """
    path = pathlib.Path(path)
    run = Run(name=name or distinct_names([path])[0], about={})
    found = path / "identification.json", path / "masks.csv"
    if not path.is_dir() or (path / SCORES).is_file() or not found[0].is_file():
        scores = read_scores(path)
        result = tabulate(scores, draws=draws)
        run = dataclasses.replace(run, scores=scores, result=result, about=scores.about)
    if found[0].is_file():
        try:
            told = files.read_json(found[0])
            about = run.about or told["about"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{found[0]}: not what identify wrote: {error}") from error
        run = dataclasses.replace(run, identification=told, about=about)
    if found[1].is_file():
        count, failures = _read_failures(found[1])
        run = dataclasses.replace(run, images=count, failures=failures)
    return run


def read_scores(path: str | os.PathLike[str]) -> scored.ScoredPairs:
    """The scored pairs of a file or of an output folder.

    Raises:
      FileNotFoundError: no such file, or none in the folder.
      ValueError: not such a file.
    """
    path = pathlib.Path(path)
    if path.is_dir() and not (path / SCORES).is_file():
        raise FileNotFoundError(
            f"no {SCORES} in {path}; expected the output of experiments.evaluate "
            "--conditions"
        )
    return scored.ScoredPairs.load(path / SCORES if path.is_dir() else path)


def distinct_names(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Names for runs: the ends of their paths, as long as it takes to differ.

    >>> distinct_names(["runs/r18/lfw/scores.npz", "runs/r50/lfw"])
    ['r18/lfw', 'r50/lfw']
    """
    parts = []
    for path in map(pathlib.Path, paths):
        path = path.resolve()
        path = path.parent if path.name == SCORES else path.with_suffix("")
        parts.append(path.parts)
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{number}. {part[-1]}" for number, part in enumerate(parts, start=1)]


def with_pictures(
    run: Run,
    photos: crop_lib.Photos,
    *,
    keep_in: str | os.PathLike[str],
    count: int = picture_lib.COUNT,
) -> Run:
    """The run with pictures of its worst pairs.

    Masks, crops and their size are those that the run tells of.

    Args:
      run: with scores; another is returned as it is.
      photos: that it was scored on.
      keep_in: folder for landmarks that have to be found.
      count: pairs of each kind and condition.

    Raises:
      FileNotFoundError, ValueError, ImportError: as `data.crops.Photos.crops`.
    """
    if run.scores is None:
        return run
    thresholds = {
        name: told["threshold"]
        for name, told in run.result["conditions"].items()
        if "reason" not in told
    }
    chosen = picture_lib.worst(run.scores, thresholds, count=count)
    images = picture_lib.needed(chosen)
    about = run.about
    photos = dataclasses.replace(
        photos,
        masks=about.get("masks", photos.masks),
        seed=about.get("seed", photos.seed),
        landmarks_on=about.get("landmarks_on", photos.landmarks_on),
    )
    crops = photos.crops(
        images,
        size=about.get("image_size", alignment.CROP_SIZE),
        crop=about.get("crop", "arcface"),
        keep_in=keep_in,
        progress=False,
    )
    pictures = picture_lib.draw(chosen, images, crops.read)
    return dataclasses.replace(run, pictures=pictures)


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
    try:
        header, *cells = files.read_csv(path)
        rows = [dict(zip(header, row, strict=True)) for row in cells]
        return len(rows), tuple(
            (row["name"], _SIDES[row["masked"] == "1"], row["outcome"])
            for row in rows
            if row["outcome"] != crop_lib.OK
        )
    except KeyError as error:
        raise ValueError(f"{path}: expected a column {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
