"""Margin losses for embeddings: pure functions that need jax and nothing else.

cosines = losses.cosine_logits(embeddings, prototypes)
logits = losses.arcface_logits(cosines, labels)
loss = losses.softmax_cross_entropy(logits, labels).mean()
"""

from maskarc.losses.adaptive import (
    NormStatistics,
    adaface_init,
    adaface_logits,
    adaface_update,
    curricularface_logits,
    curricularface_update,
    elastic_margins,
    magface_logits,
    magface_margins,
    magface_regularizer,
)
from maskarc.losses.blockwise import (
    Classified,
    blockwise_cross_entropy,
    label_cosines,
)
from maskarc.losses.cross_entropy import softmax_cross_entropy
from maskarc.losses.embedding import (
    angular_triplet_loss,
    batch_hard_triplet_loss,
    center_loss,
    condition_cosines,
    distillation_loss,
    inter_loss,
    intra_loss,
    mask_consistency_loss,
    pair_cosines,
    prototype_consistency_loss,
    similarity_distillation_loss,
    update_centers,
)
from maskarc.losses.fused_sgd import HeadUpdate, blockwise_sgd
from maskarc.losses.labels import is_target
from maskarc.losses.margins import (
    arcface_logits,
    combined_logits,
    cosface_logits,
    cosine_logits,
    li_arcface_logits,
    norm_softmax_logits,
    softmax_logits,
    sphereface_logits,
    target_cosines,
)
from maskarc.losses.sampling import sample_classes, sampled_cross_entropy

__all__ = [
    "Classified",
    "HeadUpdate",
    "NormStatistics",
    "adaface_init",
    "adaface_logits",
    "adaface_update",
    "angular_triplet_loss",
    "arcface_logits",
    "batch_hard_triplet_loss",
    "blockwise_cross_entropy",
    "blockwise_sgd",
    "center_loss",
    "combined_logits",
    "condition_cosines",
    "cosface_logits",
    "cosine_logits",
    "curricularface_logits",
    "curricularface_update",
    "distillation_loss",
    "elastic_margins",
    "inter_loss",
    "intra_loss",
    "is_target",
    "label_cosines",
    "li_arcface_logits",
    "magface_logits",
    "magface_margins",
    "magface_regularizer",
    "mask_consistency_loss",
    "norm_softmax_logits",
    "pair_cosines",
    "prototype_consistency_loss",
    "sample_classes",
    "sampled_cross_entropy",
    "similarity_distillation_loss",
    "softmax_cross_entropy",
    "softmax_logits",
    "sphereface_logits",
    "target_cosines",
    "update_centers",
]
