"""The page as a strict reader sees it, and its figures against the other files."""

import csv
import itertools
import json
import re

import pytest

from maskarc.evaluation import comparison, report, verification
from tests.evaluation.report import runs_made
from tests.evaluation.report.page_parser import Page


@pytest.fixture(scope="module")
def run():
    return runs_made.full_run()


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    assert report.write(folder, [run]) == folder / "index.html"
    return folder


@pytest.fixture(scope="module")
def text(written):
    return (written / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


@pytest.fixture(scope="module")
def told(written):
    return json.loads((written / "report.json").read_text(encoding="utf-8"))


def test_all_tables_are_there(page, told):
    assert list(page.tables) == list(told["tables"])
    assert set(page.tables) == {
        *("conditions", "operating_points", "drop", "by_kind", "by_wear", "by_yaw"),
        *("one_threshold", "thresholds", "cross_thresholds", "failures"),
        *("ranks", "open_set", "nearest_neighbour", "worst_pairs", "about"),
    }
    for name, table in page.tables.items():
        assert table["caption"] == told["tables"][name]["caption"]
        assert len(table["rows"]) == 1 + len(told["tables"][name]["rows"])
        assert len({len(row) for row in table["rows"]}) == 1


def test_scores_are_those_of_the_pairs(page, told, run):
    for row in page.tables["conditions"]["rows"][1:]:
        sample = run.scores.where(condition=row[0])
        alone = verification.evaluate(sample.similarity, sample.is_same, sample.fold)
        interval = told["runs"][0]["result"]["conditions"][row[0]]["intervals"]
        low, high = (100 * interval["accuracy"][end] for end in ("low", "high"))
        shown = f"{100 * alone.accuracy:.2f} ({low:.2f} to {high:.2f})"
        assert row[4] == shown
        assert row[1:4] == [str(n) for n in (400, alone.genuine, alone.impostors)]
        assert row[5] == f"{100 * max(alone.genuine, alone.impostors) / 400:.2f}"
        assert row[6].startswith(f"{100 * alone.eer:.2f} ")
    rows = page.tables["operating_points"]["rows"]
    assert rows[0][1:] == ["FAR 10 %", "FAR 1 %", "FAR 0.1 %", "FAR 0.01 %"]
    assert [row[3:] for row in rows[1:]] == [["refused"] * 2] * 2


def test_refusals_are_explained(told, run):
    impostors = int((~run.scores.where(condition="bare-bare").is_same).sum())
    notes = told["tables"]["operating_points"]["notes"]
    assert notes[1] == (
        "Refused at FAR 0.01 %, for one false accept in 10,000 takes as many impostor "
        f"pairs: bare-bare has {impostors}; bare-masked has {impostors}."
    )


def numbers_of(cell):
    """Every number in a cell, and how far rounding may have moved it."""
    for text in re.findall(r"[+−]?[\d,]+\.?\d*", cell):
        digits = len(text.partition(".")[2])
        yield float(text.replace("−", "-").replace(",", "")), 0.5001 / 10**digits


def test_numbers_of_the_page_are_those_of_the_files(page, told, written):
    checked = 0
    for name, table in told["tables"].items():
        columns = table["columns"]
        with (written / "tables" / f"{name}.csv").open(newline="") as file:
            head, *rows = list(csv.reader(file))
        assert head == columns
        assert rows == [["" if v is None else str(v) for v in r] for r in table["rows"]]
        shown_rows = page.tables[name]["rows"][1:]
        for shown, values in zip(shown_rows, table["rows"], strict=True):
            row = dict(zip(columns, values, strict=True))
            keys = [key for key in columns if not key.endswith(("_low", "_high"))]
            for cell, key in zip(shown, keys, strict=True):
                if isinstance(row[key], str):
                    assert cell == row[key]
                    continue
                ends = [row.get(key + end) for end in ("", "_low", "_high")]
                expected = [value for value in ends if value is not None]
                found = list(numbers_of(cell))
                assert len(found) == len(expected), (name, cell)
                for (value, error), number in zip(found, expected, strict=True):
                    # As it is, or percent.
                    assert min(abs(value - number), abs(value - 100 * number)) <= error
                    checked += 1
    assert checked > 250


def test_nothing_is_asked_of_a_network(page, text):
    for reference in page.references:
        assert reference.startswith(("#", "data:image/jpeg;base64,")), reference
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style and "@import" not in style
    assert set(re.findall(r"url\(([^)]*)\)", text)) <= {f"#{name}" for name in page.ids}
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert "default-src 'none'" in text


def test_names_of_others_are_text(page, text):
    assert "<script" not in text and "<b>run" not in text
    assert page.tables["failures"]["rows"][1] == [
        runs_made.HOSTILE,
        "masked",
        "no_face",
    ]
    assert page.tables["about"]["rows"][1] == ["model", runs_made.HOSTILE]
    assert runs_made.HOSTILE in [image["alt"] for image in page.images]


def test_the_page_can_be_found_through(page):
    assert len(page.ids) == len(set(page.ids))
    inside = {name.removeprefix("#") for name in page.references if name[0] == "#"}
    assert inside <= set(page.ids)
    assert page.headings[:2] == [1, 2]
    steps = [b - a for a, b in itertools.pairwise(page.headings)]
    assert max(steps) <= 1
    assert all(image["alt"] and image["width"] for image in page.images)


def test_the_share_of_waiting_is_told(page):
    rows = dict(page.tables["about"]["rows"])
    assert rows["share of it spent waiting for photos"] == "5.0 %"


def test_a_comparison_stands_above_both(run, tmp_path):
    other = runs_made.full_run("second")
    compared = comparison.compare(run.scores, runs_made.scores(0.3), draws=20)
    path = report.write_comparison(tmp_path, run, other, compared)
    page = Page(path.read_text(encoding="utf-8"))
    names = list(page.tables)
    assert names[:2] == ["difference", "mcnemar"]
    assert {"run1-conditions", "run2-conditions"} < set(names)
    assert len(page.ids) == len(set(page.ids))
    assert json.loads((tmp_path / "comparison.json").read_text()) == compared
    row = next(r for r in page.tables["mcnemar"]["rows"] if r[0] == "bare-masked")
    counts = compared["conditions"]["bare-masked"]["mcnemar"]
    assert [int(n) for n in row[1:5]] == [
        counts[key]
        for key in ("both_right", "only_first_right", "only_second_right", "both_wrong")
    ]


def test_a_run_of_identification_alone(tmp_path):
    told = runs_made.identification()
    alone = report.Run(name="gallery", about={"seed": 0}, identification=told)
    page = Page(report.write(tmp_path, [alone]).read_text(encoding="utf-8"))
    assert list(page.tables) == ["ranks", "open_set", "nearest_neighbour", "about"]
    assert page.tables["ranks"]["rows"][1][2] == "80.00 (70.00 to 90.00)"


def test_no_run_is_no_report(tmp_path):
    with pytest.raises(ValueError, match="at least one run"):
        report.write(tmp_path, [])
