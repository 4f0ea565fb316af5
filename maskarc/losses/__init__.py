"""Margin losses for embeddings: pure functions that need jax and nothing else.

cosines = losses.cosine_logits(embeddings, prototypes)
logits = losses.arcface_logits(cosines, labels)
loss = losses.softmax_cross_entropy(logits, labels).mean()
"""

from maskarc.losses.cross_entropy import softmax_cross_entropy
from maskarc.losses.margins import arcface_logits, cosine_logits, is_target

__all__ = ["arcface_logits", "cosine_logits", "is_target", "softmax_cross_entropy"]
