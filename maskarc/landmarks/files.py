"""Files of landmarks by image name: .npz, .csv and .json; nothing is unpickled.

.npz   `names` str[N], `outcomes` str[N] (may be absent), `landmarks` float[N, K, 2],
       and where they are known `stamps` str[N], by which a changed photo is noticed.
.csv   a header `name,outcome,x0,y0,x1,y1,...` (`outcome` may be absent), then one row
       an image; the numbers are empty where there is no face.
.json  one object, image name → [[x, y], ...], or → the outcome where there is no face.

Names are paths relative to the image folder with '/' between; K is 5, 68 or 468; x and
y are pixels with pixel centres at integers. Names that are not UTF-8 are escaped in the
files (`maskarc.files`), and here as they are.
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from maskarc import files

OK, NO_FACE = "ok", "no_face"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """What is known of one image: points float32[K, 2], or None, and the outcome.

    The stamp tells the state of the file that was looked at; "" where it is not known.
    """

    name: str
    outcome: str
    points: np.ndarray | None
    stamp: str = ""


def read(path: str | os.PathLike[str]) -> list[Row]:
    """Reads a landmark file; the suffix tells its format.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: an unknown suffix, or a file that does not hold landmarks.
    """
    path = pathlib.Path(path)
    reader = _of_suffix(_READERS, path)
    if not path.is_file():
        raise FileNotFoundError(f"no landmark file at {path}")
    try:
        return reader(path)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        OSError,
    ) as error:
        raise ValueError(
            f"{path}: not a landmark file ({type(error).__name__}: {error}); "
            "maskarc.landmarks.files describes the formats"
        ) from error


def read_array(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads the array of a .npy file, never a pickled one.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: not a .npy file of numbers.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no landmark file at {path}")
    try:
        return np.load(path, allow_pickle=False).astype(np.float32)
    except (ValueError, EOFError, AttributeError) as error:
        raise ValueError(f"{path}: not a .npy file of numbers ({error})") from error


def write(path: str | os.PathLike[str], rows: list[Row]) -> None:
    """Writes rows whole or not at all; those with points must agree in their number.

    Raises:
      ValueError: an unknown suffix.
    """
    path = pathlib.Path(path)
    _of_suffix(_WRITERS, path)(path, rows)


def _read_npz(path: pathlib.Path) -> list[Row]:
    arrays = files.read_npz(path)
    names, landmarks = arrays["names"], arrays["landmarks"].astype(np.float32)
    outcomes = arrays.get("outcomes", [None] * len(names))
    stamps = arrays.get("stamps", [""] * len(names))
    return [
        _row(str(name), None if outcome is None else str(outcome), points, str(stamp))
        for name, outcome, points, stamp in zip(
            names, outcomes, landmarks, stamps, strict=True
        )
    ]


def _write_npz(path: pathlib.Path, rows: list[Row]) -> None:
    count = next((len(row.points) for row in rows if row.points is not None), 68)
    absent = np.full([count, 2], np.nan, np.float32)
    points = [absent if row.points is None else row.points for row in rows]
    arrays: dict[str, Any] = {
        "names": np.array([row.name for row in rows], np.str_),
        "outcomes": np.array([row.outcome for row in rows], np.str_),
        "landmarks": np.array(points, np.float32).reshape(-1, count, 2),
    }
    if any(row.stamp for row in rows):
        arrays["stamps"] = np.array([row.stamp for row in rows], np.str_)
    files.write_npz(path, arrays)


def _read_csv(path: pathlib.Path) -> list[Row]:
    header, *records = files.read_csv(path)
    first = 2 if header[1:2] == ["outcome"] else 1
    if header[0] != "name" or len(header) == first or (len(header) - first) % 2:
        raise ValueError("expected columns name, outcome, x0, y0, x1, y1, ...")
    return [_csv_row(record, first, len(header)) for record in records if record]


def _csv_row(record: list[str], first: int, columns: int) -> Row:
    if len(record) != columns:
        raise ValueError(f"{record[0]}: expected {columns} columns, got {len(record)}")
    numbers = [float(v) if v else np.nan for v in record[first:]]
    points = np.array(numbers, np.float32).reshape(-1, 2)
    return _row(record[0], record[1] if first == 2 else None, points)


def _write_csv(path: pathlib.Path, rows: list[Row]) -> None:
    files.write_csv(path, _csv_rows(rows))


def _csv_rows(rows: list[Row]) -> Iterator[list[str]]:
    count = next((len(row.points) for row in rows if row.points is not None), 68)
    header = [f"{axis}{k}" for k in range(count) for axis in "xy"]
    yield ["name", "outcome", *header]
    for row in rows:
        numbers = [""] * (2 * count)
        if row.points is not None:
            numbers = [f"{v:.3f}" for v in row.points.ravel()]
        yield [row.name, row.outcome, *numbers]


def _read_json(path: pathlib.Path) -> list[Row]:
    record = files.read_json(path)
    return [
        Row(name=name, outcome=value, points=None)
        if isinstance(value, str)
        else _row(name, None, np.array(value, np.float32))
        for name, value in record.items()
    ]


def _write_json(path: pathlib.Path, rows: list[Row]) -> None:
    record = {
        row.name: row.outcome
        if row.points is None
        else [[round(float(v), 3) for v in point] for point in row.points]
        for row in rows
    }
    files.write_json(path, record, indent=None)


def _row(name: str, outcome: str | None, points: np.ndarray, stamp: str = "") -> Row:
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{name}: expected points [K, 2], got {points.shape}")
    found = bool(np.isfinite(points).all())
    return Row(
        name=name,
        outcome=outcome or (OK if found else NO_FACE),
        points=points if found else None,
        stamp=stamp,
    )


_READERS = {".npz": _read_npz, ".csv": _read_csv, ".json": _read_json}
_WRITERS = {".npz": _write_npz, ".csv": _write_csv, ".json": _write_json}


def _of_suffix(functions: dict, path: pathlib.Path):
    if path.suffix.lower() not in functions:
        raise ValueError(
            f"{path.name}: expected a landmark file ending in {', '.join(functions)}"
        )
    return functions[path.suffix.lower()]
