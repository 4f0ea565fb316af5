"""The training step: (state, batch) → (state, metrics), a plain function of arrays."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from maskarc import models
from maskarc.train import head as heads
from maskarc.train import loss_scale, optim
from maskarc.train import objective as objectives

Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainState:
    """Everything that a step reads and writes; arrays only.

    Attributes:
      step: int32[], steps done.
      skipped: int32[], steps whose gradient was not finite, one after another until
        now; they changed nothing but this, the step and the scale of the loss.
      params: of the backbone.
      stats: BatchNorm statistics of the backbone.
      prototypes: float32[C', D] or [C', K, D], the head: class centres.
      margin_stats: what the loss keeps track of (`head.Head.start`).
      opt_state: of the optimizer over {"backbone": params, "prototypes": prototypes}.
      average: running mean of {"params", "stats"}, or None.
      loss_scale: `loss_scale.LossScale`, or None.
      key: jax key; step n uses fold_in(key, n), so that a resumed run repeats it.
    """

    step: jax.Array
    skipped: jax.Array
    params: Any
    stats: Any
    prototypes: jax.Array
    margin_stats: Any
    opt_state: optax.OptState
    average: Any
    loss_scale: loss_scale.LossScale | None
    key: jax.Array

    @property
    def for_inference(self) -> tuple[Any, Any]:
        """(params, stats): the running mean where there is one."""
        if self.average is None:
            return self.params, self.stats
        return self.average["params"], self.average["stats"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trainer:
    """What a step closes over.

    Attributes:
      backbone: the network.
      optimizer: over {"backbone": …, "prototypes": …}.
      head: prototypes and margin loss.
      objective: what else the loss is the sum of.
      freeze: parameters whose path has this regular expression get no gradient, and
        none is computed for them; empty for none.
      accumulate: parts of a batch that are computed one after another.
      ema_decay: share of the running mean of the weights that a step keeps; 0: none.
      scales_loss: for float16.
      axis_name: mapped axis, where the step runs under `jax.pmap` on a part of the
        batch.
    """

    backbone: models.Backbone
    optimizer: optax.GradientTransformation
    head: heads.Head
    objective: objectives.Objective = dataclasses.field(
        default_factory=objectives.Objective
    )
    freeze: str = ""
    accumulate: int = 1
    ema_decay: float = 0.0
    scales_loss: bool = False
    axis_name: str | None = None

    def init(self, seed: int) -> TrainState:
        """A fresh state."""
        return self.complete(seed, *self.init_backbone(seed))

    def init_backbone(self, seed: int) -> tuple[Any, Any]:
        """Fresh parameters and statistics of the backbone."""
        return self.backbone.init(jax.random.split(jax.random.key(seed), 3)[0])

    def complete(self, seed: int, params: Any, stats: Any) -> TrainState:
        """A fresh state around a backbone's parameters and statistics."""
        _, prototype_key, key = jax.random.split(jax.random.key(seed), 3)
        prototypes = self.head.init(prototype_key)
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            skipped=jnp.zeros((), jnp.int32),
            params=params,
            stats=stats,
            prototypes=prototypes,
            margin_stats=self.head.start(),
            opt_state=self.optimizer.init(
                {"backbone": params, "prototypes": prototypes}
            ),
            average=self.first_average(params, stats),
            loss_scale=loss_scale.start() if self.scales_loss else None,
            key=key,
        )

    def first_average(self, params: Any, stats: Any) -> Any:
        """The running mean before the first step: a copy, as states are donated."""
        if not self.ema_decay:
            return None
        return jax.tree.map(jnp.array, {"params": params, "stats": stats})

    def step(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        """One update; none where the gradient is not finite.

        Args:
          state: donated where the caller's jit says so.
          batch: "image" uint8[B, S, S, 3], or in pairs [B, 2, S, S, 3], bare and
            masked; "label" int32[B] in 0..C−1, or −1 where it is not known, for
            which classification counts for nothing; and, for distillation, "target"
            float32[B, E].

        Returns:
          The new state, and scalars: loss, and its parts where there are others;
          accuracy, on the cosines before the margin; target_cosine, the mean cosine to
          the own prototype; gradient_norm; skipped, as in the state.
        """
        key = jax.random.fold_in(state.key, state.step)
        if self.axis_name is not None:
            key = jax.random.fold_in(key, jax.lax.axis_index(self.axis_name))
        gradients, (stats, margin_stats, metrics) = self._gradients(state, batch, key)
        if self.axis_name is not None:
            gradients, stats, margin_stats, metrics = jax.lax.pmean(
                (gradients, stats, margin_stats, metrics), self.axis_name
            )
        norm = optax.tree.norm(gradients)
        is_finite = jnp.isfinite(norm) & jnp.isfinite(metrics["loss"])
        trainable = {"backbone": state.params, "prototypes": state.prototypes}
        updates, opt_state = self.optimizer.update(
            gradients, state.opt_state, trainable
        )
        trainable = optax.apply_updates(trainable, updates)
        changed = dataclasses.replace(
            state,
            params=trainable["backbone"],
            stats=stats,
            prototypes=trainable["prototypes"],
            margin_stats=margin_stats,
            opt_state=opt_state,
        )
        if self.ema_decay:
            changed = dataclasses.replace(changed, average=self._averaged(changed))
        kept = jax.tree.map(lambda a, b: jnp.where(is_finite, a, b), changed, state)
        skipped = jnp.where(is_finite, 0, state.skipped + 1)
        state = dataclasses.replace(
            kept,
            step=state.step + 1,
            skipped=skipped,
            loss_scale=loss_scale.adjust(state.loss_scale, is_finite)
            if state.loss_scale is not None
            else None,
        )
        return state, {**metrics, "gradient_norm": norm, "skipped": skipped}

    def _gradients(self, state: TrainState, batch: Batch, key: jax.Array) -> Any:
        """Gradients of the mean loss, and (stats, margin_stats, metrics)."""
        factor = 1.0 if state.loss_scale is None else state.loss_scale.factor

        def loss_fn(trainable, stats, margin_stats, batch, key):
            dropout_key, head_key = jax.random.split(key)
            trainable = optim.without_gradient(trainable, self.freeze)
            images = batch["image"]
            # In pairs the two of a photo lie one after the other.
            of_each = images.shape[1] if images.ndim == 5 else 1
            embeddings, stats = self.backbone.apply(
                trainable["backbone"],
                stats,
                images.reshape(-1, *images.shape[-3:]),
                train=True,
                key=dropout_key,
            )
            labels = jnp.repeat(batch["label"], of_each)
            classified, margin_stats = self.head(
                embeddings, trainable["prototypes"], labels, margin_stats, head_key
            )
            # Means are over those whose person is known; the others have loss 0.
            is_known = labels >= 0
            known = jnp.maximum(jnp.mean(is_known), 1 / len(labels))
            is_right = is_known & (classified.own >= classified.top)
            parts = self.objective.parts(
                classified.loss / known,
                embeddings.reshape(-1, of_each, embeddings.shape[-1]),
                batch.get("target"),
            )
            loss = self.objective.total(parts)
            metrics = {
                "loss": loss,
                # Cosines may be fine where the logits are not.
                "accuracy": jnp.mean(is_right & jnp.isfinite(classified.loss)) / known,
                "target_cosine": jnp.where(is_known, classified.own, 0).mean() / known,
                **(parts if set(parts) != {"classification"} else {}),
            }
            return factor * loss, (stats, margin_stats, metrics)

        gradient_fn = jax.grad(loss_fn, has_aux=True)
        trainable = {"backbone": state.params, "prototypes": state.prototypes}
        before = (state.stats, state.margin_stats)
        if self.accumulate == 1:
            gradients, aux = gradient_fn(trainable, *before, batch, key)
        else:
            gradients, aux = self._accumulated(
                gradient_fn, trainable, before, batch, key
            )
        return jax.tree.map(lambda g: g / factor, gradients), aux

    def _accumulated(self, gradient_fn, trainable, before, batch, key) -> Any:
        """The mean over parts of the batch; each is spread over all devices."""

        def part(whole: jax.Array) -> jax.Array:
            split = whole.reshape(-1, self.accumulate, *whole.shape[1:])
            return jnp.swapaxes(split, 0, 1)

        def add(carry, part_and_key):
            total, before = carry
            gradients, (*after, metrics) = gradient_fn(
                trainable, *before, *part_and_key
            )
            total = jax.tree.map(jnp.add, total, gradients)
            return (total, tuple(after)), metrics

        zeros = jax.tree.map(jnp.zeros_like, trainable)
        parts = (jax.tree.map(part, batch), jax.random.split(key, self.accumulate))
        (total, after), metrics = jax.lax.scan(add, (zeros, before), parts)
        mean = jax.tree.map(lambda g: g / self.accumulate, total)
        return mean, (*after, jax.tree.map(jnp.mean, metrics))

    def _averaged(self, state: TrainState) -> Any:
        """The running mean after a step; the first steps count more."""
        step = state.step.astype(jnp.float32)
        decay = jnp.minimum(self.ema_decay, (1 + step) / (10 + step))
        now = {"params": state.params, "stats": state.stats}
        return optax.tree.update_moment(now, state.average, decay, 1)
