"""`maskarc report` and `maskarc compare` as a user runs them."""

import dataclasses
import json

import numpy as np
import pytest

from maskarc import cli
from maskarc.data import synthetic
from maskarc.evaluation import comparison, scored
from tests.evaluation.report import runs_made
from tests.evaluation.report.page_parser import Page


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two models on one list, and one on another."""
    root = tmp_path_factory.mktemp("runs")
    for name, scores in (
        ("good", runs_made.scores(0.1)),
        ("bad", runs_made.scores(0.3)),
        ("short", runs_made.scores(0.1)),
    ):
        if name == "short":
            scores = scores.rows(scores.pair < 300)
        scores.save(root / name / "scores.npz")
    return root


def test_a_report_of_two_runs(runs, tmp_path, capsys):
    arguments = ["report", str(runs / "good"), str(runs / "bad" / "scores.npz")]
    done = cli.main([*arguments, "--output", str(tmp_path), "--draws=10"])
    assert done == 0
    path = tmp_path / "index.html"
    assert capsys.readouterr().out.strip() == str(path)
    page = Page(path.read_text(encoding="utf-8"))
    assert {"run1-conditions", "run2-conditions"} <= set(page.tables)
    told = json.loads((tmp_path / "report.json").read_text())
    assert [run["name"] for run in told["runs"]] == ["good", "bad"]


def test_pictures_come_with_the_photos(tmp_path, capsys):
    faces = synthetic.SyntheticFaces(6, 3, seed=0)
    synthetic.write_folder(faces, tmp_path / "people")
    names = synthetic.make_pairs(faces, 24, folds=2, seed=0)
    scores = runs_made.scores(names=False)
    scores = dataclasses.replace(
        scores.rows(scores.pair < 24),
        first=np.array(names.first * 2),
        second=np.array(names.second * 2),
    )
    scores.save(tmp_path / "run" / "scores.npz")
    given = f"--landmarks={tmp_path / 'people' / 'landmarks.npz'}", "--draws=5"
    command = ["report", str(tmp_path / "run"), "--output", str(tmp_path / "page")]
    assert cli.main([*command, *given, f"--images={tmp_path}"]) == 1
    assert "error: none of the worst pairs can be read" in capsys.readouterr().err
    done = cli.main([*command, *given, f"--images={tmp_path / 'people'}"])
    assert done == 0, capsys.readouterr().err
    page = Page((tmp_path / "page" / "index.html").read_text(encoding="utf-8"))
    assert len(page.images) == 2 * len(page.tables["worst_pairs"]["rows"][1:]) > 20


def test_a_comparison_is_printed_and_written(runs, tmp_path, capsys):
    paths = [str(runs / "good"), str(runs / "bad")]
    assert cli.main(["compare", *paths, "--draws=20", "--output", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    told = comparison.compare(
        *(scored.ScoredPairs.load(f"{path}/scores.npz") for path in paths), draws=20
    )
    value = told["conditions"]["bare-masked"]["difference"]["accuracy"]["estimate"]
    assert value < 0
    assert f"bare-masked: good is better by {-100 * value:.2f} points" in output
    assert "bare-bare: both have the same accuracy" in output
    assert json.loads((tmp_path / "comparison.json").read_text()) == told
    assert Page((tmp_path / "index.html").read_text(encoding="utf-8")).tables
    assert cli.main(["compare", *paths, "--draws=20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == told


def test_other_pairs_are_an_error_unless_asked_for(runs, capsys):
    paths = [str(runs / "good"), str(runs / "short")]
    assert cli.main(["compare", *paths, "--draws=5"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: the runs are of different pairs: 300 are in both")
    assert "--common" in error
    assert cli.main(["compare", *paths, "--draws=5", "--common"]) == 0
    assert "Left out, for only one run has them: 200 rows" in capsys.readouterr().out


def test_mistakes_are_one_line(runs, tmp_path, capsys):
    for command in (
        ["compare", str(runs / "good"), str(tmp_path / "none.npz")],
        ["compare", str(runs / "good"), str(tmp_path)],
        ["report", str(tmp_path), "--output", str(tmp_path / "out")],
        ["compare", str(runs / "good"), str(runs / "bad"), "--draws=0"],
    ):
        assert cli.main(command) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1
