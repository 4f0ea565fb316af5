"""The plots are readable PNGs that show the numbers given."""

import pathlib
import subprocess
import sys

import matplotlib.colors
import numpy as np
import pytest

from maskarc import images
from maskarc.evaluation import plots, protocol


def scored_pairs(shift=0.4):
    rng = np.random.default_rng(0)
    is_same = np.arange(400) % 2 == 0
    similarities = np.where(is_same, 0.1 + shift, 0.1)
    return similarities + 0.1 * rng.standard_normal(400), is_same


def pixels_of(picture, colour):
    """Where the picture has exactly this colour, bool[H, W]."""
    rgb = np.round(np.array(matplotlib.colors.to_rgb(colour)) * 255)
    return (picture == rgb).all(axis=2)


def test_roc_curves(tmp_path):
    path = tmp_path / "new" / "roc.png"
    plots.roc_curves(path, {"good": scored_pairs(), "poor": scored_pairs(0.1)})
    picture = images.read_image(path)
    good, poor = (pixels_of(picture, colour) for colour in plots.COLOURS[:2])
    assert good.sum() > 500
    assert poor.sum() > 500
    # Over the left half of the plot the better curve is higher.
    left = slice(150, 450)
    assert good[:480, left].nonzero()[0].mean() < poor[:480, left].nonzero()[0].mean()


def test_more_curves_than_colours(tmp_path):
    curves = {str(i): scored_pairs(0.05 * i) for i in range(len(plots.COLOURS) + 2)}
    plots.roc_curves(tmp_path / "roc.png", curves)
    assert images.read_image(tmp_path / "roc.png").shape[2] == 3


def test_score_histogram_marks_the_threshold(tmp_path):
    similarities, is_same = scored_pairs()
    columns = []
    for threshold in (0.1, 0.5):
        path = tmp_path / "scores.png"
        plots.score_histogram(path, similarities, is_same, threshold)
        black = pixels_of(images.read_image(path), "black")
        lines = np.flatnonzero(black[:400].mean(axis=0) > 0.9)
        columns.append([c for c in lines if c > 200])
    assert columns[0]
    assert columns[1]
    assert max(columns[0]) < min(columns[1])


@pytest.mark.parametrize("failures", [20, 400])
def test_score_histogram_with_failed_pairs(tmp_path, failures):
    similarities, is_same = scored_pairs()
    similarities[:failures] = protocol.FAILED
    plots.score_histogram(tmp_path / "scores.png", similarities, is_same, 0.3)
    assert images.read_image(tmp_path / "scores.png").std() > 1


def test_training_curves(tmp_path):
    table = tmp_path / "metrics.csv"
    rows = [f"{s},{9 - s / 50},{s / 400 if s % 50 == 0 else ''}" for s in range(300)]
    table.write_text("\n".join(["step,loss,accuracy,unused", *(f"{r}," for r in rows)]))
    plots.training_curves(tmp_path / "curves.png", table)
    picture = images.read_image(tmp_path / "curves.png")
    height, width = picture.shape[:2]
    assert width > 2 * height  # two panels; the empty column has none
    loss, accuracy = (pixels_of(picture, colour) for colour in plots.COLOURS[:2])
    assert loss[:, : width // 2].sum() == loss.sum() > 500
    assert accuracy[:, width // 2 :].sum() == accuracy.sum() > 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a column 'step'"),
        ("loss\n1\n", "a column 'step', got \\['loss'\\]"),
        ("step,loss\n", "expected rows"),
        ("step\n1\n", "expected rows"),
        ("step,loss\n1,high\n", "column 'loss' holds no number"),
    ],
)
def test_training_curves_refuse_other_tables(tmp_path, text, message):
    table = tmp_path / "metrics.csv"
    table.write_text(text)
    with pytest.raises(ValueError, match=rf"metrics\.csv: .*{message}"):
        plots.training_curves(tmp_path / "curves.png", table)


def test_training_curves_without_a_table(tmp_path):
    with pytest.raises(FileNotFoundError, match="no table of metrics at"):
        plots.training_curves(tmp_path / "curves.png", tmp_path / "none.csv")


def test_no_global_state():
    code = (
        "import sys; from maskarc.evaluation import plots;"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = pathlib.Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
