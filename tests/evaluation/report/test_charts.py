"""The curves that are drawn, against all of their points."""

import re

import numpy as np
import pytest

from maskarc.evaluation import summary, verification
from maskarc.evaluation.report import charts
from tests.evaluation.report import runs_made
from tests.evaluation.scores import noisy_scores


def test_few_corners_make_the_same_stairs():
    far, tar, _ = verification.roc(*noisy_scores(900))
    x, y = charts._corners(far, tar)
    assert len(x) < len(far) / 2
    for at in np.linspace(0, 1, 501):
        all_points = tar[np.searchsorted(far, at, side="right") - 1]
        assert y[np.searchsorted(x, at, side="right") - 1] == all_points


@pytest.fixture(scope="module")
def drawn():
    scores = runs_made.scores()
    return charts.of_pairs(scores, summary.summarise(scores, draws=5), "p-")


def test_charts_stand_in_one_page(drawn):
    assert [chart.name for chart in drawn] == ["p-roc", "p-det", "p-histograms"]
    for chart in drawn:
        assert chart.svg.startswith("<svg viewBox=") and chart.svg.endswith("</svg>")
        # Colours are the page's, light or dark.
        assert not re.findall(r"#[0-9a-f]{6}", chart.svg)
        for name in re.findall(r' id="([^"]+)"', chart.svg):
            assert name.startswith(chart.name)


def test_their_words_say_what_they_show(drawn):
    bare = runs_made.scores().where(condition="bare-bare")
    area = verification.auc(bare.similarity, bare.is_same)
    assert f"bare-bare {100 * area:.2f} %" in drawn[0].text
    equal = verification.eer(bare.similarity, bare.is_same)
    assert f"bare-bare {100 * equal:.1f} %" in drawn[1].text
    assert [key.label for key in drawn[0].keys] == ["bare-bare", "bare-masked"]


def test_a_name_is_no_formula_and_no_markup():
    scores = runs_made.scores()
    scores.labels["condition"] = np.where(
        scores.labels["condition"] == "bare-bare", "bare-bare", "<script>$\\frac$"
    )
    told = summary.summarise(scores, draws=5)
    for chart in charts.of_pairs(scores, told, ""):
        assert "<script" not in chart.svg
