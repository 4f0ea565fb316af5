"""Margins that adapt to the example or to the progress of training.

Running statistics are explicit: an update takes the old ones and gives the new ones,
the logits read them. They carry no gradient. Under `pmap` each device sees its own
batch: average the updated statistics with `jax.lax.pmean`.

Shapes, labels out of range and errors are those of `maskarc.losses.margins`.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from maskarc import numerics
from maskarc.losses import labels as labels_lib
from maskarc.losses import margins


def curricularface_update(
    progress: ArrayLike, target_cosines: ArrayLike, *, rate: float = 0.01
) -> jax.Array:
    """Moves CurricularFace's measure of progress towards the batch's mean cosine.

        t ← (1 − α) t + α · mean_b cos θ[b, y[b]]

    Args:
      progress: float[], t; 0 at the start of training.
      target_cosines: float[...], cosines to the own prototypes.
      rate: α.

    Returns:
      float32[], for `curricularface_logits` of the same batch and the next update; t
      where there is no example.

    >>> curricularface_update(0.0, jnp.array([0.2, 0.4]))
    Array(0.003, dtype=float32)
    """
    progress, cosines = numerics.widen(progress), numerics.widen(target_cosines)
    mean = cosines.mean() if cosines.size else progress
    return jax.lax.stop_gradient((1 - rate) * progress + rate * mean)


def curricularface_logits(
    cosines: ArrayLike,
    labels: ArrayLike,
    progress: ArrayLike,
    target_cosines: ArrayLike | None = None,
    *,
    margin: float = 0.5,
    scale: float = 64.0,
) -> jax.Array:
    """ArcFace's margin, and hard negatives that weigh more as training goes on.

        logit[b, c] = s · cos(θ_y + m)          where c is the label y
                      s · cos θ (t + cos θ)     where cos θ > cos(θ_y + m)
                      s · cos θ                 elsewhere

    Args:
      cosines: float[..., C] in [−1, 1], from `cosine_logits`.
      labels: int[...] in 0..C−1.
      progress: float[], t, from `curricularface_update`.
      target_cosines: float[...], cos θ_y; needed only where `cosines` hold a part of
        the classes (blocks, shards), otherwise read from them.
      margin: m in radians, in [0, π).
      scale: s > 0.

    Returns:
      float32[..., C].

    >>> cosines = jnp.array([[0.5, 0.9]])
    >>> curricularface_logits(cosines, jnp.array([0]), 0.1, margin=0.0, scale=1.0)
    Array([[0.5, 0.9]], dtype=float32)

    References:
      Huang et al., "CurricularFace: Adaptive Curriculum Learning Loss for Deep Face
      Recognition", CVPR 2020.
    """
    margins.check_margin(margin, 0, math.pi)
    margins.check_scale(scale)
    cosines = numerics.widen(cosines)
    labels_lib.check(labels, cosines.shape[:-1])
    if target_cosines is None:
        target_cosines = margins.target_cosines(cosines, labels)
    own = numerics.widen(target_cosines)
    # The comparison is with cos(θ_y + m) itself, also where θ_y + m > π.
    turned = numerics.cosine_of_sum(own, margin)
    t = jax.lax.stop_gradient(numerics.widen(progress))
    is_hard = cosines > turned[..., None]
    others = jnp.where(is_hard, cosines * (t + cosines), cosines)
    is_target = labels_lib.is_target(labels, cosines.shape[-1])
    return scale * jnp.where(
        is_target, margins.add_angle(own, margin)[..., None], others
    )


class NormStatistics(NamedTuple):
    """Running mean and standard deviation of embedding lengths, float32[] each."""

    mean: jax.Array
    deviation: jax.Array


def adaface_init() -> NormStatistics:
    """The statistics from which AdaFace's authors start: 20 and 100."""
    return NormStatistics(mean=jnp.float32(20), deviation=jnp.float32(100))


