"""Embedded images: each photo once bare, once masked, with what is known of it.

Saved as an .npz they are scored again, and by other protocols, without the model.
"""

import dataclasses
import functools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tqdm

from maskarc import cohorts, files, masked_views
from maskarc.data import crops as crop_lib

# Aligned crops uint8[S, S, 3] in, float32[N, D] out, in the same order.
EmbedFn = Callable[[Iterable[np.ndarray]], np.ndarray]

_COLUMNS = ("names", "masked", "outcomes", "masks", "kinds", "wears", "yaws")
# Not in files of before there were any: no detector looked for masks.
_VIEWS = ("looks_masked", "in_masks", "commonness")


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
      looks_masked: bool[M], whether a detector sees a mask; false where none looked.
      in_masks: float32[M, D], what to compare with masked faces
        (`masked_views.Faces`); the embeddings where there is nothing else.
      commonness: float32[M], what is taken off similarities then; 0 where no cohort is
        known.
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
    looks_masked: np.ndarray
    in_masks: np.ndarray
    commonness: np.ndarray
    about: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        count = len(self.names)
        if self.embeddings.ndim != 2 or any(
            len(getattr(self, name)) != count
            for name in (*_COLUMNS, *_VIEWS, "embeddings")
        ):
            raise ValueError(f"expected {count} rows in all columns and [M, D]")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def failed(self) -> np.ndarray:
        """bool[M], the images that could not be embedded."""
        return np.not_equal(self.outcomes, crop_lib.OK)

    @functools.cached_property
    def faces(self) -> masked_views.Faces:
        """What is compared."""
        return masked_views.Faces(
            embeddings=self.embeddings,
            in_masks=self.in_masks,
            is_masked=self.looks_masked,
            commonness=self.commonness,
        )

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

    def without_views(self) -> "EmbeddedImages":
        """The same, compared as if nobody had looked for masks."""
        return dataclasses.replace(
            self,
            looks_masked=np.zeros(len(self), bool),
            in_masks=self.embeddings,
            about={**self.about, "masked_views": False},
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an .npz without pickle.

        Raises:
          ValueError: the path does not end in .npz.
        """
        names = (*_COLUMNS, *_VIEWS, "embeddings", "norms")
        columns = {name: getattr(self, name) for name in names}
        columns["about"] = np.array(json.dumps(self.about))
        files.write_npz(path, columns)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "EmbeddedImages":
        """Reads what `save` wrote, or plain embeddings of bare photos.

        For these the file has only names str[M] and embeddings float[M, D], rows of NaN
        or zeros of which have failed; and, as `maskarc embed` writes them, masked
        float[M], the probability of a mask, in_masks float[M, D] and commonness
        float[M].

        Raises:
          FileNotFoundError: no such file.
          ValueError: not such a file, or embeddings that are not finite.
        """
        columns = read_columns(path)
        names, given = columns["names"], columns["embeddings"]
        commonness = columns.get("commonness", np.zeros(len(names), np.float32))
        if set(_COLUMNS) <= set(columns):
            about = json.loads(str(columns.get("about", "{}")))
            return cls(
                **{name: columns[name] for name in _COLUMNS},
                norms=columns["norms"],
                embeddings=given,
                looks_masked=columns.get("looks_masked", np.zeros(len(names), bool)),
                in_masks=columns.get("in_masks", given),
                commonness=commonness,
                about=about,
            )
        usable = np.asarray(np.isfinite(given).all(axis=1) & given.any(axis=1))
        if not usable.any():
            raise ValueError(f"{path}: no embedding is finite and other than zero")
        none = np.full(len(names), "")
        embeddings, norms = to_unit(np.where(usable[:, None], given, 0))
        in_masks = columns.get("in_masks", given)
        looks_masked = columns.get("masked", np.zeros(len(names))) >= masked_views.LEAST
        return cls(
            names=names,
            masked=np.zeros(len(names), bool),
            embeddings=embeddings,
            looks_masked=looks_masked,
            in_masks=to_unit(np.where(usable[:, None], in_masks, 0))[0],
            commonness=np.where(usable, commonness, 0),
            norms=norms,
            outcomes=np.where(usable, crop_lib.OK, crop_lib.NO_FACE),
            masks=none,
            kinds=none,
            wears=none,
            yaws=np.full(len(names), np.nan, np.float32),
        )

    def write_masks(self, path: str | os.PathLike[str]) -> None:
        """Writes as CSV what was put on whom, and what became of each image."""
        header = ["name", "masked", "outcome", "mask", "kind", "wear", "yaw_degrees"]
        rows = zip(
            self.names.tolist(),
            self.masked.astype(int).tolist(),
            self.outcomes.tolist(),
            self.masks.tolist(),
            self.kinds.tolist(),
            self.wears.tolist(),
            (f"{y:.1f}" if np.isfinite(y) else "" for y in np.degrees(self.yaws)),
            strict=True,
        )
        files.write_csv(path, [header, *rows])


def embed_images(
    embed: EmbedFn,
    crops: crop_lib.FaceCrops | crop_lib.PointCrops,
    *,
    strangers: cohorts.Cohort | None = None,
    about: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> EmbeddedImages:
    """Embeds each crop once; reading runs ahead in threads.

    Args:
      embed: the model.
      crops: what to embed.
      strangers: as the model embeds them; none leaves similarities as they are.
      about: what to keep with the embeddings.
      progress: show a bar.

    Raises:
      ValueError: no photo has a usable face, or an embedding is zero or not finite.
    """
    seen: list[crop_lib.Crop] = []
    counts: list[int] = []
    start, waited = time.perf_counter(), 0.0

    def usable() -> Iterator[np.ndarray]:
        nonlocal waited
        stream = crop_lib.read_ahead(crops.look, len(crops), ahead=256)
        since = time.perf_counter()
        for crop in tqdm.tqdm(
            stream, "embedding", len(crops), unit="img", disable=not progress
        ):
            kept = dataclasses.replace(crop, image=None, views=())
            seen.append(kept)
            counts.append((crop.image is not None) + len(crop.views))
            waited += time.perf_counter() - since
            if crop.image is not None:
                yield crop.image
            yield from crop.views
            since = time.perf_counter()

    done = np.asarray(embed(usable()), np.float32)
    seconds = time.perf_counter() - start
    outcomes = np.array([crop.outcome for crop in seen], str)
    worked = outcomes == crop_lib.OK
    if not worked.any():
        raise ValueError(
            f"none of the {len(crops)} photos below {crops.root} has a usable face"
        )
    if done.ndim != 2 or len(done) != sum(counts):
        raise ValueError(
            f"expected embeddings [{sum(counts)}, D] of the model, got {done.shape}"
        )
    broken = ~np.isfinite(done).all(axis=1) | ~done.any(axis=1)
    if broken.any():
        of = np.repeat([name for name, _ in crops.images], counts)
        raise ValueError(
            f"{broken.sum()} of {len(done)} embeddings are zero or not finite, the "
            f"first that of {of[broken][0]}: the model is broken"
        )
    embeddings = np.zeros((len(crops), done.shape[1]), np.float32)
    norms = np.zeros(len(crops), np.float32)
    # The first of each image is of the image as it is.
    first = np.cumsum(counts) - counts
    embeddings[worked], norms[worked] = to_unit(done[first[worked]])
    in_masks = embeddings.copy()
    for row in np.flatnonzero(np.greater(counts, 1)):
        bare, views = done[first[row]], done[first[row] + 1 : first[row] + counts[row]]
        in_masks[row] = masked_views.add_views(bare, views)
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
        looks_masked=np.array([crop.looks_masked for crop in seen], bool),
        in_masks=in_masks,
        commonness=np.zeros(len(crops), np.float32)
        if strangers is None
        else np.where(worked, strangers.commonness(in_masks), 0),
        about={
            **(about or {}),
            "embedding_seconds": round(seconds, 3),
            "waiting_for_crops_seconds": round(waited, 3),
        },
    )


def fuse(views: Sequence[EmbeddedImages]) -> EmbeddedImages:
    """Several embeddings of each image as one, whose cosine is the mean of theirs.

    Args:
      views: of the same images in the same order, by different models or crops.

    Returns:
      Embeddings [M, ΣD]; an image that failed in one view has failed.

    Raises:
      ValueError: other images, or some that look masked in one view only.
    """
    first = views[0]
    for view in views[1:]:
        if not all(
            np.array_equal(getattr(view, name), getattr(first, name))
            for name in ("names", "masked", "looks_masked")
        ):
            raise ValueError("the views are not of the same images in the same order")
    outcomes = first.outcomes
    for view in views[1:]:
        outcomes = np.where(outcomes == crop_lib.OK, view.outcomes, outcomes)

    def joined(name: str) -> np.ndarray:
        whole = np.concatenate([getattr(view, name) for view in views], axis=1)
        whole[outcomes != crop_lib.OK] = 0
        return whole / np.sqrt(len(views), dtype=np.float32)

    embeddings = joined("embeddings")
    return dataclasses.replace(
        first,
        embeddings=embeddings,
        in_masks=joined("in_masks"),
        commonness=np.mean([view.commonness for view in views], axis=0),
        outcomes=outcomes,
        norms=np.linalg.norm(embeddings, axis=1),
        about={
            **first.about,
            **{
                name: " + ".join(str(view.about.get(name)) for view in views)
                for name in ("model", "weights", "crop")
            },
        },
    )


def read_columns(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """All arrays of a file with names str[M] and embeddings float32[M, D], as given.

    Raises:
      FileNotFoundError: no such file.
      ValueError: not such a file.
    """
    columns = files.read_npz(path, ("names", "embeddings"))
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
