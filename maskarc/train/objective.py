"""What a step minimises: classification by prototypes, and what is added to it."""

import dataclasses
from typing import Self

import jax
import jax.numpy as jnp

from maskarc import losses
from maskarc.train import config as config_lib


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """A weighted sum of losses; of those of weight 0 no gradient is computed.

    Attributes:
      classification: weight of the margin loss.
      consistency: of `losses.mask_consistency_loss` between the two of a pair.
      distillation: of `losses.distillation_loss`.
      similarity_distillation: of `losses.similarity_distillation_loss`; in pairs, among
        the bare images and among the masked ones.
    """

    classification: float = 1.0
    consistency: float = 0.0
    distillation: float = 0.0
    similarity_distillation: float = 0.0

    @classmethod
    def of(cls, config: config_lib.TrainConfig) -> Self:
        """The one that a configuration describes."""
        return cls(**{name: getattr(config, name) for name in config_lib.PARTS})

    def parts(
        self,
        classified: jax.Array,
        embeddings: jax.Array,
        targets: jax.Array | None,
    ) -> dict[str, jax.Array]:
        """The mean of each loss that has a weight.

        Args:
          classified: float32[B · K], the margin loss of each image.
          embeddings: float32[B, K, D], of K images a photo; in pairs K is 2.
          targets: float32[B, E], the teacher's; of zeros where there is none.

        Raises:
          ValueError: distillation without targets, or to targets of another size.
        """
        found = {}
        if self.classification:
            found["classification"] = classified.mean()
        if self.consistency:
            bare, masked = embeddings[:, 0], embeddings[:, 1]
            found["consistency"] = losses.mask_consistency_loss(bare, masked).mean()
        if targets is None:
            if self.distillation or self.similarity_distillation:
                raise ValueError("distillation needs targets in the batch")
            return found
        is_taught = jnp.any(targets != 0, axis=1)
        if self.distillation:
            apart = losses.distillation_loss(
                embeddings, jnp.broadcast_to(targets[:, None], embeddings.shape)
            )
            found["distillation"] = jnp.where(is_taught[:, None], apart, 0).mean()
        if self.similarity_distillation:
            found["similarity_distillation"] = jnp.mean(
                jax.vmap(
                    lambda of_kind: losses.similarity_distillation_loss(
                        of_kind, targets, where=is_taught
                    ),
                    in_axes=1,
                )(embeddings)
            )
        return found

    def total(self, parts: dict[str, jax.Array]) -> jax.Array:
        """The weighted sum of `parts`."""
        return sum(
            (getattr(self, name) * value for name, value in parts.items()),
            jnp.float32(0),
        )