def adaface_update(
    statistics: NormStatistics, norms: ArrayLike, *, rate: float = 0.01
) -> NormStatistics:
    """Moves the statistics towards those of a batch.

        μ ← (1 − α) μ + α · mean(‖x‖),   σ ← (1 − α) σ + α · std(‖x‖)

    Args:
      statistics: the old ones.
      norms: float[...], lengths of the embeddings; taken within [0.001, 100]. One has
        no deviation and leaves σ as it is; none leaves both.
      rate: α.

    Returns:
      The new ones, for `adaface_logits` of the same batch and the next update.

    >>> adaface_update(adaface_init(), jnp.array([10.0, 12.0])).mean
    Array(19.91, dtype=float32)
    """
    norms = _bounded(norms)
    mean = norms.mean() if norms.size else statistics.mean
    deviation = norms.std(ddof=1) if norms.size > 1 else statistics.deviation
    return jax.lax.stop_gradient(
        NormStatistics(
            mean=(1 - rate) * statistics.mean + rate * mean,
            deviation=(1 - rate) * statistics.deviation + rate * deviation,
        )
    )


def adaface_logits(
    cosines: ArrayLike,
    labels: ArrayLike,
    norms: ArrayLike,
    statistics: NormStatistics,
    *,
    margin: float = 0.4,
    concentration: float = 0.333,
    scale: float = 64.0,
) -> jax.Array:
    """Margins by image quality, for which the embedding's length stands.

        ẑ = clip(h · (‖x‖ − μ) / σ, −1, 1)
        logit[b, c] = s · (cos(θ − m ẑ) − (m + m ẑ))   where c is the label
                      s · cos θ                        elsewhere

    θ − m ẑ is held in [0, π]. Long embeddings (ẑ = 1) get a margin in the cosine, short
    ones (ẑ = −1) ArcFace's in the angle.

    Args:
      cosines: float[..., C] in [−1, 1], from `cosine_logits`.
      labels: int[...] in 0..C−1.
      norms: float[...], lengths of the embeddings; they carry no gradient.
      statistics: from `adaface_update`.
      margin: m in radians, in [0, π).
      concentration: h > 0.
      scale: s > 0.

    Returns:
      float32[..., C].

    >>> statistics = NormStatistics(jnp.float32(20), jnp.float32(1))
    >>> cosines, labels, norms = jnp.array([[0.5]]), jnp.array([0]), jnp.array([20.0])
    >>> adaface_logits(cosines, labels, norms, statistics, margin=0.25, scale=1.0)
    Array([[0.25]], dtype=float32)

    References:
      Kim et al., "AdaFace: Quality Adaptive Margin for Face Recognition", CVPR 2022.
    """
    margins.check_margin(margin, 0, math.pi)
    margins.check_scale(scale)
    mean, deviation = jax.lax.stop_gradient(statistics)
    quality = (_bounded(norms) - mean) / (deviation + 1e-3)
    quality = jnp.clip(quality * concentration, -1, 1)

    def turned(t):
        angle = -margin * quality
        turned = numerics.cosine_of_sum(t, angle)
        # θ + angle below 0 or above π.
        turned = jnp.where((angle < 0) & (t > jnp.cos(angle)), 1, turned)
        turned = jnp.where((angle > 0) & (t < -jnp.cos(angle)), -1, turned)
        return turned - (margin + margin * quality)

    return scale * margins.replace_target(cosines, labels, turned)


def _bounded(norms: ArrayLike) -> jax.Array:
    return jax.lax.stop_gradient(jnp.clip(numerics.widen(norms), 0.001, 100))


def magface_margins(
    norms: ArrayLike,
    *,
    low: float = 10.0,
    high: float = 110.0,
    low_margin: float = 0.45,
    high_margin: float = 0.8,
) -> jax.Array:
    """MagFace's margins: linear in the embedding's length, with its gradient.

        m(a) = m_l + (m_u − m_l) · (a − a_l) / (a_u − a_l),   a = clip(‖x‖, a_l, a_u)

    Args:
      norms: float[...], lengths of the embeddings.
      low, high: a_l and a_u.
      low_margin, high_margin: m_l and m_u in radians.

    Returns:
      float32[...], radians.

    >>> magface_margins(jnp.array([10.0, 60.0, 500.0]))
    Array([0.45 , 0.625, 0.8  ], dtype=float32)
    """
    length = jnp.clip(numerics.widen(norms), low, high)
    return low_margin + (high_margin - low_margin) / (high - low) * (length - low)


