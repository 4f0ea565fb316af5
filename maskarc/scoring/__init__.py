"""Scores of any model on photos: pairs, conditions, galleries and templates."""

from maskarc.scoring.conditions import (
    embed,
    evaluate_conditions,
    identity,
    score_again,
)
from maskarc.scoring.folders import evaluate_pairs, identify_folder
from maskarc.scoring.galleries import identify_gallery
from maskarc.scoring.models import ModelChoice
from maskarc.scoring.templates import evaluate_ijb
from maskarc.scoring.thresholds import impostor_thresholds

__all__ = [
    "ModelChoice",
    "embed",
    "evaluate_conditions",
    "evaluate_ijb",
    "evaluate_pairs",
    "identify_folder",
    "identify_gallery",
    "identity",
    "impostor_thresholds",
    "score_again",
]
