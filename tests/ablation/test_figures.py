import matplotlib.figure
import numpy as np
import pytest

from maskarc import images
from maskarc.ablation import figures, table


@pytest.fixture
def drawn(monkeypatch):
    """Figures as they are saved, to ask for what they show."""
    saved = []
    real = matplotlib.figure.Figure.savefig

    def savefig(figure, *args, **options):
        saved.append(figure)
        real(figure, *args, **options)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", savefig)
    return saved


def test_table_shows_mean_deviation_seeds_and_chance(planted, drawn):
    grid, folder, tasks = planted
    rows = table.rows(grid, folder, tasks)
    figures.draw_table(folder / "table.png", grid, rows)
    bare = drawn[0].axes[0]
    assert bare.get_title() == "new people, bare"
    lines = [np.array(line.get_xdata(), float).round(6).tolist() for line in bare.lines]
    assert [50, 50] in lines  # chance
    assert [60, 70, 80] in lines  # seeds
    (bar,) = bare.containers[0].lines[2]
    assert np.allclose(bar.get_segments()[0][:, 0], [60, 80])  # 70 ± 10
    labels = [text.get_text() for text in bare.get_yticklabels()]
    assert labels == ["margin 0.2", "margin 0.5", "margin 0.9"]
    assert [text.get_text() for text in bare.texts] == ["not run"]
    assert images.read_image(folder / "table.png").shape[1] > 600


def test_curves_average_the_seeds(planted, drawn):
    grid, folder, tasks = planted
    for seed, losses in enumerate([(9.0, 5.0), (7.0, 3.0)]):
        rows = "".join(f"{10 * i + 10},{loss}\n" for i, loss in enumerate(losses))
        path = folder / "runs" / f"margin=0.2,seed={seed}" / "metrics.csv"
        path.write_text("step,loss\n" + rows)
    unfinished = folder / "runs" / "margin=0.2,seed=2"
    (unfinished / "scores.json").unlink()
    (unfinished / "metrics.csv").write_text("step,loss\n10,99\n")
    table_rows = table.rows(grid, folder, tasks)
    figures.draw_curves(folder / "curves.png", grid, table_rows, folder)
    loss, accuracy = drawn[0].axes
    bold = {line.get_label(): line for line in loss.lines if line.get_linewidth() == 2}
    assert np.allclose(bold["margin 0.2"].get_xydata(), [(10, 8), (20, 4)])
    first = next(line for line in accuracy.lines if line.get_linewidth() == 2)
    # Of the checkpoints of two seeds: 60 and 70 at the end, 10 less before.
    assert np.allclose(first.get_xydata(), [(50, 55), (100, 65)])


def test_periodic_accuracy_is_preferred(planted, drawn):
    grid, folder, tasks = planted
    table_rows = table.rows(grid, folder, tasks)
    path = folder / "runs" / "margin=0.5,seed=0" / "metrics.csv"
    path.write_text("step,loss,verification_accuracy\n10,9,\n20,8,0.5\n40,6,0.75\n")
    figures.draw_curves(folder / "curves.png", grid, table_rows, folder)
    bold = [line for line in drawn[0].axes[1].lines if line.get_linewidth() == 2]
    assert np.allclose(bold[1].get_xydata(), [(20, 50), (40, 75)])
