import csv
import json
import math

import pytest

from maskarc.ablation import table


@pytest.fixture
def written(planted):
    grid, folder, tasks = planted
    rows = table.rows(grid, folder, tasks)
    table.write(grid, rows, folder)
    return folder


@pytest.mark.parametrize(
    ("values", "mean", "std"),
    [
        ([], None, None),
        ([0.25], 0.25, None),
        # Squares of the differences: 4 · 1 + 2 · 9 + 25 + 49 less …: 32, over 7.
        ([2, 4, 4, 4, 5, 5, 7, 9], 5.0, math.sqrt(32 / 7)),
    ],
)
def test_mean_and_std(values, mean, std):
    found = table.mean_and_std(dict(enumerate(values)))
    assert found == (mean, std if std is None else pytest.approx(std))


def test_markdown_by_hand(written):
    # 60, 70, 80: mean 70, deviations −10, 0, 10: √(200 / 2) = 10.
    # 50, 55, 54: mean 53, deviations −3, 2, 1: √(14 / 2) = 2.646.
    # 4, 5, 9: mean 6, deviations −2, −1, 3: √(14 / 2) = 2.646.
    assert (written / "table.md").read_text(encoding="utf-8") == (
        "| margin | parameters | seeds | train loss | new people, bare "
        "| new people, one masked |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| 0.2 | 1,234,567 | 3/3 | 6.00 ± 2.65 | 70.0 ± 10.0 | 53.0 ± 2.6 |\n"
        "| 0.5 | 1,234,567 | 1/3 | 6.00 | 75.0 | 65.0 |\n"
        "| 0.9 |  | 0/3 | – | – | – |\n"
        "| (guessing) |  |  |  | 50.0 | 50.0 |\n"
        "\n"
        "Scores in percent; mean ± standard deviation over seeds, divided by n − 1.\n"
        "\n"
        "- margin 0.5, seed 2: failed, DivergedError: the loss is nan\n"
        "- margin 0.5: not run, or not to the end, with seed 1\n"
        "- margin 0.9: not run, or not to the end, with seed 0, 1, 2\n"
    )


def test_csv(written):
    with (written / "table.csv").open(newline="", encoding="utf-8") as file:
        first, second, third = csv.DictReader(file)
    assert float(first["new people, bare mean"]) == pytest.approx(0.7)
    assert float(first["new people, bare std"]) == pytest.approx(0.1)
    assert (first["finished"], first["failed"], first["missing"]) == ("3", "0", "0")
    assert (second["finished"], second["failed"], second["missing"]) == ("1", "1", "1")
    assert second["new people, bare std"] == ""
    assert third["margin"] == "0.9" and third["new people, bare mean"] == ""


def test_json(written):
    plain = json.loads((written / "table.json").read_text(encoding="utf-8"))
    first, second, _ = plain["rows"]
    assert first["cell"] == {"margin": "0.2"} and first["settings"] == {"margin": 0.2}
    assert first["scores"]["new people, one masked"]["by_seed"] == {
        "0": 0.5,
        "1": 0.55,
        "2": 0.54,
    }
    assert second["failed"] == {"2": "DivergedError: the loss is nan"}
    assert second["missing"] == [1]
    assert plain["base"]["width"] == 4


def test_scores_of_another_task_do_not_count(planted):
    grid, folder, tasks = planted
    path = folder / "runs" / "margin=0.2,seed=0" / "scores.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["task"]["config"]["steps"] += 1
    path.write_text(json.dumps(plain), encoding="utf-8")
    row = table.rows(grid, folder, tasks)[0]
    assert row.missing == (0,) and row.finished == (1, 2)


def test_a_label_cannot_break_the_markdown():
    assert table._line(["a|b", "c"]) == "| a\\|b | c |"