def magface_logits(
    cosines: ArrayLike,
    labels: ArrayLike,
    norms: ArrayLike,
    *,
    low: float = 10.0,
    high: float = 110.0,
    low_margin: float = 0.45,
    high_margin: float = 0.8,
    scale: float = 64.0,
) -> jax.Array:
    """ArcFace with a margin that grows with the embedding's length.

    Add 35 · `magface_regularizer(norms)` to the loss, as the paper does: without it
    nothing lengthens the embeddings.

    Args:
      cosines: float[..., C] in [−1, 1], from `cosine_logits`.
      labels: int[...] in 0..C−1.
      norms: float[...], lengths of the embeddings; gradient flows through them.
      low, high, low_margin, high_margin: see `magface_margins`.
      scale: s > 0.

    Returns:
      float32[..., C].

    >>> cosines, labels = jnp.array([[1.0, 0.5]]), jnp.array([0])
    >>> logits = magface_logits(cosines, labels, jnp.array([10.0]), scale=1.0)
    >>> [f"{logit:.3f}" for logit in logits[0]]
    ['0.900', '0.500']

    References:
      Meng et al., "MagFace: A Universal Representation for Face Recognition and
      Quality Assessment", CVPR 2021.
    """
    margin = magface_margins(
        norms, low=low, high=high, low_margin=low_margin, high_margin=high_margin
    )
    return margins.arcface_logits(cosines, labels, margin=margin, scale=scale)


def magface_regularizer(
    norms: ArrayLike, *, low: float = 10.0, high: float = 110.0
) -> jax.Array:
    """Falls with the embedding's length up to a_u.

        g(a) = a / a_u² + 1 / a,   a = clip(‖x‖, a_l, a_u)

    Args:
      norms: float[...], lengths of the embeddings.
      low, high: a_l and a_u.

    Returns:
      float32[...].

    >>> magface_regularizer(jnp.array([10.0, 100.0])).round(4)
    Array([0.1008, 0.0183], dtype=float32)
    """
    length = jnp.clip(numerics.widen(norms), low, high)
    return length / high**2 + 1 / length


def elastic_margins(
    key: jax.Array,
    shape: tuple[int, ...],
    *,
    margin: float = 0.5,
    deviation: float = 0.0125,
    target_cosines: ArrayLike | None = None,
) -> jax.Array:
    """Random margins, one an example: N(m, σ²).

    Use them as the margin of `arcface_logits` (ElasticFace-Arc) or, with margin=0.35,
    of `cosface_logits` (ElasticFace-Cos).

    Args:
      key: a jax key, new for every step.
      shape: of the labels.
      margin: m.
      deviation: σ; the paper takes 0.0125 for both, and 0.0175 (Arc) or 0.025 (Cos)
        for the variant "+".
      target_cosines: float[shape]; makes it ElasticFace+: the draws are handed out so
        that the farther an example is from its prototype, the larger its margin. The
        authors' code means to do so, but indexes with a permutation where it needs its
        inverse.

    Returns:
      float32[shape].

    >>> elastic_margins(jax.random.key(0), (2,), deviation=0.0)
    Array([0.5, 0.5], dtype=float32)

    References:
      Boutros et al., "ElasticFace: Elastic Margin Loss for Deep Face Recognition",
      CVPR Workshops 2022.
    """
    draws = margin + deviation * jax.random.normal(key, shape)
    if target_cosines is None:
        return draws
    if jnp.shape(target_cosines) != shape:
        raise ValueError(
            f"expected target cosines {shape}, got {jnp.shape(target_cosines)}"
        )
    descending = -numerics.widen(target_cosines).reshape(-1)
    rank = jnp.argsort(jnp.argsort(descending))
    return jnp.sort(draws.reshape(-1))[rank].reshape(shape)
