"""Masking a folder of photos into another one: resumable, repeatable, accounted for.

The output mirrors the input's tree. Beside the photos lie ``manifest.jsonl``, one row
an input file, ``settings.json``, and ``landmarks.npz`` where landmarks were found here.
"""

import collections
import dataclasses
import hashlib
import json
import os
import pathlib
from typing import Any

import tqdm

from maskarc import images, landmarks
from maskarc.masks import database, types, wearing

MANIFEST, SETTINGS, LANDMARKS = "manifest.jsonl", "settings.json", "landmarks.npz"
MASKED = "masked"


def mask_folder(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    masks: str = database.BUILTIN,
    seed: int = 0,
    detector: str = "",
    landmark_file: str = "",
    progress: bool = True,
) -> dict[str, int]:
    """Puts a mask on the main face of each photo of a folder.

    The mask on a photo depends on the seed and on the photo's path below the folder
    alone. A run that was broken off goes on where it stopped: photos whose result is
    there, unchanged, are not done again. The input is only read.

    Args:
      source: folder of the photos; all below it are used.
      output: folder for the results; new, empty, or of an earlier run with the same
        settings. Neither folder may lie in the other.
      masks: "builtin", a masks.json, or several separated by commas.
      seed: which mask goes on which photo, ≥ 0.
      detector: landmark back end; empty takes the first that is installed.
      landmark_file: landmark table to use instead of a detector.
      progress: whether to show progress bars.

    Returns:
      How many photos had which outcome: "masked", "no_face", "unreadable", or
      "unfit" where no mask can be put on the landmarks.

    Raises:
      FileNotFoundError: the folder or a file does not exist.
      ValueError: the folders overlap, there is no photo, the output holds something
        else, or the mask database or the landmark table cannot be used.
    """
    source, output = pathlib.Path(source).resolve(), pathlib.Path(output).resolve()
    if source.is_relative_to(output) or output.is_relative_to(source):
        raise ValueError(f"input {source} and output {output} must not overlap")
    if seed < 0:
        raise ValueError(f"expected a seed of 0 or more, got {seed}")
    names = images.list_images(source)
    if not names:
        raise ValueError(f"there are no photos in {source}")
    known_masks = database.load_all(masks)
    settings = {
        "seed": seed,
        "masks": masks,
        "masks_digest": _digest(known_masks),
        "landmarks": landmark_file or detector or "default",
    }
    _check_settings(output, settings)
    rows = _finished_rows(output, set(names))
    table = _landmarks(source, output, names, detector, landmark_file, progress)
    with (output / MANIFEST).open("a", encoding="utf-8") as manifest:
        for name in tqdm.tqdm(names, "masking", unit="img", disable=not progress):
            if name not in rows:
                rows[name] = _mask_photo(source, output, name, table, known_masks, seed)
                manifest.write(json.dumps(rows[name], ensure_ascii=False) + "\n")
                manifest.flush()
    # In the end the manifest does not show in which order or in how many runs.
    _write_rows(output, [rows[name] for name in names])
    return dict(collections.Counter(row["outcome"] for row in rows.values()))


def _mask_photo(
    source: pathlib.Path,
    output: pathlib.Path,
    name: str,
    table: landmarks.LandmarkTable,
    masks: tuple[types.Mask, ...],
    seed: int,
) -> dict[str, Any]:
    """Masks one photo and returns its row of the manifest."""
    points = table.get(name)
    if points is None:
        known = table.outcome(name)
        outcome, _, reason = (known or "no_face: not in the table").partition(": ")
        return _row(name, outcome, seed, reason=reason or "no face was found")
    try:
        photo = images.read_image(source / name)
    except (images.ImageError, OSError) as error:
        return _row(name, "unreadable", seed, reason=str(error))
    try:
        rng = wearing.photo_rng(seed, name)
        masked, mask = wearing.put_on(photo, points, masks, rng)
    except ValueError as error:
        return _row(name, "unfit", seed, reason=str(error))
    images.write_image(output / name, masked)
    return _row(
        name,
        MASKED,
        seed,
        pose=dataclasses.asdict(landmarks.head_pose(points)),
        mask=mask.name,
        mirrored=mask.is_mirrored,
        sha256=_file_digest(output / name),
    )


def _row(name: str, outcome: str, seed: int, **details: Any) -> dict[str, Any]:
    blank = {
        "reason": "",
        "pose": None,
        "mask": None,
        "mirrored": None,
        "sha256": None,
    }
    return {"path": name, "outcome": outcome} | blank | details | {"seed": seed}


def _landmarks(
    source: pathlib.Path,
    output: pathlib.Path,
    names: list[str],
    detector: str,
    landmark_file: str,
    progress: bool,
) -> landmarks.LandmarkTable:
    if landmark_file:
        return landmarks.LandmarkTable.load(landmark_file)
    return landmarks.detect_folder(
        landmarks.create_detector(detector or None),
        source,
        names,
        progress=progress,
        save_to=output / LANDMARKS,
    )


def _check_settings(output: pathlib.Path, settings: dict[str, Any]) -> None:
    """Makes the output folder, or checks that it is of a run with these settings."""
    path = output / SETTINGS
    if not path.is_file():
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise ValueError(
                f"{output} is not an empty folder, nor the output of an earlier run; "
                "give a new folder"
            )
        output.mkdir(parents=True, exist_ok=True)
        _write_text(path, json.dumps(settings, indent=1))
        return
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        changed = [k for k in settings if earlier.get(k) != settings[k]]
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged; give a new output folder") from error
    if changed:
        raise ValueError(
            f"{output} was made with other settings ({', '.join(changed)}); repeat the "
            "command with the same ones or give a new output folder"
        )


def _finished_rows(output: pathlib.Path, names: set[str]) -> dict[str, dict[str, Any]]:
    """Rows of an earlier run whose photos are there as it left them.

    A last line that a killed run left unfinished is dropped, here and in the file.
    """
    path = output / MANIFEST
    if not path.is_file():
        return {}
    *lines, _ = path.read_bytes().split(b"\n")
    rows = {}
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            name, digest = row["path"], row["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}: line {number} is damaged; delete the file, and all photos "
                "are masked again"
            ) from error
        is_there = name in names and digest and (output / name).is_file()
        if is_there and _file_digest(output / name) == digest:
            rows[name] = row
    _write_rows(output, list(rows.values()))
    return rows


def _write_rows(output: pathlib.Path, rows: list[dict[str, Any]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    _write_text(output / MANIFEST, "".join(lines))


def _write_text(path: pathlib.Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _file_digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(masks: tuple[types.Mask, ...]) -> str:
    """Tells one set of masks from another, wherever they are stored."""
    digest = hashlib.sha256()
    for mask in masks:
        for part in (mask.name.encode(), mask.rgba.tobytes(), mask.landmarks.tobytes()):
            digest.update(part)
    return digest.hexdigest()[:16]
