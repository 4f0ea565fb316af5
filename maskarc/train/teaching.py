"""The teacher's side of distillation: what a frozen network gives for bare photos.

It is asked once, before the first step; its answers are kept in the run folder.
"""

import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import tqdm

from maskarc import files, inference
from maskarc.data import crops, sources, taught, transforms
from maskarc.evaluation import embedded
from maskarc.train import config as config_lib


def with_targets(
    source: sources.Source,
    readable: sources.Source,
    config: config_lib.TrainConfig,
    workdir: pathlib.Path,
    *,
    progress: bool = True,
) -> taught.Taught:
    """Gives a source the embeddings of the configuration's teacher as targets.

    Args:
      source: photos or aligned crops.
      readable: the same, with others in the place of those that cannot be read.
      config: its teacher.
      workdir: run folder; teacher.npy is kept there, a row a photo.
      progress: show a bar.

    Raises:
      FileNotFoundError: no such table, or the teacher is none of the things it may be.
      ValueError: a table that is not one, or lacks a photo of the source; no photo has
        an embedding.
    """
    kept = workdir / "teacher.npy"
    if not kept.exists():
        if config.teacher.endswith(".npz"):
            rows = read_table(pathlib.Path(config.teacher), source.names)
        else:
            rows = _embed(readable, config.teacher, progress=progress)
        rows, _ = embedded.to_unit(rows)
        if not rows.any():
            raise ValueError(f"the teacher {config.teacher} has nothing for any photo")
        with files.replaced(kept) as aside, aside.open("wb") as file:
            np.save(file, rows, allow_pickle=False)
    return taught.Taught(source, kept)


def read_table(path: pathlib.Path, names: Sequence[str]) -> np.ndarray:
    """The embeddings float32[N, E] of the named photos.

    Args:
      path: an .npz with names str[M] and embeddings float[M, E], as `maskarc embed`
        writes it; rows of NaN, which become zeros, are of photos that have none.
      names: of the photos.

    Raises:
      FileNotFoundError: no such file.
      ValueError: not such a file, or a photo that it does not name, or names twice.
    """
    columns = embedded.read_columns(path)
    known, embeddings = columns["names"], columns["embeddings"]
    row_of = {name: row for row, name in enumerate(known.tolist())}
    if len(row_of) < len(known):
        raise ValueError(
            f"{path} names some photos twice, perhaps bare and masked; expected one "
            "row a photo, as `maskarc embed` writes it"
        )
    if missing := [name for name in names if name not in row_of]:
        raise ValueError(
            f"{path} lacks {len(missing)} of the {len(names)} photos, such as "
            f"{missing[0]}: names are paths below data_dir"
        )
    return np.nan_to_num(embeddings[[row_of[name] for name in names]], copy=False)


def _embed(source: sources.Source, teacher: str, *, progress: bool) -> np.ndarray:
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
        bar = tqdm.tqdm(
            stream, "teacher", len(source), unit="img", disable=not progress
        )
        for index, image in enumerate(bar):
            if image is not None:
                rows.append(index)
                yield image

    found = embedder.embed(usable())
    targets = np.zeros((len(source), embedder.embed_dim), np.float32)
    targets[rows] = found
    return targets
