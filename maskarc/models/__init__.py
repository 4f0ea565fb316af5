"""Backbones by name, met through pure functions.

backbone = models.create("resnet18", embed_dim=512)
params, stats = backbone.init(jax.random.key(0))
embeddings, _ = backbone.apply(params, stats, images)
"""

from maskarc.models.backbone import (
    MODELS,
    Backbone,
    create,
    options_of,
    preprocess,
)
from maskarc.models.pretrained import PRETRAINED, checked_file, load_pretrained

__all__ = [
    "MODELS",
    "PRETRAINED",
    "Backbone",
    "checked_file",
    "create",
    "load_pretrained",
    "options_of",
    "preprocess",
]
