"""Scored pairs made by a known rule, for the tests of the statistics."""

import numpy as np

from maskarc.evaluation import scored


def scored_pairs(similarities, is_same, people=None, fold=None, condition="bare-bare"):
    """Every pair of two people of its own, unless said otherwise."""
    count = len(similarities)
    is_same = np.asarray(is_same, bool)
    if people is None:
        people = np.arange(2 * count).reshape(count, 2)
        people[is_same, 1] = people[is_same, 0]
    names = np.array([f"{a}/{i}.jpg" for i, a in enumerate(people[:, 0])])
    return scored.ScoredPairs(
        pair=np.arange(count),
        first=names,
        second=np.array([f"{b}/{i}_2.jpg" for i, b in enumerate(people[:, 1])]),
        people=np.asarray(people),
        is_same=is_same,
        fold=np.zeros(count, int) if fold is None else np.asarray(fold),
        similarity=np.asarray(similarities, np.float32),
        failed=np.zeros(count, bool),
        labels={"condition": np.full(count, condition)},
    )


def noisy_scores(count, *, seed=0, shift=0.4, digits=None):
    """similarities float32[count] and is_same, which overlap."""
    rng = np.random.default_rng(seed)
    is_same = rng.random(count) < 0.5
    similarities = np.where(is_same, shift, 0) + 0.2 * rng.standard_normal(count)
    if digits is not None:
        similarities = similarities.round(digits)
    return similarities.astype(np.float32), is_same
