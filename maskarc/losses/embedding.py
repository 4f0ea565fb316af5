"""Losses on embeddings and prototypes themselves, one value an example.

They are added to a classification loss, or replace it. All accept any leading axes
unless they say otherwise, also of length 0, compute in float32, and raise ValueError
for shapes that do not match.
"""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from maskarc import numerics
from maskarc.losses import labels as labels_lib
from maskarc.losses import margins


def _same_shape(**arrays: ArrayLike) -> None:
    shapes = {name: jnp.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"expected arrays of one shape, got {shapes}")


def pair_cosines(first: ArrayLike, second: ArrayLike) -> jax.Array:
    """Cosine of each embedding to its partner, float32[...] of two float[..., D].

    >>> pair_cosines(jnp.array([3.0, 0.0]), jnp.array([0.0, 1.0]))
    Array(0., dtype=float32)
    """
    _same_shape(first=first, second=second)
    return jnp.sum(numerics.normalize(first) * numerics.normalize(second), axis=-1)


def intra_loss(cosines: ArrayLike, labels: ArrayLike) -> jax.Array:
    """Pulls embeddings to their prototypes.

        ℓ[b] = θ[b, y[b]] / π

    Args:
      cosines: float[..., C], from `cosine_logits`.
      labels: int[...] in 0..C−1.

    Returns:
      float32[...] in [0, 1].

    >>> intra_loss(jnp.array([[0.0, 1.0]]), jnp.array([0]))
    Array([0.5], dtype=float32)

    References:
      Deng et al., "ArcFace", CVPR 2019, equation 5.
    """
    labels_lib.check(labels, jnp.shape(cosines)[:-1])
    labels_lib.check_range(labels, jnp.shape(cosines)[-1])
    return numerics.arccos(margins.target_cosines(cosines, labels)) / math.pi


def inter_loss(prototypes: ArrayLike, labels: ArrayLike) -> jax.Array:
    """Pushes the prototypes of the batch's classes away from all others.

        ℓ[b] = −1 / (π (C − 1)) · Σ_{c ≠ y[b]} arccos ⟨w[y[b]], w[c]⟩

    Args:
      prototypes: float[C, D], C ≥ 2.
      labels: int[...] in 0..C−1.

    Returns:
      float32[...] in [−1, 0].

    >>> inter_loss(jnp.eye(3), jnp.array([0]))
    Array([-0.5], dtype=float32)

    References:
      Deng et al., "ArcFace", CVPR 2019, equation 6.
    """
    prototypes = numerics.widen(prototypes)
    labels_lib.check(labels, jnp.shape(labels))
    if prototypes.ndim != 2 or len(prototypes) < 2:
        raise ValueError(f"expected prototypes [C ≥ 2, D], got {prototypes.shape}")
    labels_lib.check_range(labels, len(prototypes))
    own = jnp.take(prototypes, jnp.asarray(labels), axis=0, mode="clip")
    angles = numerics.arccos(margins.cosine_logits(own, prototypes))
    is_own = labels_lib.is_target(labels, len(prototypes))
    total = jnp.sum(jnp.where(is_own, 0, angles), axis=-1)
    return -total / (math.pi * (len(prototypes) - 1))


def angular_triplet_loss(
    anchors: ArrayLike,
    positives: ArrayLike,
    negatives: ArrayLike,
    *,
    margin: float = 0.35,
) -> jax.Array:
    """Wants the positive nearer than the negative, by a margin in the angle.

        ℓ = max(0, θ(anchor, positive) + m − θ(anchor, negative))

    Args:
      anchors, positives, negatives: float[..., D].
      margin: m in radians.

    Returns:
      float32[...].

    >>> angular_triplet_loss(jnp.eye(2)[0], jnp.eye(2)[0], jnp.eye(2)[1])
    Array(0., dtype=float32)

    References:
      Deng et al., "ArcFace", CVPR 2019, section 2.3; 0.35 is its setting.
    """
    near = numerics.arccos(pair_cosines(anchors, positives))
    far = numerics.arccos(pair_cosines(anchors, negatives))
    return jnp.maximum(near + margin - far, 0)


