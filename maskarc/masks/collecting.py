"""From a folder of photos of masked people to a mask database."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import tqdm

from maskarc import files, images, landmarks
from maskarc.masks import database, extraction, figures, separation, types

CUT = "cut"
# One mask in so many is held back, if asked for.
_HOLDOUT_STEP = 4
# Photos on one sheet of figures.
_PER_SHEET = 40


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one file.

    Attributes:
      path: of the file, below the folder.
      outcome: "cut", "no_face", "no_mask", "unreadable" or "ignored" (no photo).
      reason: why it was left out; empty for "cut".
    """

    path: str
    outcome: str
    reason: str = ""


def build_database(
    photos: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    detector: str = "",
    holdout: str = "",
    figures_folder: str = "",
    progress: bool = True,
) -> list[Outcome]:
    """Cuts the mask off the main face of each photo and writes a database.

    Beside ``masks.json`` it writes ``masks.outcomes.csv``, one row a file. The photos
    are only read.

    Args:
      photos: folder of the photos (`files.list_folder`).
      output: the database, a .json file.
      detector: landmark back end; empty takes the default.
      holdout: another database, which gets every fourth mask instead: masks for
        evaluation that training never saw. Empty for none.
      figures_folder: where to draw landmarks, triangles and cut-outs of all photos;
        empty for nowhere.
      progress: whether to show a progress bar.

    Returns:
      One `Outcome` a file, in the order of their names.

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: it holds no photo, no mask could be cut out, or the output's name does
        not end in .json.
    """
    photos, output = pathlib.Path(photos), pathlib.Path(output)
    if output.suffix != ".json":
        raise ValueError(f"expected an output that ends in .json, got {output.name}")
    listing = images.list_photos(photos)
    listing.check_any(photos)
    told = output.with_name(files.fitted(f"{output.stem}.outcomes.csv"))
    for path in (output, told, holdout or output):
        files.check_place(path)
    finder = landmarks.create_detector(detector or None)
    table = landmarks.detect_folder(finder, photos, listing.names, progress=progress)
    outcomes, masks = [], []
    for kind, left_out in (
        ("ignored", listing.ignored),
        ("unreadable", listing.unreadable),
    ):
        for name, reason in left_out.items():
            outcomes.append(Outcome(path=name, outcome=kind, reason=reason))
    for name in tqdm.tqdm(listing.names, "masks", unit="img", disable=not progress):
        mask, outcome = _cut(photos, name, table)
        outcomes.append(outcome)
        if mask is not None:
            masks.append(mask)
    outcomes.sort(key=lambda outcome: outcome.path)
    write_outcomes(told, outcomes)
    if not masks:
        raise ValueError(
            f"none of the {len(listing.names)} photos in {photos} gave a mask; the "
            f"reasons are in {told}"
        )
    if holdout:
        database.save(holdout, masks[::_HOLDOUT_STEP])
        kept = [m for i, m in enumerate(masks) if i % _HOLDOUT_STEP]
        database.save(output, kept)
    else:
        database.save(output, masks)
    if figures_folder:
        for name, sheet in _sheets(photos, table, masks):
            images.write_image(pathlib.Path(figures_folder, name), sheet)
    return outcomes


def write_outcomes(path: pathlib.Path, outcomes: list[Outcome]) -> None:
    """Writes a CSV with the columns path, outcome and reason; makes the folder."""
    header = [field.name for field in dataclasses.fields(Outcome)]
    files.write_csv(path, [header, *map(dataclasses.astuple, outcomes)])


def _cut(
    photos: pathlib.Path, name: str, table: landmarks.LandmarkTable
) -> tuple[types.Mask | None, Outcome]:
    points = table.get(name)
    if points is None:
        outcome, _, reason = (table.outcome(name) or "").partition(": ")
        return None, Outcome(path=name, outcome=outcome, reason=reason or "no face")
    try:
        photo = images.read_image(photos / name)
        mask = extraction.extract(photo, points, name=name, source=name)
    except separation.NoMaskError as error:
        return None, Outcome(path=name, outcome="no_mask", reason=str(error))
    except (images.ImageError, OSError) as error:
        return None, Outcome(path=name, outcome="unreadable", reason=str(error))
    return mask, Outcome(path=name, outcome=CUT)


def _sheets(
    photos: pathlib.Path, table: landmarks.LandmarkTable, masks: list[types.Mask]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields file names and grids: landmarks, triangles and cut-out of each mask."""
    for start in range(0, len(masks), _PER_SHEET):
        cells = []
        for mask in masks[start : start + _PER_SHEET]:
            photo = images.read_image(photos / mask.source)
            found = table.landmarks[table.names.index(mask.name)]
            points = extraction.complete(found.astype(np.float64))
            cells += [
                _around(points, figures.draw_landmarks(photo, points)),
                _around(points, figures.draw_triangulation(photo, points)),
                figures.flatten(mask),
            ]
        yield f"masks_{start:04d}.png", figures.grid(cells, columns=12)


def _around(points: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """The part of a photo with a face, half as wide again as its landmarks."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = (high - low) / 4
    left, top = np.maximum(low - margin, 0).astype(int)
    right, bottom = np.ceil(high + margin).astype(int) + 1
    return picture[top:bottom, left:right]
