"""Masking a photo or a folder into another folder: parallel, resumable, accounted for.

The output mirrors the input's tree. Beside the photos lie ``manifest.jsonl``, one row
an input file (`masks.manifest`), ``settings.json``, ``landmarks.npz`` where landmarks
were found here, and what else was asked for (`masking.Settings`).
"""

import collections
import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tqdm

from maskarc import files, images, landmarks
from maskarc.landmarks import files as landmark_files
from maskarc.landmarks import table as landmark_table
from maskarc.masks import database, labels, manifest, masking, mixture, workers

SETTINGS, LANDMARKS = "settings.json", "landmarks.npz"
MANIFEST, MASKED = manifest.NAME, manifest.MASKED


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Task:
    """One file of the input, as it is sent to a worker."""

    root: pathlib.Path
    output: pathlib.Path
    name: str
    settings: masking.Settings
    known: landmark_files.Row | None


def mask_folder(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    worker_count: int = 1,
    progress: bool = True,
    **options: Any,
) -> dict[str, int]:
    """Puts masks on the faces of a photo, or of each photo of a folder.

    The mask on a face depends on the seed and on the photo's path below the folder
    alone, so any number of workers gives the same files. A run that was broken off
    goes on where it stopped: photos whose result is there, unchanged, are not done
    again; unreadable ones are looked at again. The input is only read.

    Args:
      source: a photo, or a folder (`files.list_folder`).
      output: folder for the results; new, empty, or of an earlier run with the same
        settings. Of two folders neither may lie in the other.
      worker_count: processes to work in; more than one are spawned, so a calling script
        then needs ``if __name__ == "__main__":``.
      progress: whether to show a progress bar.
      **options: the fields of `masking.Settings`: masks, seed, detector and so on.

    Returns:
      How many files had which outcome: "masked", "no_face", "unfit" (no mask can be put
      on the landmarks), "unreadable" (or a folder that cannot be listed), "ignored"
      (hidden, no photo by its name, or a folder that is listed already), "failed".

    Raises:
      FileNotFoundError: the input or another file does not exist.
      ValueError: the folders overlap, there is no photo, the output holds something
        else, or the mask database or the landmark table cannot be used.
      ImportError: the detector's packages are missing.
      OSError: a result cannot be written, such as for lack of space.
      workers.WorkersDieError: the worker processes die.
    """
    if worker_count < 1:
        raise ValueError(f"expected 1 worker or more, got {worker_count}")
    settings = masking.with_detector(masking.Settings(**options))
    root, listing, output = prepare(source, output, settings)
    table = load_table(settings)
    left_out = left_out_rows(listing, settings)
    names = sorted([*listing.names, *left_out])
    rows = manifest.Manifest(output, names)
    try:
        for row in left_out.values():
            rows.add(row)
        tasks = (
            _Task(
                root=root,
                output=output,
                name=name,
                settings=settings,
                known=known_row(table, name),
            )
            for name in listing.names
            if name not in rows
        )
        results = workers.run(_mask_file, tasks, workers=worker_count, lost=_lost)
        bar = tqdm.tqdm(
            results,
            "masking",
            len(names),
            initial=len(rows),
            unit="img",
            disable=not progress,
        )
        for row in bar:
            rows.add(row)
        _write_summaries(output, rows, listing.names, settings)
        counts = collections.Counter(row["outcome"] for row in rows.rows(names))
        rows.finish(names)
    finally:
        rows.close()
    return dict(counts)


def mask_folder_each(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    masks: str = database.BUILTIN,
    **options: Any,
) -> dict[str, dict[str, int]]:
    """Makes one masked copy for each item of a mixture, in folders of their own.

    Args:
      source: as in `mask_folder`.
      output: folder for the folders, which are named after the items
        (`mixture.split`): `surgical`, `n95`, …
      masks: the mixture; "builtin" counts as its kinds.
      **options: the other arguments of `mask_folder`.

    Returns:
      What `mask_folder` does, by the item's name.

    Raises:
      As `mask_folder`.
    """
    counts = {}
    for name, item in mixture.split(masks).items():
        counts[name] = mask_folder(
            source, pathlib.Path(output, name), masks=item, **options
        )
    return counts


def prepare(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: masking.Settings,
) -> tuple[pathlib.Path, files.Listing, pathlib.Path]:
    """Checks all that a run needs, and makes its output folder with settings.json.

    Returns:
      The folder to read from, the photos in it, and the folder to write to.

    Raises:
      As `mask_folder`; nothing is written then.
    """
    root, listing, output = _places(files.given(source), files.given(output), settings)
    masks = load_afresh(settings)
    summary = dataclasses.asdict(settings) | {"labels": list(settings.labels)}
    check_settings(output, summary | {"masks_digest": masks.digest()})
    return root, listing, output


def left_out_rows(
    listing: files.Listing, settings: masking.Settings
) -> dict[str, dict[str, Any]]:
    """The rows of all that is not looked at, by name."""
    return {
        name: manifest.row(name, settings.seed, outcome, reason)
        for outcome, left_out in (
            (manifest.IGNORED, listing.ignored),
            (manifest.UNREADABLE, listing.unreadable),
        )
        for name, reason in left_out.items()
    }


