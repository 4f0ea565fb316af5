"""The parts of the loss, against NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from maskarc.train import config, objective


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((5, 2, 8)).astype(np.float32)
    targets = unit(rng.standard_normal((5, 8))).astype(np.float32)
    return rng.random(10).astype(np.float32), embeddings, targets


def parts_of(arrays, **weights):
    classified, embeddings, targets = map(jnp.asarray, arrays)
    made = objective.Objective(**{"classification": 0.0, **weights})
    parts = made.parts(classified, embeddings, targets)
    return {name: float(value) for name, value in parts.items()}, float(
        made.total(parts)
    )


def test_parts_are_the_losses_means_and_the_total_their_weighted_sum(arrays):
    classified, embeddings, targets = arrays
    bare, masked = unit(embeddings[:, 0]), unit(embeddings[:, 1])
    apart = 1 - np.einsum("bkd,bd->bk", unit(embeddings), targets)
    off = ~np.eye(5, dtype=bool)
    of_teacher = targets @ targets.T
    gaps = [((x @ x.T - of_teacher) ** 2)[off].mean() for x in (bare, masked)]
    expected = {
        "classification": classified.mean(),
        "consistency": 1 - (bare * masked).sum(axis=1).mean(),
        "distillation": apart.mean(),
        "similarity_distillation": np.mean(gaps),
    }
    weights = dict(zip(expected, (1.0, 0.5, 20.0, 3.0), strict=True))
    parts, total = parts_of(arrays, **weights)
    assert parts == pytest.approx(expected, rel=1e-5)
    assert total == pytest.approx(sum(weights[n] * expected[n] for n in expected), 1e-5)


def test_parts_without_weight_are_left_out(arrays):
    parts, total = parts_of(arrays, consistency=2.0)
    assert set(parts) == {"consistency"} and total == 2 * parts["consistency"]


def test_photos_without_a_target_teach_nothing(arrays):
    classified, embeddings, targets = arrays
    all_taught, _ = parts_of(arrays, distillation=1.0)
    targets[3:] = 0
    some, _ = parts_of((classified, embeddings, targets), distillation=1.0)
    kept, _ = parts_of((classified, embeddings[:3], targets[:3]), distillation=1.0)
    assert some["distillation"] == pytest.approx(0.6 * kept["distillation"], rel=1e-5)
    assert some["distillation"] < all_taught["distillation"]
    some, _ = parts_of((classified, embeddings, targets), similarity_distillation=1.0)
    kept, _ = parts_of(
        (classified, embeddings[:3], targets[:3]), similarity_distillation=1.0
    )
    name = "similarity_distillation"
    assert some[name] == pytest.approx(0.6 * kept[name], rel=1e-5)


def test_distillation_needs_targets(arrays):
    classified, embeddings, _ = arrays
    with pytest.raises(ValueError, match="needs targets"):
        objective.Objective(distillation=1.0).parts(classified, embeddings, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"consistency": 1.0}, "pairs=True"),
        ({"distillation": 1.0}, "need a teacher"),
        ({"prototypes_from_teacher": True}, "need a teacher"),
        ({"classification": 0.0}, "a weight > 0 among"),
        (
            {"consistency": -1.0, "pairs": True},
            r"consistency: expected a number in \[0, inf\)",
        ),
    ],
)
def test_configurations_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        config.TrainConfig(**settings).validate()
