"""From cosines to margin logits.

Each function takes the cosines between embeddings and prototypes and gives logits for
a softmax cross-entropy; only the logit of the labelled class is changed.
"""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from maskarc import numerics


def cosine_logits(embeddings: ArrayLike, prototypes: ArrayLike) -> jax.Array:
    """Cosines between embeddings and class prototypes.

        cos θ[b, c] = ⟨x[b], w[c]⟩ / (‖x[b]‖ ‖w[c]‖)

    Both are normalised and multiplied in float32 at the highest precision: bfloat16
    would round a logit scaled by 64 to the next quarter.

    Args:
      embeddings: float[..., D], of any length; a zero vector has cosine 0.
      prototypes: float[C, D], of any length.

    Returns:
      float32[..., C] in [−1, 1] up to rounding.

    Raises:
      ValueError: the embedding sizes differ.

    >>> cosine_logits(jnp.array([[2.0, 0.0]]), jnp.array([[1.0, 0.0], [0.0, 5.0]]))
    Array([[1., 0.]], dtype=float32)
    """
    if jnp.ndim(prototypes) != 2 or jnp.shape(embeddings)[-1:] != (
        jnp.shape(prototypes)[-1],
    ):
        raise ValueError(
            "expected embeddings [..., D] and prototypes [C, D], got "
            f"{jnp.shape(embeddings)} and {jnp.shape(prototypes)}"
        )
    return jnp.einsum(
        "...d,cd->...c",
        numerics.normalize(embeddings),
        numerics.normalize(prototypes),
        precision=jax.lax.Precision.HIGHEST,
    )


def is_target(labels: ArrayLike, num_classes: int) -> jax.Array:
    """bool[..., C], true at each label; all false for a label outside 0..C−1.

    A comparison, not a gather: it stays local where the class axis is sharded.
    """
    labels = jnp.asarray(labels)[..., None]
    classes = jax.lax.broadcasted_iota(
        jnp.int32, (*labels.shape[:-1], num_classes), labels.ndim - 1
    )
    return labels == classes


def arcface_logits(
    cosines: ArrayLike,
    labels: ArrayLike,
    *,
    margin: float = 0.5,
    scale: float = 64.0,
    straight_through: bool = False,
) -> jax.Array:
    """Adds an angular margin to the labelled class.

        logit[b, c] = s · cos(θ + m)   where c is the label and θ + m ≤ π
                      s · (cos θ − m sin m)   where c is the label and θ + m > π
                      s · cos θ        elsewhere

    cos(θ + m) = cos θ cos m − sin θ sin m, so no arccos is taken, whose gradient is
    infinite at ±1. Beyond θ + m = π the cosine would rise again; the second line
    keeps the target logit falling in θ.

    Args:
      cosines: float[..., C] in [−1, 1], from `cosine_logits`.
      labels: int[...] in 0..C−1. Any other value marks no class: such a row gets no
        margin.
      margin: m in radians, in [0, π).
      scale: s > 0, the radius of the hypersphere.
      straight_through: value of the margin, but gradient d logit / d cos θ = s for
        every class, as InsightFace's PyTorch code trains (it applies the margin under
        ``no_grad``).

    Returns:
      float32[..., C]. At |cos θ| = 1 value and gradient are finite.

    Raises:
      ValueError: margin or scale outside their range, or shapes that do not match.

    >>> arcface_logits(jnp.array([[0.5, 0.5]]), jnp.array([0]), scale=1.0)
    Array([[0.02359658, 0.5       ]], dtype=float32)

    References:
      Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition",
      CVPR 2019.
    """
    if not 0.0 <= margin < math.pi or not scale > 0.0:
        raise ValueError(
            f"expected 0 ≤ margin < π and scale > 0, got {margin} and {scale}"
        )
    if jnp.shape(labels) != jnp.shape(cosines)[:-1]:
        raise ValueError(
            "expected cosines [..., C] and labels [...], got "
            f"{jnp.shape(cosines)} and {jnp.shape(labels)}"
        )
    cosines = numerics.widen(cosines)
    cos_m, sin_m = math.cos(margin), math.sin(margin)
    turned = cosines * cos_m - numerics.sine_of_arccos(cosines) * sin_m
    # θ + m ≤ π  ⇔  cos θ ≥ cos(π − m) = −cos m.
    target = jnp.where(cosines >= -cos_m, turned, cosines - margin * sin_m)
    if straight_through:
        target = cosines + jax.lax.stop_gradient(target - cosines)
    is_label = is_target(labels, cosines.shape[-1])
    return scale * jnp.where(is_label, target, cosines)
