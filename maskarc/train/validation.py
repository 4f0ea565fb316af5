"""Verification on a small list of pairs, while training goes on."""

import pathlib
from typing import Any, Self

import jax
import numpy as np
import tqdm
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from maskarc import models
from maskarc.data import crops as crop_lib
from maskarc.data import pairs as pair_lists
from maskarc.evaluation import embedded, protocol, verification
from maskarc.train import checkpoint, parallel
from maskarc.train import config as config_lib
from maskarc.train import step as step_lib

_BATCH = 64  # a device


class Verifier:
    """Scores the backbone of a state; crops are read once and held in memory.

    Attributes:
      pairs: to score.
      needed: their images.
      images: uint8[N, S, S, 3].
      failed: bool[N], images without a face.
    """

    def __init__(
        self,
        backbone: models.Backbone,
        mesh: Mesh,
        pairs: pair_lists.Pairs,
        needed: protocol.PairImages,
        crops: crop_lib.FaceCrops,
        *,
        progress: bool = True,
    ):
        self.pairs, self.needed = pairs, needed
        size = backbone.image_size
        self.images = np.zeros((len(crops), size, size, 3), np.uint8)
        self.failed = np.ones(len(crops), bool)
        stream = tqdm.tqdm(
            crop_lib.read_ahead(crops.read, len(crops)),
            "verification",
            len(crops),
            disable=not progress,
        )
        for index, crop in enumerate(stream):
            if crop is not None:
                self.images[index], self.failed[index] = crop, False
        self._mesh = mesh

        def embed(params: Any, stats: Any, images: jax.Array) -> jax.Array:
            return backbone.apply(params, stats, images)[0]

        self._embed = jax.jit(embed, out_shardings=NamedSharding(mesh, P()))

    @classmethod
    def of(
        cls,
        config: config_lib.TrainConfig,
        backbone: models.Backbone,
        mesh: Mesh,
        workdir: pathlib.Path,
        *,
        progress: bool = True,
    ) -> Self | None:
        """The verifier that a configuration names, or None.

        Args:
          config: its fields verify_*.
          backbone: of the run.
          mesh: devices that share the work.
          workdir: run folder; landmarks that have to be found are kept there.
          progress: show a bar while the crops are read.

        Raises:
          FileNotFoundError, ValueError: as the lists and tables raise them.
        """
        if not config.verify_pairs:
            return None
        pairs = pair_lists.read_pairs(config.verify_pairs, config.verify_images)
        needed = protocol.unique_images(pairs, config.verify_masked)
        photos = crop_lib.Photos(
            root=config.verify_images,
            landmarks=config.verify_landmarks,
            detector=config.detector,
        )
        crops = photos.crops(
            needed.images,
            size=backbone.image_size,
            crop=config.crop,
            keep_in=workdir / "verification",
        )
        return cls(backbone, mesh, pairs, needed, crops, progress=progress)

    def score(self, state: step_lib.TrainState) -> dict[str, float]:
        """`checkpoint.METRIC`: accuracy over the folds, in [0, 1]; all processes call.

        A network that gives NaN has accuracy 0.
        """
        embeddings = self._embeddings(*state.for_inference)
        if not np.isfinite(embeddings).all():
            return {checkpoint.METRIC: 0.0}
        directions, _ = embedded.to_unit(embeddings)
        scores = protocol.similarities(self.needed, directions, self.failed)
        scored = verification.evaluate(scores, self.pairs.is_same, self.pairs.fold)
        return {checkpoint.METRIC: scored.accuracy}

    def _embeddings(self, params: Any, stats: Any) -> np.ndarray:
        """float32[N, D]; one size of batch, so that it is compiled once."""
        size = _BATCH * self._mesh.size
        share = size // jax.process_count()
        first = jax.process_index() * share
        done = []
        for start in range(0, len(self.images), size):
            batch = np.zeros((size, *self.images.shape[1:]), np.uint8)
            images = self.images[start : start + size]
            batch[: len(images)] = images
            put = parallel.put_batch(self._mesh, {"image": batch[first:][:share]})
            embedded = self._embed(params, stats, put["image"])
            done.append(np.asarray(embedded)[: len(images)])
        return np.concatenate(done)
