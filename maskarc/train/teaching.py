"""The teacher's side of distillation: what a frozen network gives for bare photos.

It is asked once, before the first step: a table in the run folder holds its answers.
"""

import pathlib
from collections.abc import Iterator

import numpy as np
import tqdm

from maskarc import inference
from maskarc.data import crops, sources, taught, transforms
from maskarc.train import config as config_lib


def with_targets(
    source: sources.Source, config: config_lib.TrainConfig, workdir: pathlib.Path
) -> taught.Taught:
    """Gives a source the embeddings of the configuration's teacher as targets.

    Args:
      source: photos or aligned crops.
      config: its teacher.
      workdir: run folder; teacher.npz is kept there (names, embeddings).

    Raises:
      FileNotFoundError: no such table, or the teacher is none of the things it may be.
      ValueError: a table that is not one, or lacks a photo of the source.
    """
    given = pathlib.Path(config.teacher)
    if given.suffix == ".npz":
        return taught.Taught(source, read_table(given, source.names))
    kept = workdir / "teacher.npz"
    if not kept.exists():
        embeddings = _embed(source, config.teacher)
        aside = kept.with_suffix(".new.npz")
        np.savez(aside, names=np.array(source.names), embeddings=embeddings)
        aside.replace(kept)
    return taught.Taught(source, read_table(kept, source.names))


def read_table(path: pathlib.Path, names: tuple[str, ...]) -> np.ndarray:
    """The embeddings float32[N, E] of the named photos, of length 1.

    Args:
      path: an .npz with names str[M] and embeddings float[M, E], as `maskarc embed`
        writes it; rows of NaN or zeros are of photos that have none.
      names: of the photos.

    Raises:
      FileNotFoundError: no such file.
      ValueError: not such a file, or a photo that it does not name.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no table of embeddings at {path}")
    with np.load(path, allow_pickle=False) as arrays:
        if not {"names", "embeddings"} <= set(arrays.files):
            raise ValueError(
                f"{path}: expected names and embeddings, got {sorted(arrays.files)}"
            )
        known, embeddings = arrays["names"], arrays["embeddings"].astype(np.float32)
    if embeddings.ndim != 2 or known.shape != embeddings.shape[:1]:
        raise ValueError(
            f"{path}: expected names [M] and embeddings [M, E], got "
            f"{list(known.shape)} and {list(embeddings.shape)}"
        )
    row_of = {name: row for row, name in enumerate(known.tolist())}
    if missing := [name for name in names if name not in row_of]:
        raise ValueError(
            f"{path} lacks {len(missing)} of the {len(names)} photos, such as "
            f"{missing[0]}: names are paths below data_dir"
        )
    chosen = np.nan_to_num(embeddings[[row_of[name] for name in names]])
    return chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-12)


def _embed(source: sources.Source, teacher: str) -> np.ndarray:
    """float32[N, E]; zeros where landmarks span no face."""
    embedder = inference.Embedder.load(teacher, flip=True)
    cut = transforms.AlignedCrop(embedder.image_size, crop=embedder.crop)
    unused = np.random.default_rng()  # nothing is jittered

    def crop(index: int) -> np.ndarray | None:
        try:
            return cut.random_map(source[index], unused)["image"]
        except ValueError:  # landmarks that span no face
            return None

    rows: list[int] = []

    def usable() -> Iterator[np.ndarray]:
        stream = crops.read_ahead(crop, len(source))
        for index, image in enumerate(
            tqdm.tqdm(stream, "teacher", len(source), unit="img")
        ):
            if image is not None:
                rows.append(index)
                yield image

    found = embedder.embed(usable())
    targets = np.zeros((len(source), embedder.embed_dim), np.float32)
    targets[rows] = found
    return targets
