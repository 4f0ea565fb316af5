"""The training step: (state, batch) → (state, metrics), a plain function of arrays."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from maskarc import losses, models


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainState:
    """Everything that a step reads and writes; arrays only.

    Attributes:
      step: int32[], steps done.
      params: of the backbone.
      stats: BatchNorm statistics of the backbone.
      prototypes: float32[C, D], the head: one class centre a row.
      opt_state: of the optimizer over {"backbone": params, "prototypes": prototypes}.
      key: jax key; step n uses fold_in(key, n), so that a resumed run repeats it.
    """

    step: jax.Array
    params: Any
    stats: Any
    prototypes: jax.Array
    opt_state: optax.OptState
    key: jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trainer:
    """What a step closes over: the network, the optimizer and the loss's constants."""

    backbone: models.Backbone
    optimizer: optax.GradientTransformation
    num_classes: int
    embed_dim: int
    margin: float
    scale: float

    def init(self, seed: int) -> TrainState:
        """A fresh state. Prototypes are drawn from N(0, 0.01²), as in ArcFace."""
        backbone_key, prototype_key, key = jax.random.split(jax.random.key(seed), 3)
        params, stats = self.backbone.init(backbone_key)
        prototypes = 0.01 * jax.random.normal(
            prototype_key, (self.num_classes, self.embed_dim)
        )
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            stats=stats,
            prototypes=prototypes,
            opt_state=self.optimizer.init(
                {"backbone": params, "prototypes": prototypes}
            ),
            key=key,
        )

    def step(
        self, state: TrainState, batch: dict[str, jax.Array]
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        """One update.

        Args:
          state: donated where the caller's jit says so.
          batch: "image" uint8[B, S, S, 3] and "label" int32[B] in 0..C−1.

        Returns:
          The new state, and scalars: loss; accuracy, on the cosines before the margin;
          gradient_norm; target_cosine, the mean cosine to the own prototype.
        """
        key = jax.random.fold_in(state.key, state.step)
        labels = batch["label"]

        def loss_fn(trainable):
            embeddings, stats = self.backbone.apply(
                trainable["backbone"],
                state.stats,
                batch["image"],
                train=True,
                key=key,
            )
            cosines = losses.cosine_logits(embeddings, trainable["prototypes"])
            logits = losses.arcface_logits(
                cosines, labels, margin=self.margin, scale=self.scale
            )
            loss = losses.softmax_cross_entropy(logits, labels).mean()
            return loss, (stats, cosines)

        trainable = {"backbone": state.params, "prototypes": state.prototypes}
        (loss, (stats, cosines)), gradients = jax.value_and_grad(loss_fn, has_aux=True)(
            trainable
        )
        updates, opt_state = self.optimizer.update(
            gradients, state.opt_state, trainable
        )
        trainable = optax.apply_updates(trainable, updates)
        metrics = {
            "loss": loss,
            "accuracy": jnp.mean(jnp.argmax(cosines, axis=-1) == labels),
            "target_cosine": losses.target_cosines(cosines, labels).mean(),
            "gradient_norm": optax.tree.norm(gradients),
        }
        state = TrainState(
            step=state.step + 1,
            params=trainable["backbone"],
            stats=stats,
            prototypes=trainable["prototypes"],
            opt_state=opt_state,
            key=state.key,
        )
        return state, metrics
