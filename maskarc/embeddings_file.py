"""A file of embeddings that is gone on with: made bit by bit, by one model."""

import json
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from maskarc import files, recognizer

# Seconds between two saves, and how much longer than a save itself that is at least.
_EVERY, _FACTOR = 30.0, 20.0
# Of `about`: the same model may have another path.
_FREE = ("model",)


class EmbeddingsFile:
    """Embeddings of photos, by name. What is made is kept beside the file until all is.

    Photos that have changed since, and those that could not be read, are made again.

    Args:
      root: folder of the photos.
      path: of the file, an .npz (`recognizer.save_embeddings`).
      about: what makes them: "model", "against_masked", and all else that decides on
        the result.

    Raises:
      ValueError: the file was made of or by something else; it is left alone.
    """

    def __init__(
        self, root: pathlib.Path, path: pathlib.Path, about: Mapping[str, Any]
    ):
        self._root, self._path, self._about = root, path, about
        self._partial = path.with_name(files.fitted(f"{path.name}.partial.npz"))
        self._rows: dict[str, tuple[str, recognizer.Embedded]] = {}
        for earlier in (path, self._partial):
            if earlier.exists():
                self._rows |= self._read(earlier)
        self._is_kept, self._saved, self._took = True, time.monotonic(), 0.0

    def __contains__(self, name: str) -> bool:
        """Whether there is nothing to do for a photo."""
        stamp, one = self._rows.get(name, ("", None))
        return (
            one is not None
            and one.outcome != recognizer.UNREADABLE
            and stamp == files.stamp(self._root / name)
        )

    def embed(self, model: recognizer.Recognizer, names: Sequence[str]) -> None:
        """Embeds photos; saves them from time to time."""
        stamps = [files.stamp(self._root / name) for name in names]  # before the work
        made = model.embed(
            [self._root / name for name in names],
            against_masked=self._about["against_masked"],
        )
        for name, stamp, one in zip(names, stamps, made, strict=True):
            self._rows[name] = stamp, one
        self._is_kept = not names
        if time.monotonic() - self._saved > max(_EVERY, _FACTOR * self._took):
            self.keep()

    def keep(self) -> None:
        """Saves beside the file what is new."""
        if self._is_kept:
            return
        begin = time.monotonic()
        self._save(self._partial, list(self._rows))
        self._is_kept, self._saved = True, time.monotonic()
        self._took = self._saved - begin

    def finish(self, names: Sequence[str]) -> list[recognizer.Embedded]:
        """Writes the file, of these photos; returns what became of them."""
        self._save(self._path, names)
        self._partial.unlink(missing_ok=True)
        return [self._rows[name][1] for name in names]

    def _save(self, path: pathlib.Path, names: Sequence[str]) -> None:
        stamps, made = zip(*(self._rows[name] for name in names), strict=True)
        recognizer.save_embeddings(path, names, made, stamps=stamps, about=self._about)

    def _read(self, path: pathlib.Path) -> dict[str, tuple[str, recognizer.Embedded]]:
        columns = files.read_npz(path, ("names",))
        try:
            about = json.loads(str(columns.get("about", "{}")))
        except ValueError:
            about = None
        expected = {"stamps", *recognizer.COLUMNS.values()}
        if not (about and isinstance(about, dict) and expected <= set(columns)):
            raise ValueError(
                f"{path} does not say which model made it, or is of another version of "
                "maskarc; give another output, or remove it"
            )
        if changed := [
            f"{name} {about.get(name)}, now {value}"
            for name, value in self._about.items()
            if about.get(name) != value and name not in _FREE
        ]:
            raise ValueError(
                f"{path} was made otherwise ({'; '.join(changed)}); give another "
                "output, or remove it"
            )
        fields = {
            field: columns[column].tolist()
            if columns[column].ndim == 1
            else list(columns[column].astype(np.float32))
            for field, column in recognizer.COLUMNS.items()
        }
        return {
            str(name): (
                str(stamp),
                recognizer.Embedded(**{f: v[row] for f, v in fields.items()}),
            )
            for row, (name, stamp) in enumerate(
                zip(columns["names"], columns["stamps"], strict=True)
            )
        }
