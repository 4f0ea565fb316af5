"""A trained backbone at work: crops to embeddings, whatever its weights come from."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from maskarc import cohorts, models
from maskarc.convert import dlib_dat, foreign, own_file
from maskarc.train import checkpoint


@dataclasses.dataclass(frozen=True, eq=False)
class Embedder:
    """Embeds aligned crops, compiled once for one batch size.

    Attributes:
      weights: the network and its weights.
      batch_size: crops a call of the network; the last batch is padded.
      flip: add the embedding of the mirrored crop before normalising, as is common
        in the field's evaluations.
    """

    weights: own_file.Weights
    batch_size: int = 64
    flip: bool = False

    @classmethod
    def load(cls, source: str | os.PathLike[str], **options: Any) -> Self:
        """Loads the model that a command names; see `load_weights`."""
        return cls(load_weights(source), **options)

    @property
    def image_size(self) -> int:
        """Side of the crops in pixels."""
        return self.weights.backbone.image_size

    @property
    def crop(self) -> str:
        """Which crop it expects, a key of `alignment.CROPS`."""
        return self.weights.crop

    @property
    def embed_dim(self) -> int:
        """D."""
        return self.weights.backbone.embed_dim

    @functools.cached_property
    def cohort(self) -> cohorts.Cohort | None:
        """Strangers in masks, where the weights bring some."""
        known = self.weights.cohort
        if known is None:
            return None
        # Half precision left them a little longer or shorter than 1.
        return cohorts.Cohort(known / np.linalg.norm(known, axis=1, keepdims=True))

    @functools.cached_property
    def _embed(self):
        backbone = self.weights.backbone

        def embed(params, stats, crops):
            if not self.flip:
                return backbone.apply(params, stats, crops)[0]
            # In one call, so that the network is compiled once.
            both = jnp.concatenate([crops, crops[:, :, ::-1]])
            embeddings, mirrored = jnp.split(backbone.apply(params, stats, both)[0], 2)
            return embeddings + mirrored

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
        params, stats = self.weights.params, self.weights.stats
        done: list[np.ndarray] = []
        running: tuple[jax.Array, int] | None = None
        for batch, count in self._batches(crops):
            started = self._embed(params, stats, batch), count
            # Waited for only now: this batch was put together meanwhile.
            if running is not None:
                done.append(np.asarray(running[0])[: running[1]])
            running = started
        if running is None:
            return np.zeros((0, self.embed_dim), np.float32)
        done.append(np.asarray(running[0])[: running[1]])
        embeddings = np.concatenate(done)
        if not np.isfinite(embeddings).all():
            raise ValueError("the network gave NaN or infinity: its weights are broken")
        return embeddings

    def _batches(self, crops: Iterable[np.ndarray]) -> Iterator[tuple[jax.Array, int]]:
        shape = (self.image_size, self.image_size, 3)
        # A new array for each batch: JAX may read one after it was handed over, so it
        # must not be written to again.
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
                yield jnp.asarray(batch), count
                batch, count = np.zeros_like(batch), 0
        if count:
            yield jnp.asarray(batch), count


def load_weights(
    source: str | os.PathLike[str], *, model: str = ""
) -> own_file.Weights:
    """Loads a model, wherever it is.

    Args:
      source: a name in `models.PRETRAINED`; the run folder of a training, for its
        latest checkpoint, or RUN@STEP or RUN@best for another; a weights file of
        maskarc (.safetensors), dlib's .dat, or a file that `convert.foreign` reads.
      model: architecture of such a file, a key of `models.MODELS`; its crop is
        ArcFace's.

    Raises:
      FileNotFoundError: source is none of these; names the published weights.
      ValueError: a file of others without its model.
      convert.failure.WeightsError, train.checkpoint.CheckpointError, ImportError: as
        the readers raise them.
    """
    path = pathlib.Path(source)
    if str(source) in models.PRETRAINED:
        record = models.PRETRAINED[str(source)]
        if record.file.endswith(".safetensors"):
            return own_file.load(models.checked_file(str(source)))
        crop = record.crop
        return _weights(*models.load_pretrained(str(source)), crop)
    if path.is_dir():
        backbone, params, stats, config = checkpoint.load_backbone(path)
        return _weights(backbone, params, stats, config.crop)
    folder, _, which = str(source).rpartition("@")
    if folder and os.path.isdir(folder) and (which == "best" or which.isdigit()):
        step = checkpoint.best_step(folder) if which == "best" else int(which)
        backbone, params, stats, config = checkpoint.load_backbone(folder, step=step)
        return _weights(backbone, params, stats, config.crop)
    if not path.is_file():
        raise FileNotFoundError(
            f"{source} is no run folder, no file, nor one of "
            f"{', '.join(models.PRETRAINED)}"
        )
    if path.suffix == ".dat":
        return _weights(*dlib_dat.load(path), models.PRETRAINED["dlib_resnet29"].crop)
    if model:
        backbone = models.create(model)
        return _weights(backbone, *foreign.load(path, backbone), "arcface")
    if path.suffix != ".safetensors":
        raise ValueError(
            f"say which architecture {path.name} is of; expected one of "
            f"{', '.join(models.MODELS)}"
        )
    return own_file.load(path)


def _weights(
    backbone: models.Backbone, params: Any, stats: Any, crop: str
) -> own_file.Weights:
    return own_file.Weights(backbone=backbone, params=params, stats=stats, crop=crop)
