import pytest

from maskarc.ablation import worker


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], None),
        ([4.0], 4.0),
        ([9.0, 5.0, 3.0], 3.0),  # less than ten: the last
        ([*range(100, 80, -1)], (82 + 81) / 2),  # two of twenty
    ],
)
def test_train_loss_is_that_of_the_end(losses, expected, tmp_path):
    lines = [f"{step},{loss},0.5" for step, loss in enumerate(losses, start=1)]
    path = tmp_path / "metrics.csv"
    path.write_text("\n".join(["step,loss,accuracy", *lines]) + "\n")
    assert worker.train_loss(path) == expected


def test_train_loss_of_nothing(tmp_path):
    assert worker.train_loss(tmp_path / "metrics.csv") is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("too few\nphotos"), "ValueError: too few"),
        (KeyError(), "KeyError: no message"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: 9 GB asked"),
            "RuntimeError: out of memory: RESOURCE_EXHAUSTED: 9 GB asked",
        ),
    ],
)
def test_a_reason_is_one_line(error, reason):
    assert worker._reason(error) == reason