def batch_hard_triplet_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    margin: float | None = 0.2,
    normalize: bool = True,
) -> jax.Array:
    """The triplet loss of each example with its hardest partners in the batch.

        ℓ[i] = max(0, m + max_{y[j] = y[i]} d[i, j] − min_{y[j] ≠ y[i]} d[i, j])
        d[i, j] = ‖x[i] − x[j]‖

    Args:
      embeddings: float[B, D]; use `jax.vmap` for more axes.
      labels: int[B], of any value.
      margin: m, or None for the soft margin log(1 + exp(·)).
      normalize: whether to compare directions, whose distances lie in [0, 2].

    Returns:
      float32[B]; 0 for an example without another of its class, or of another class.

    >>> x = jnp.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    >>> batch_hard_triplet_loss(x, jnp.array([0, 0, 1]), margin=0.0).round(2)
    Array([0., 0., 0.], dtype=float32)

    References:
      Hermans et al., "In Defense of the Triplet Loss for Person Re-Identification",
      2017.
    """
    if jnp.ndim(embeddings) != 2:
        raise ValueError(f"expected embeddings [B, D], got {jnp.shape(embeddings)}")
    labels_lib.check(labels, jnp.shape(embeddings)[:1])
    labels = jnp.asarray(labels)
    x = numerics.normalize(embeddings) if normalize else numerics.widen(embeddings)
    distances = _distances(x)
    is_same = labels[:, None] == labels[None, :]
    is_self = jnp.eye(len(labels), dtype=bool)
    others = jnp.where(is_same & ~is_self, distances, -jnp.inf)
    farthest = jnp.max(others, axis=1, initial=-jnp.inf)
    nearest = jnp.min(jnp.where(is_same, jnp.inf, distances), axis=1, initial=jnp.inf)
    is_complete = jnp.isfinite(farthest) & jnp.isfinite(nearest)
    gap = jnp.where(is_complete, farthest, 0) - jnp.where(is_complete, nearest, 0)
    loss = jax.nn.softplus(gap) if margin is None else jnp.maximum(gap + margin, 0)
    return jnp.where(is_complete, loss, 0)


def _distances(x: jax.Array) -> jax.Array:
    """Euclidean distances [B, B] of the rows, with a finite gradient at 0."""
    products = jnp.matmul(x, x.T, precision=jax.lax.Precision.HIGHEST)
    squares = jnp.diagonal(products)
    squared = squares[:, None] + squares[None, :] - 2 * products
    is_positive = squared > 1e-12
    return jnp.where(is_positive, jnp.sqrt(jnp.where(is_positive, squared, 1)), 0)


def center_loss(
    embeddings: ArrayLike, centers: ArrayLike, labels: ArrayLike
) -> jax.Array:
    """Half the squared distance to the own centre.

        ℓ[b] = ½ ‖x[b] − c[y[b]]‖²

    Centres are not trained by gradient, they move by `update_centers`.

    Args:
      embeddings: float[..., D].
      centers: float[C, D].
      labels: int[...] in 0..C−1. Outside `jax.jit`, another value is an error; inside,
        such an example has loss 0.

    Returns:
      float32[...].

    >>> center_loss(jnp.array([[1.0, 2.0]]), jnp.zeros((3, 2)), jnp.array([1]))
    Array([2.5], dtype=float32)

    References:
      Wen et al., "A Discriminative Feature Learning Approach for Deep Face
      Recognition", ECCV 2016.
    """
    offset, is_known = _offsets(embeddings, centers, labels)
    return jnp.where(is_known, 0.5 * jnp.sum(offset * offset, axis=-1), 0)


