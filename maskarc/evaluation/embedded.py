"""Embedded images: each photo once bare, once masked, with what is known of it.

Saved as an .npz they are scored again, and by other protocols, without the model.
"""

import csv
import dataclasses
import functools
import json
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tqdm

from maskarc.data import crops as crop_lib
from maskarc.evaluation import scored

# Aligned crops uint8[S, S, 3] in, float32[N, D] out, in the same order.
EmbedFn = Callable[[Iterable[np.ndarray]], np.ndarray]

_COLUMNS = ("names", "masked", "outcomes", "masks", "kinds", "wears", "yaws")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddedImages:
    """One row an image.

    Attributes:
      names: str[M], the photo.
      masked: bool[M], whether a rendered mask was put on.
      embeddings: float32[M, D], of unit length; zeros where the image failed.
      norms: float32[M], the lengths that they had.
      outcomes: str[M], "ok" or why not (`data.crops.Crop`).
      masks: str[M], name of the rendered mask.
      kinds: str[M], its kind.
      wears: str[M], how it is worn.
      yaws: float32[M], of the face, radians; NaN where unknown.
      about: as JSON: model, masks, seed, times.
    """

    names: np.ndarray
    masked: np.ndarray
    embeddings: np.ndarray
    norms: np.ndarray
    outcomes: np.ndarray
    masks: np.ndarray
    kinds: np.ndarray
    wears: np.ndarray
    yaws: np.ndarray
    about: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        count = len(self.names)
        if self.embeddings.ndim != 2 or any(
            len(getattr(self, name)) != count for name in (*_COLUMNS, "embeddings")
        ):
            raise ValueError(f"expected {count} rows in all columns and [M, D]")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def failed(self) -> np.ndarray:
        """bool[M], the images that could not be embedded."""
        return np.not_equal(self.outcomes, crop_lib.OK)

    @functools.cached_property
    def _rows(self) -> dict[tuple[str, bool], int]:
        keys = zip(self.names.tolist(), self.masked.tolist(), strict=True)
        return {key: row for row, key in enumerate(keys)}

    def rows(self, names: Iterable[str], masked: bool) -> np.ndarray:
        """The rows int64[N] of photos, bare or masked.

        Raises:
          ValueError: some were not embedded so; says which.
        """
        wanted = list(names)
        found = [self._rows.get((name, masked), -1) for name in wanted]
        missing = [name for name, row in zip(wanted, found, strict=True) if row < 0]
        if missing:
            raise ValueError(
                f"{len(missing)} photos were not embedded "
                f"{'masked' if masked else 'bare'}, such as {missing[0]}"
            )
        return np.array(found, np.int64)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an .npz without pickle.

        Raises:
          ValueError: the path does not end in .npz.
        """
        path = scored.archive_path(path)
        columns = {n: getattr(self, n) for n in (*_COLUMNS, "embeddings", "norms")}
        np.savez(path, about=np.array(json.dumps(self.about)), **columns)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "EmbeddedImages":
        """Reads what `save` wrote, or plain embeddings of bare photos.

        For these the file has only names str[M] and embeddings float[M, D], as
        `maskarc embed` and others write them; rows of NaN or zeros have failed.

        Raises:
          FileNotFoundError: no such file.
          ValueError: not such a file, or embeddings that are not finite.
        """
        columns = read_columns(path)
        names, given = columns["names"], columns["embeddings"]
        if set(_COLUMNS) <= set(columns):
            about = json.loads(str(columns.get("about", "{}")))
            return cls(
                **{name: columns[name] for name in _COLUMNS},
                norms=columns["norms"],
                embeddings=given,
                about=about,
            )
        usable = np.asarray(np.isfinite(given).all(axis=1) & given.any(axis=1))
        if not usable.any():
            raise ValueError(f"{path}: no embedding is finite and other than zero")
        none = np.full(len(names), "")
        embeddings, norms = to_unit(np.where(usable[:, None], given, 0))
        return cls(
            names=names,
            masked=np.zeros(len(names), bool),
            embeddings=embeddings,
            norms=norms,
            outcomes=np.where(usable, crop_lib.OK, crop_lib.NO_FACE),
            masks=none,
            kinds=none,
            wears=none,
            yaws=np.full(len(names), np.nan, np.float32),
        )

    def write_masks(self, path: str | os.PathLike[str]) -> None:
        """Writes as CSV what was put on whom, and what became of each image."""
        with pathlib.Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["name", "masked", "outcome", "mask", "kind", "wear", "yaw_degrees"]
            )
            for row in range(len(self)):
                yaw = np.degrees(self.yaws[row])
                writer.writerow(
                    [
                        self.names[row],
                        int(self.masked[row]),
                        self.outcomes[row],
                        self.masks[row],
                        self.kinds[row],
                        self.wears[row],
                        f"{yaw:.1f}" if np.isfinite(yaw) else "",
                    ]
                )


def embed_images(
    embed: EmbedFn,
    crops: crop_lib.FaceCrops | crop_lib.PointCrops,
    *,
    about: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> EmbeddedImages:
    """Embeds each crop once; reading runs ahead in threads.

    Args:
      embed: the model.
      crops: what to embed.
      about: what to keep with the embeddings.
      progress: show a bar.

    Raises:
      ValueError: no photo has a usable face, or an embedding is zero or not finite.
    """
    seen: list[crop_lib.Crop] = []
    start, waited = time.perf_counter(), 0.0

    def usable() -> Iterator[np.ndarray]:
        nonlocal waited
        stream = crop_lib.read_ahead(crops.look, len(crops), ahead=256)
        since = time.perf_counter()
        for crop in tqdm.tqdm(
            stream, "embedding", len(crops), unit="img", disable=not progress
        ):
            seen.append(dataclasses.replace(crop, image=None))
            waited += time.perf_counter() - since
            if crop.image is not None:
                yield crop.image
            since = time.perf_counter()

    done = np.asarray(embed(usable()), np.float32)
    seconds = time.perf_counter() - start
    outcomes = np.array([crop.outcome for crop in seen], str)
    worked = outcomes == crop_lib.OK
    if not worked.any():
        raise ValueError(
            f"none of the {len(crops)} photos below {crops.root} has a usable face"
        )
    if done.ndim != 2 or len(done) != worked.sum():
        raise ValueError(
            f"expected embeddings [{worked.sum()}, D] of the model, got {done.shape}"
        )
    broken = ~np.isfinite(done).all(axis=1) | ~done.any(axis=1)
    if broken.any():
        name = np.array([name for name, _ in crops.images])[worked][broken][0]
        raise ValueError(
            f"{broken.sum()} of {len(done)} embeddings are zero or not finite, the "
            f"first that of {name}: the model is broken"
        )
    embeddings = np.zeros((len(crops), done.shape[1]), np.float32)
    norms = np.zeros(len(crops), np.float32)
    embeddings[worked], norms[worked] = to_unit(done)
    return EmbeddedImages(
        names=np.array([name for name, _ in crops.images], str),
        masked=np.array([masked for _, masked in crops.images], bool),
        embeddings=embeddings,
        norms=norms,
        outcomes=outcomes,
        masks=np.array([crop.mask for crop in seen], str),
        kinds=np.array([crop.kind for crop in seen], str),
        wears=np.array([crop.wear for crop in seen], str),
        yaws=np.array([crop.yaw for crop in seen], np.float32),
        about={
            **(about or {}),
            "embedding_seconds": round(seconds, 3),
            "waiting_for_crops_seconds": round(waited, 3),
        },
    )


def fuse(
    views: Sequence[EmbeddedImages], weights: Sequence[float] | None = None
) -> EmbeddedImages:
    """Several embeddings of each image as one, whose cosine is the mean of theirs.

    Args:
      views: of the same images in the same order, by different models or crops.
      weights: of the cosines, positive; equal by default.

    Returns:
      Embeddings [M, ΣD]; an image that failed in one view has failed.

    Raises:
      ValueError: other images, or weights that do not fit.
    """
    first = views[0]
    weights = [1.0] * len(views) if weights is None else list(weights)
    if len(weights) != len(views) or min(weights) <= 0:
        raise ValueError(f"expected {len(views)} positive weights, got {weights}")
    for view in views[1:]:
        if not (
            np.array_equal(view.names, first.names)
            and np.array_equal(view.masked, first.masked)
        ):
            raise ValueError("the views are not of the same images in the same order")
    total = sum(weights)
    joined = np.concatenate(
        [
            np.sqrt(weight / total, dtype=np.float32) * view.embeddings
            for weight, view in zip(weights, views, strict=True)
        ],
        axis=1,
    )
    outcomes = first.outcomes
    for view in views[1:]:
        outcomes = np.where(outcomes == crop_lib.OK, view.outcomes, outcomes)
    joined[outcomes != crop_lib.OK] = 0
    return dataclasses.replace(
        first,
        embeddings=joined,
        outcomes=outcomes,
        norms=np.linalg.norm(joined, axis=1),
        about={
            **first.about,
            "model": " + ".join(str(view.about.get("model")) for view in views),
        },
    )


def read_columns(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """All arrays of a file with names str[M] and embeddings float32[M, D], as given.

    Raises:
      FileNotFoundError: no such file.
      ValueError: not such a file.
    """
    columns = scored.read_arrays(path, ("names", "embeddings"))
    columns["names"] = names = columns["names"].astype(str)
    columns["embeddings"] = given = columns["embeddings"].astype(np.float32)
    if given.ndim != 2 or names.shape != given.shape[:1]:
        raise ValueError(
            f"{path}: expected names [M] and embeddings [M, D], got {names.shape} "
            f"and {given.shape}"
        )
    return columns


def to_unit(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The embeddings [N, D] scaled to length 1, and the lengths [N]; zeros stay."""
    norms = np.linalg.norm(embeddings, axis=1)
    return embeddings / np.maximum(norms, 1e-12)[:, None], norms
