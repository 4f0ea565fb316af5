"""From cosines to margin logits.

Each function takes the cosines between embeddings and prototypes and gives logits for
a softmax cross-entropy; only the logit of the labelled class is changed. All accept
any leading axes, compute in float32, and raise ValueError for shapes and
hyper-parameters out of range, TypeError for labels that are not integers.

A label outside 0..C−1 names none of these classes: such a row gets no margin. So a
margin works alike on all classes, on a block of them and on one device's part; the
cross-entropies refuse such labels.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from maskarc import numerics
from maskarc.losses import labels as labels_lib


def cosine_logits(embeddings: ArrayLike, prototypes: ArrayLike) -> jax.Array:
    """Cosines between embeddings and class prototypes.

        cos θ[b, c] = ⟨x[b], w[c]⟩ / (‖x[b]‖ ‖w[c]‖)

    With K prototypes a class (sub-centres) the nearest one counts:
    cos θ[b, c] = max_k cos θ[b, c, k].

    Computed in float32 at the highest precision: bfloat16 would round a logit scaled
    by 64 to the next quarter. No normalised copy of the prototypes is made.

    Args:
      embeddings: float[..., D], of any length; a zero vector has cosine 0.
      prototypes: float[C, D] or float[C, K, D], of any length.

    Returns:
      float32[..., C] in [−1, 1] up to rounding.

    Raises:
      ValueError: the embedding sizes differ.

    >>> cosine_logits(jnp.array([[2.0, 0.0]]), jnp.array([[1.0, 0.0], [0.0, 5.0]]))
    Array([[1., 0.]], dtype=float32)

    References:
      Deng et al., "Sub-center ArcFace: Boosting Face Recognition by Large-Scale Noisy
      Web Faces", ECCV 2020, for K > 1.
    """
    check_prototypes(embeddings, prototypes)
    return unit_cosines(numerics.normalize(embeddings), prototypes)


def check_prototypes(embeddings: ArrayLike, prototypes: ArrayLike) -> None:
    """Raises ValueError unless the shapes are [..., D] and [C, D] or [C, K, D]."""
    x, w = jnp.shape(embeddings), jnp.shape(prototypes)
    if len(w) not in (2, 3) or 0 in w or x[-1:] != w[-1:]:
        raise ValueError(
            "expected embeddings [..., D] and prototypes [C, D] or [C, K, D], got "
            f"{x} and {w}"
        )


def unit_cosines(directions: jax.Array, prototypes: ArrayLike) -> jax.Array:
    """`cosine_logits` of embeddings that are float32 and of unit length already."""
    prototypes = numerics.widen(prototypes)
    *lead, size = directions.shape
    dots = jnp.einsum(
        "...d,cd->...c",
        directions,
        prototypes.reshape(-1, size),
        precision=jax.lax.Precision.HIGHEST,
    )
    dots = dots.reshape(*lead, *prototypes.shape[:-1])
    # Scaling the products instead of the prototypes saves a copy [C, D].
    scales = numerics.inverse_norm(prototypes)
    cosines = dots * jax.lax.broadcast_to_rank(scales, dots.ndim)
    return cosines if prototypes.ndim == 2 else cosines.max(axis=-1)


def target_cosines(cosines: ArrayLike, labels: ArrayLike) -> jax.Array:
    """The cosine to the own prototype, float32[...]; 0 for a label out of range."""
    cosines = numerics.widen(cosines)
    is_target = labels_lib.is_target(labels, cosines.shape[-1])
    return jnp.sum(jnp.where(is_target, cosines, 0), axis=-1)


def replace_target(
    cosines: ArrayLike,
    labels: ArrayLike,
    margin: Callable[[jax.Array], jax.Array],
    *,
    straight_through: bool = False,
) -> jax.Array:
    """Passes the cosine of the labelled class through a margin function.

    Args:
      cosines: float[..., C].
      labels: int[...].
      margin: float32[...] → float32[...], falling in θ.
      straight_through: whether the margin keeps the gradient of its argument.

    Returns:
      float32[..., C]: margin(cos θ) at the label, cos θ elsewhere.
    """
    cosines = numerics.widen(cosines)
    labels_lib.check(labels, cosines.shape[:-1])
    before = target_cosines(cosines, labels)
    after = margin(before)
    if straight_through:
        after = before + jax.lax.stop_gradient(after - before)
    is_target = labels_lib.is_target(labels, cosines.shape[-1])
    return jnp.where(is_target, after[..., None], cosines)


def add_angle(cosines: jax.Array, margin: ArrayLike) -> jax.Array:
    """cos(θ + m), and cos θ − m sin m where θ + m > π.

    Beyond θ + m = π the cosine would rise again; the second form goes on falling.

    Args:
      cosines: float32[...], cos θ.
      margin: m in radians, broadcast against the cosines.
    """
    margin = jnp.broadcast_to(jnp.asarray(margin, cosines.dtype), cosines.shape)
    beyond = cosines - margin * jnp.sin(margin)
    # θ + m ≤ π  ⇔  cos θ ≥ cos(π − m) = −cos m.
    is_within = cosines >= -jnp.cos(margin)
    return jnp.where(is_within, numerics.cosine_of_sum(cosines, margin), beyond)


def check_scale(scale: ArrayLike) -> None:
    """Raises ValueError for a number ≤ 0; arrays are trusted."""
    if isinstance(scale, int | float) and not 0 < scale < math.inf:
        raise ValueError(f"expected a scale > 0, got {scale}")


def check_margin(margin: ArrayLike, low: float, high: float) -> None:
    """Raises ValueError for a number outside [low, high); arrays are trusted."""
    if isinstance(margin, int | float) and not low <= margin < high:
        raise ValueError(f"expected a margin in [{low:g}, {high:g}), got {margin}")


def softmax_logits(
    embeddings: ArrayLike, prototypes: ArrayLike, bias: ArrayLike | None = None
) -> jax.Array:
    """The plain linear classifier, without normalisation or margin.

        logit[b, c] = ⟨x[b], w[c]⟩ + bias[c]

    Args:
      embeddings: float[..., D].
      prototypes: float[C, D].
      bias: float[C].

    Returns:
      float32[..., C].

    >>> softmax_logits(jnp.array([2.0, 1.0]), jnp.eye(2), jnp.array([0.0, 3.0]))
    Array([2., 4.], dtype=float32)
    """
    check_prototypes(embeddings, prototypes)
    logits = jnp.einsum(
        "...d,cd->...c",
        numerics.widen(embeddings),
        numerics.widen(prototypes),
        precision=jax.lax.Precision.HIGHEST,
    )
    if bias is None:
        return logits
    return logits + jax.lax.broadcast_to_rank(numerics.widen(bias), logits.ndim)


def norm_softmax_logits(
    cosines: ArrayLike, labels: ArrayLike, *, scale: float = 64.0
) -> jax.Array:
    """Scaled cosines without a margin.

        logit[b, c] = s · cos θ

    Args:
      cosines: float[..., C] in [−1, 1], from `cosine_logits`.
      labels: int[...]; checked, otherwise unused.
      scale: s > 0.

    Returns:
      float32[..., C].

    >>> norm_softmax_logits(jnp.array([[0.5, -0.5]]), jnp.array([0]), scale=2.0)
    Array([[ 1., -1.]], dtype=float32)

    References:
      Wang et al., "NormFace: L2 Hypersphere Embedding for Face Verification", ACM MM
      2017; the default s is ArcFace's.
    """
    check_scale(scale)
    cosines = numerics.widen(cosines)
    labels_lib.check(labels, cosines.shape[:-1])
    return scale * cosines


def sphereface_logits(
    cosines: ArrayLike,
    labels: ArrayLike,
    *,
    margin: float = 4.0,
    scale: ArrayLike = 64.0,
    blend: ArrayLike = 0.0,
) -> jax.Array:
    """A multiplicative angular margin.

        logit[b, c] = s · (ψ(mθ) + λ cos θ) / (1 + λ)   where c is the label
                      s · cos θ                         elsewhere
        ψ(φ) = (−1)^k cos φ − 2k,   k = ⌊φ / π⌋

    Args:
      cosines: float[..., C] in [−1, 1], from `cosine_logits`.
      labels: int[...] in 0..C−1.
      margin: m ≥ 1, an integer or not.
      scale: s > 0, or float[...] the lengths ‖x‖ of the embeddings, as in the paper.
      blend: λ ≥ 0. The paper starts at 1000 and anneals to 5.

    Returns:
      float32[..., C].

    >>> sphereface_logits(jnp.array([[0.0, 0.5]]), jnp.array([0]), margin=2, scale=1.0)
    Array([[-1. ,  0.5]], dtype=float32)

    References:
      Liu et al., "SphereFace: Deep Hypersphere Embedding for Face Recognition",
      CVPR 2017.
    """
    check_margin(margin, 1, math.inf)
    check_scale(scale)

    def turned(t):
        return (numerics.falling_cosine(t, factor=margin) + blend * t) / (1 + blend)

    return _scaled(scale, replace_target(cosines, labels, turned))


def _scaled(scale: ArrayLike, cosines: jax.Array) -> jax.Array:
    """Times a number or one number an example."""
    scale = jnp.asarray(scale, cosines.dtype)
    return cosines * (scale[..., None] if scale.ndim else scale)


def cosface_logits(
    cosines: ArrayLike,
    labels: ArrayLike,
    *,
    margin: ArrayLike = 0.35,
    scale: float = 64.0,
) -> jax.Array:
    """An additive cosine margin.

        logit[b, c] = s · (cos θ − m)   where c is the label
                      s · cos θ         elsewhere

    Args:
      cosines: float[..., C] in [−1, 1], from `cosine_logits`.
      labels: int[...] in 0..C−1.
      margin: m ≥ 0, or float[...] one an example.
      scale: s > 0.

    Returns:
      float32[..., C].

    >>> cosface_logits(jnp.array([[0.5, 0.5]]), jnp.array([0]), margin=0.25, scale=4.0)
    Array([[1., 2.]], dtype=float32)

    References:
      Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition",
      CVPR 2018.
    """
    check_margin(margin, 0, math.inf)
    check_scale(scale)
    return scale * replace_target(cosines, labels, lambda t: t - margin)


def arcface_logits(
    cosines: ArrayLike,
    labels: ArrayLike,
    *,
    margin: ArrayLike = 0.5,
    scale: float = 64.0,
    straight_through: bool = False,
) -> jax.Array:
    """An additive angular margin.

        logit[b, c] = s · cos(θ + m)           where c is the label and θ + m ≤ π
                      s · (cos θ − m sin m)    where c is the label and θ + m > π
                      s · cos θ                elsewhere

    Args:
      cosines: float[..., C] in [−1, 1], from `cosine_logits`.
      labels: int[...] in 0..C−1.
      margin: m in radians, in [0, π), or float[...] one an example.
      scale: s > 0, the radius of the hypersphere.
      straight_through: value of the margin, but gradient d logit / d cos θ = s for
        every class, as InsightFace's PyTorch code trains (it applies the margin under
        ``no_grad``).

    Returns:
      float32[..., C]. At |cos θ| = 1 value and gradient are finite.

    >>> arcface_logits(jnp.array([[0.5, 0.5]]), jnp.array([0]), scale=1.0)
    Array([[0.02359658, 0.5       ]], dtype=float32)

    References:
      Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition",
      CVPR 2019. The form for θ + m > π is that of its authors' code.
    """
    check_margin(margin, 0, math.pi)
    check_scale(scale)
    return scale * replace_target(
        cosines,
        labels,
        lambda t: add_angle(t, margin),
        straight_through=straight_through,
    )


def combined_logits(
    cosines: ArrayLike,
    labels: ArrayLike,
    *,
    m1: float = 1.0,
    m2: ArrayLike = 0.3,
    m3: ArrayLike = 0.2,
    scale: float = 64.0,
    straight_through: bool = False,
) -> jax.Array:
    """The margins of SphereFace, ArcFace and CosFace in one.

        logit[b, c] = s · (cos(m1 θ + m2) − m3)   where c is the label
                      s · cos θ                   elsewhere

    Beyond m1 θ + m2 = π the target goes on falling: for m1 = 1 as `arcface_logits`
    does, otherwise as SphereFace's ψ.

    Args:
      cosines: float[..., C] in [−1, 1], from `cosine_logits`.
      labels: int[...] in 0..C−1.
      m1: factor of the angle, ≥ 1, or down to 0 where the paper's grid wants it.
      m2: radians added to it, in [0, π), or float[...] one an example.
      m3: taken from the cosine, ≥ 0, or float[...] one an example.
      scale: s > 0.
      straight_through: as in `arcface_logits`.

    Returns:
      float32[..., C].

    >>> combined_logits(jnp.array([[0.5]]), jnp.array([0]), m2=0.0, m3=0.2, scale=1.0)
    Array([[0.3]], dtype=float32)

    References:
      Deng et al., ArcFace, equation 4; (1, 0.3, 0.2) is its combination "CM2".
    """
    if not 0 < m1 < math.inf:
        raise ValueError(f"expected m1 > 0, got {m1}")
    check_margin(m2, 0, math.pi)
    check_margin(m3, 0, math.inf)
    check_scale(scale)

    def turned(t):
        if m1 == 1:
            return add_angle(t, m2) - m3
        return numerics.falling_cosine(t, factor=m1, offset=m2) - m3

    return scale * replace_target(
        cosines, labels, turned, straight_through=straight_through
    )


def li_arcface_logits(
    cosines: ArrayLike,
    labels: ArrayLike,
    *,
    margin: ArrayLike = 0.45,
    scale: float = 64.0,
) -> jax.Array:
    """Logits linear in the angle, with an additive margin.

        logit[b, c] = s · (π − 2(θ + m)) / π   where c is the label
                      s · (π − 2θ) / π         elsewhere

    Linear, so it falls over the whole range without a special form.

    Args:
      cosines: float[..., C] in [−1, 1], from `cosine_logits`.
      labels: int[...] in 0..C−1.
      margin: m ≥ 0 in radians, or float[...] one an example.
      scale: s > 0.

    Returns:
      float32[..., C].

    >>> cosines, labels = jnp.array([[0.0, 1.0]]), jnp.array([1])
    >>> li_arcface_logits(cosines, labels, margin=0.0, scale=2.0)
    Array([[0., 2.]], dtype=float32)

    References:
      Li et al., "AirFace: Lightweight and Efficient Model for Face Recognition",
      ICCV Workshops 2019.
    """
    check_margin(margin, 0, math.inf)
    check_scale(scale)
    cosines = numerics.widen(cosines)
    linear = 1 - (2 / math.pi) * numerics.arccos(cosines)
    shift = jnp.asarray(margin, cosines.dtype) * (2 / math.pi)
    return scale * replace_target(linear, labels, lambda t: t - shift)
