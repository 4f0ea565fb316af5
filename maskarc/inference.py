"""A trained backbone at work: crops to embeddings, checkpoints to scores."""

import dataclasses
import functools
import os
from collections.abc import Iterable, Iterator
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from maskarc import models
from maskarc.train import checkpoint


@dataclasses.dataclass(frozen=True, eq=False)
class Embedder:
    """Embeds aligned crops, compiled once for one batch size.

    Attributes:
      backbone: the network.
      params: its parameters.
      stats: its BatchNorm statistics.
      image_size: side of the crops in pixels.
      crop: which crop it expects, a key of `alignment.CROPS`.
      batch_size: crops a call of the network; the last batch is padded.
      flip: add the embedding of the mirrored crop before normalising, as is common
        in the field's evaluations.
    """

    backbone: models.Backbone
    params: Any
    stats: Any
    image_size: int
    crop: str = "arcface"
    batch_size: int = 64
    flip: bool = False

    @classmethod
    def from_checkpoint(cls, folder: str | os.PathLike[str], **options: Any) -> Self:
        """Loads the latest checkpoint of a run folder; options are attributes.

        Raises:
          FileNotFoundError, checkpoint.CheckpointError: see `checkpoint.load_backbone`.
        """
        backbone, params, stats, config = checkpoint.load_backbone(folder)
        return cls(
            backbone, params, stats, config.image_size, crop=config.crop, **options
        )

    @classmethod
    def from_pretrained(
        cls, name: str, path: str | os.PathLike[str] = "", **options: Any
    ) -> Self:
        """Loads published weights; see `models.load_pretrained`."""
        backbone, params, stats = models.load_pretrained(name, path)
        crop = models.PRETRAINED[name].crop
        return cls(backbone, params, stats, backbone.image_size, crop=crop, **options)

    @classmethod
    def load(cls, source: str | os.PathLike[str], **options: Any) -> Self:
        """Loads the model that a command names.

        Args:
          source: a name in `models.PRETRAINED`, or else a run folder.
          **options: attributes.

        Raises:
          As `from_pretrained` and `from_checkpoint`; of a name that is neither,
          FileNotFoundError with the known names.
        """
        if str(source) in models.PRETRAINED:
            return cls.from_pretrained(str(source), **options)
        if not os.path.isdir(source):
            raise FileNotFoundError(
                f"{source} is no run folder, nor one of {', '.join(models.PRETRAINED)}"
            )
        return cls.from_checkpoint(source, **options)

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
            return np.zeros((0, self.backbone.embed_dim), np.float32)
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