def load_afresh(settings: masking.Settings) -> mixture.Mixture:
    """Reads masks, detector and landmark table anew; their files may have changed.

    Raises:
      As `masking.mask_photo`, for settings with which no photo can be masked.
    """
    masking.forget()
    load_table.cache_clear()
    masking.load_detector(settings)
    load_table(settings)
    return masking.load_masks(settings)


def mask_file(
    root: pathlib.Path,
    name: str,
    settings: masking.Settings,
    known: landmark_files.Row | None,
) -> masking.MaskedPhoto:
    """Reads and masks one file, whatever it is; writes nothing."""
    data, problem = read_photo(root, name)
    if problem:
        return masking.left_out(name, settings, manifest.UNREADABLE, problem)
    return masking.mask_photo(data, name, settings, known)


def _mask_file(task: _Task) -> dict[str, Any]:
    """Masks one file, in any process, and returns its row."""
    result = mask_file(task.root, task.name, task.settings, task.known)
    for name, content in result.files.items():
        manifest.write_below(task.output, name, content)
    return result.row


def read_photo(root: pathlib.Path, name: str) -> tuple[bytes, str]:
    """The content of a photo's file and "", or b"" and what is wrong with the file.

    Files that are not photos by their names are not read.
    """
    if not images.is_image(name):
        return b"", ""
    try:
        return images.read_file(root / name), ""
    except (images.ImageError, OSError) as error:
        return b"", str(error)


def _lost(task: _Task) -> dict[str, Any]:
    reason = "the worker process died on it; is there enough memory?"
    return masking.left_out(task.name, task.settings, manifest.FAILED, reason).row


def _places(
    source: pathlib.Path, output: pathlib.Path, settings: masking.Settings
) -> tuple[pathlib.Path, files.Listing, pathlib.Path]:
    """The folder to read from, the photos in it, and the folder to write to."""
    source, output = source.resolve(), output.resolve()
    if source.is_file():
        root, listing = source.parent, images.list_photo(source)
        if output == root:
            raise ValueError(f"input {source} and output {output} must not overlap")
    else:
        root, listing = source, images.list_photos(source)
        files.check_apart(source, output, listing.linked)
    listing.check_any(source)
    if any(name.startswith(f"{masking.EXTRAS}/") for name in listing.names):
        raise ValueError(
            f"the input has a folder '{masking.EXTRAS}', which is the name of a folder "
            "of the output; rename it or mask its neighbours one by one"
        )
    if "yolo" in settings.labels:
        counts = collections.Counter(
            labels.yolo_name(images.writable_name(photo)) for photo in listing.names
        )
        if twice := [name for name, count in counts.items() if count > 1]:
            raise ValueError(
                f"two photos would share the YOLO labels {twice[0]}; rename one of them"
            )
    return root, listing, output


@functools.lru_cache(maxsize=1)
def load_table(settings: masking.Settings) -> landmarks.LandmarkTable | None:
    """The landmark table that the settings name, read once; None if they name none."""
    if settings.landmark_file and masking.load_detector(settings) is None:
        return landmarks.LandmarkTable.load(settings.landmark_file)
    return None


def known_row(
    table: landmarks.LandmarkTable | None, name: str
) -> landmark_files.Row | None:
    """A photo's row of the table; None without a table, or where it is not listed."""
    if table is None or (outcome := table.outcome(name)) is None:
        return None
    points = table.get(name)
    if points is None and outcome == landmark_files.OK:
        outcome = landmark_files.NO_FACE
    return landmark_files.Row(name=name, outcome=outcome, points=points)


def _write_summaries(
    output: pathlib.Path,
    rows: manifest.Manifest,
    photos: Sequence[str],
    settings: masking.Settings,
) -> None:
    """Writes the files that are about the whole set."""
    kinds = masking.load_masks(settings).kinds
    if "yolo" in settings.labels:
        files.write_text(output / labels.YOLO_NAMES, labels.yolo_yaml(kinds))
    if "coco" in settings.labels:
        content = labels.coco(rows.rows(photos), kinds)
        files.write_json(output / labels.COCO, content, indent=None)
    if not settings.landmark_file:
        found = [_table_row(row) for row in rows.rows(photos)]
        landmarks.LandmarkTable.of_rows(found).save(output / LANDMARKS)


def _table_row(row: dict[str, Any]) -> landmark_files.Row:
    """The main face of a row of the manifest, as landmark tables have it."""
    if row["faces"]:
        points = np.array(row["faces"][0]["landmarks"], np.float32)
        return landmark_files.Row(
            name=row["path"], outcome=landmark_files.OK, points=points
        )
    outcome = row["outcome"]
    if outcome != landmark_files.NO_FACE:
        outcome = f"{landmark_table.UNREADABLE}{row['reason']}"
    return landmark_files.Row(name=row["path"], outcome=outcome, points=None)


def check_settings(output: pathlib.Path, settings: dict[str, Any]) -> None:
    """Makes the output folder, or checks that it is of a run with these settings."""
    path = output / SETTINGS
    if not path.is_file():
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise ValueError(
                f"{output} is not an empty folder, nor the output of an earlier run; "
                "give a new folder"
            )
        files.write_json(path, settings)
        return
    try:
        earlier = files.read_json(path)
        changed = [k for k in settings if earlier.get(k) != settings[k]]
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged; give a new output folder") from error
    if changed:
        raise ValueError(
            f"{output} was made with other settings ({', '.join(changed)}); repeat the "
            "command with the same ones or give a new output folder"
        )
