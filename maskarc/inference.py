"""A trained backbone at work: crops to embeddings, checkpoints to scores."""

import dataclasses
import functools
import os
from collections.abc import Iterable, Iterator
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from maskarc import images as image_files
from maskarc import models
from maskarc.data import crops as crop_lib
from maskarc.data import pairs as pair_lists
from maskarc.evaluation import benchmark, protocol
from maskarc.train import checkpoint


@dataclasses.dataclass(frozen=True, eq=False)
class Embedder:
    """Embeds aligned crops, compiled once for one batch size.

    Attributes:
      backbone: the network.
      params: its parameters.
      stats: its BatchNorm statistics.
      image_size: side of the crops in pixels.
      batch_size: crops a call of the network; the last batch is padded.
      flip: add the embedding of the mirrored crop before normalising, as is common
        in the field's evaluations.
    """

    backbone: models.Backbone
    params: Any
    stats: Any
    image_size: int
    batch_size: int = 64
    flip: bool = False

    @classmethod
    def from_checkpoint(cls, folder: str | os.PathLike[str], **options: Any) -> Self:
        """Loads the latest checkpoint of a run folder; options are attributes.

        Raises:
          FileNotFoundError, checkpoint.CheckpointError: see `checkpoint.load_backbone`.
        """
        backbone, params, stats, config = checkpoint.load_backbone(folder)
        return cls(backbone, params, stats, config.image_size, **options)

    @functools.cached_property
    def _embed(self):
        def embed(params, stats, crops):
            embeddings, _ = self.backbone.apply(params, stats, crops)
            if self.flip:
                mirrored, _ = self.backbone.apply(params, stats, crops[:, :, ::-1])
                embeddings += mirrored
            return embeddings

        return jax.jit(embed)

    def embed(self, crops: Iterable[np.ndarray]) -> np.ndarray:
        """Embeds crops one batch at a time.

        Args:
          crops: uint8[S, S, 3] each, RGB, aligned; an iterator is read lazily.

        Returns:
          float32[N, D], not normalised.

        Raises:
          ValueError: a crop of another size, or an embedding that is not finite.
        """
        done = [
            np.asarray(self._embed(self.params, self.stats, batch))[:count]
            for batch, count in self._batches(crops)
        ]
        if not done:
            return np.zeros((0, dict(self.backbone.options)["embed_dim"]), np.float32)
        embeddings = np.concatenate(done)
        if not np.isfinite(embeddings).all():
            raise ValueError("the network gave NaN or infinity: its weights are broken")
        return embeddings

    def _batches(self, crops: Iterable[np.ndarray]) -> Iterator[tuple[jax.Array, int]]:
        shape = (self.image_size, self.image_size, 3)
        batch, count = np.zeros((self.batch_size, *shape), np.uint8), 0
        for crop in crops:
            if crop.shape != shape or crop.dtype != np.uint8:
                raise ValueError(
                    f"expected crops uint8{list(shape)}, got "
                    f"{crop.dtype}{list(crop.shape)}"
                )
            batch[count] = crop
            count += 1
            if count == self.batch_size:
                yield jnp.array(batch), count
                count = 0
        if count:
            batch[count:] = 0
            yield jnp.array(batch), count


def evaluate_pairs(
    checkpoint_folder: str | os.PathLike[str],
    photos: crop_lib.Photos,
    *,
    pairs: str | os.PathLike[str],
    output: str | os.PathLike[str],
    masked: str = "none",
    flip: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Scores a checkpoint on a list of pairs of a folder.

    Args:
      checkpoint_folder: run folder of a training.
      photos: the folder, and what is put on its faces.
      pairs: list of pairs (`data.pairs.read_pairs`).
      output: folder for results and pictures (`evaluation.benchmark.verify_pairs`).
      masked: "none", "second" (the photo at index 1 of each pair) or "both".
      flip: sum the embeddings of crop and mirror image.
      progress: show bars.

    Returns:
      accuracy, accuracy_std, threshold, auc, eer, tar_at_far, pairs, failed_images, …
      and the settings.

    Raises:
      FileNotFoundError, ValueError, ImportError: as the parts raise them.
    """
    embedder = Embedder.from_checkpoint(checkpoint_folder, flip=flip)
    listed = pair_lists.read_pairs(pairs, photos.root)
    needed = protocol.unique_images(listed, masked)
    crops = photos.crops(
        needed.images, size=embedder.image_size, keep_in=output, progress=progress
    )
    result = benchmark.verify_pairs(
        embedder.embed, listed, needed, crops, output, progress=progress
    )
    return {"masked": masked, **_settings(photos, flip), **result}


def identify_folder(
    checkpoint_folder: str | os.PathLike[str],
    photos: crop_lib.Photos,
    *,
    output: str | os.PathLike[str],
    masked: bool = False,
    flip: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Leave-one-out 1-nearest-neighbour identification of an identity/photo folder.

    Arguments as in `evaluate_pairs`; masked puts a mask on every photo, as the
    original system's test did. Returns what `benchmark.identify_folder` does, and the
    settings.
    """
    embedder = Embedder.from_checkpoint(checkpoint_folder, flip=flip)
    crops = photos.crops(
        [(name, masked) for name in image_files.list_images(photos.root)],
        size=embedder.image_size,
        keep_in=output,
        progress=progress,
    )
    result = benchmark.identify_folder(embedder.embed, crops, progress=progress)
    return {"masked": masked, **_settings(photos, flip), **result}


def _settings(photos: crop_lib.Photos, flip: bool) -> dict[str, Any]:
    return {"masks": photos.masks, "seed": photos.seed, "flip": flip}