def update_centers(
    embeddings: ArrayLike,
    centers: ArrayLike,
    labels: ArrayLike,
    *,
    rate: float = 0.5,
) -> jax.Array:
    """Moves each centre towards the batch's examples of its class.

        c[k] ← c[k] + α · Σ_{y[b] = k} (x[b] − c[k]) / (1 + |{b: y[b] = k}|)

    Args:
      embeddings: float[..., D]; they carry no gradient.
      centers: float[C, D].
      labels: int[...] in 0..C−1; as in `center_loss`, unknown ones are left out.
      rate: α in (0, 1].

    Returns:
      The new centres, of the dtype of the old ones.

    >>> update_centers(jnp.array([[2.0]]), jnp.zeros((2, 1)), jnp.array([0])).tolist()
    [[0.5], [0.0]]
    """
    offset, is_known = _offsets(embeddings, centers, labels)
    centers = jnp.asarray(centers)
    num_classes, size = centers.shape
    # The first index beyond the end is dropped; −1 would count from the end.
    rows = jnp.where(is_known, labels_lib.as_signed(labels), num_classes).reshape(-1)
    offset = jax.lax.stop_gradient(offset).reshape(-1, size)
    total = jnp.zeros((num_classes, size)).at[rows].add(offset, mode="drop")
    count = jnp.zeros(num_classes).at[rows].add(1, mode="drop")
    moved = numerics.widen(centers) + rate * total / (1 + count)[:, None]
    return jax.lax.stop_gradient(moved).astype(centers.dtype)


def _offsets(embeddings, centers, labels) -> tuple[jax.Array, jax.Array]:
    """x − c[y] float32[..., D], and whether y is in range bool[...]."""
    if jnp.ndim(centers) != 2 or jnp.shape(centers)[1:] != jnp.shape(embeddings)[-1:]:
        raise ValueError(
            "expected embeddings [..., D] and centers [C, D], got "
            f"{jnp.shape(embeddings)} and {jnp.shape(centers)}"
        )
    num_classes = jnp.shape(centers)[0]
    labels_lib.check(labels, jnp.shape(embeddings)[:-1])
    labels_lib.check_range(labels, num_classes)
    own = jnp.take(jnp.asarray(centers), jnp.asarray(labels), axis=0, mode="clip")
    offset = numerics.widen(embeddings) - jax.lax.stop_gradient(numerics.widen(own))
    return offset, labels_lib.is_valid(labels, num_classes)


def mask_consistency_loss(bare: ArrayLike, masked: ArrayLike) -> jax.Array:
    """Wants a photo with and without a mask to have one embedding.

        ℓ[b] = 1 − cos(x_bare[b], x_masked[b])

    Args:
      bare, masked: float[..., D], embeddings of the same photos. Stop the gradient of
        one to move the other alone.

    Returns:
      float32[...] in [0, 2].

    >>> mask_consistency_loss(jnp.array([1.0, 0.0]), jnp.array([0.0, 2.0]))
    Array(1., dtype=float32)
    """
    return 1 - pair_cosines(bare, masked)


def condition_cosines(
    embeddings: ArrayLike, prototypes: ArrayLike, conditions: ArrayLike
) -> jax.Array:
    """Cosines to the prototypes of each example's own condition.

    With two prototypes a class, one for bare faces and one for masked ones, each
    example is classified among those of its kind; `prototype_consistency_loss` ties
    the two together.

    Args:
      embeddings: float[..., D].
      prototypes: float[C, K, D], K conditions.
      conditions: int[...] in 0..K−1, such as 1 where a mask is worn. Another value
        gives cosines of 0.

    Returns:
      float32[..., C], for any margin.

    >>> bare_and_masked = jnp.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> condition_cosines(jnp.array([[0.0, 2.0]]), bare_and_masked, jnp.array([1]))
    Array([[1.]], dtype=float32)
    """
    if jnp.ndim(prototypes) != 3:
        raise ValueError(f"expected prototypes [C, K, D], got {jnp.shape(prototypes)}")
    labels_lib.check(conditions, jnp.shape(embeddings)[:-1])
    num_classes, num_conditions, size = jnp.shape(prototypes)
    flat = jnp.reshape(prototypes, (-1, size))
    cosines = margins.cosine_logits(embeddings, flat)
    cosines = cosines.reshape(*cosines.shape[:-1], num_classes, num_conditions)
    is_own = labels_lib.is_target(conditions, num_conditions)
    return jnp.sum(jnp.where(is_own[..., None, :], cosines, 0), axis=-1)


