"""`maskarc add-mask`: a PNG becomes a mask of a database."""

import numpy as np
import pytest

from maskarc import cli, images
from maskarc.masks import database


@pytest.fixture
def png(tmp_path):
    rgba = np.zeros((60, 80, 4), np.uint8)
    rgba[5:55, 10:70] = (30, 90, 160, 255)
    images.write_image(tmp_path / "mine.png", rgba)
    return tmp_path / "mine.png"


def test_a_png_is_added_and_can_be_worn(png, tmp_path, capsys):
    target, preview = tmp_path / "masks.json", tmp_path / "preview.png"
    common = ["add-mask", str(png), "--database", str(target)]
    assert cli.main([*common, "--preview", str(preview)]) == 0
    assert images.read_image(preview).shape[2] == 3
    anchors = capsys.readouterr().out.splitlines()[-1].split()
    assert anchors[0] == "--anchors" and anchors[1] == "top=39.5,5.0"
    again = [*common, "--name", "again", "--kind", "cloth", *anchors]
    assert cli.main(again) == 0
    first, second = database.load(target)
    assert (first.name, first.kind) == ("mine", "own")
    assert (second.name, second.kind) == ("again", "cloth")
    np.testing.assert_allclose(first.landmarks, second.landmarks, atol=0.3)

    before = target.read_bytes()
    assert cli.main(common) == 1
    assert "has a mask 'mine' already" in capsys.readouterr().err
    assert cli.main([*common, "--name", "x", "--anchors", "top=1"]) == 1
    assert "expected NAME=X,Y, got 'top=1'" in capsys.readouterr().err
    assert cli.main(["add-mask", "absent.png", "--database", str(target)]) == 1
    assert "no picture at absent.png" in capsys.readouterr().err
    assert target.read_bytes() == before


def test_foreign_databases_are_not_rewritten(png, tmp_path, monkeypatch, capsys):
    target = tmp_path / "foreign.json"
    target.write_text('{"masks": []}')
    monkeypatch.setattr(database, "load", lambda path: database.drawing.builtin_masks())
    assert cli.main(["add-mask", str(png), "--database", str(target)]) == 1
    assert "foreign format" in capsys.readouterr().err
    assert target.read_text() == '{"masks": []}'