def prototype_consistency_loss(prototypes: ArrayLike) -> jax.Array:
    """1 − cos between the two prototypes of each class.

    Args:
      prototypes: float[C, 2, D].

    Returns:
      float32[C] in [0, 2].

    >>> prototype_consistency_loss(jnp.array([[[1.0, 0.0], [0.0, 1.0]]]))
    Array([1.], dtype=float32)
    """
    prototypes = jnp.asarray(prototypes)
    if prototypes.ndim != 3 or prototypes.shape[1] != 2:
        raise ValueError(f"expected prototypes [C, 2, D], got {prototypes.shape}")
    return mask_consistency_loss(prototypes[:, 0], prototypes[:, 1])


def distillation_loss(student: ArrayLike, teacher: ArrayLike) -> jax.Array:
    """Wants the student's embedding to point where the frozen teacher's does.

        ℓ[b] = ½ ‖x_s / ‖x_s‖ − x_t / ‖x_t‖‖² = 1 − cos(x_s, x_t)

    For masked faces, show the teacher the bare photo and the student the masked one.

    Args:
      student: float[..., D].
      teacher: float[..., D], without gradient; project one of them if sizes differ.

    Returns:
      float32[...] in [0, 2].

    >>> distillation_loss(jnp.array([1.0, 0.0]), jnp.array([5.0, 0.0]))
    Array(0., dtype=float32)

    References:
      Huber et al., "Mask-invariant Face Recognition through Template-level Knowledge
      Distillation", FG 2021.
    """
    return 1 - pair_cosines(student, jax.lax.stop_gradient(teacher))


def similarity_distillation_loss(
    student: ArrayLike, teacher: ArrayLike, *, where: ArrayLike | None = None
) -> jax.Array:
    """Wants the batch's similarities to be the teacher's; sizes may differ.

        ℓ[i] = mean_{j ≠ i} (cos(s[i], s[j]) − cos(t[i], t[j]))²

    Args:
      student: float[B, D]; use `jax.vmap` for more axes.
      teacher: float[B, E], without gradient.
      where: bool[B], of which examples the teacher has something to say; the others
        are compared with none, and have loss 0.

    Returns:
      float32[B]; 0 for an example that is compared with none.

    >>> similarity_distillation_loss(jnp.eye(2), jnp.ones((2, 3))).round(3)
    Array([1., 1.], dtype=float32)

    References:
      Tung and Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019.
    """
    shapes = jnp.shape(student), jnp.shape(teacher)
    if len(shapes[0]) != 2 or len(shapes[1]) != 2 or shapes[0][0] != shapes[1][0]:
        raise ValueError(f"expected student [B, D] and teacher [B, E], got {shapes}")
    teacher = jax.lax.stop_gradient(jnp.asarray(teacher))
    gap = _similarities(student) - _similarities(teacher)
    is_compared = ~jnp.eye(len(gap), dtype=bool)
    if where is not None:
        is_compared &= jnp.asarray(where)[:, None] & jnp.asarray(where)[None, :]
    total = jnp.sum(jnp.where(is_compared, gap * gap, 0), axis=1)
    return total / jnp.maximum(is_compared.sum(axis=1), 1)


def _similarities(embeddings: ArrayLike) -> jax.Array:
    """Cosines [B, B] of the rows, also of none."""
    return margins.unit_cosines(numerics.normalize(embeddings), embeddings)
