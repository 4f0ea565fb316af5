"""`maskarc models`."""

import subprocess
import sys

from maskarc import cli, models
from maskarc.models import cost


def test_backbones_and_weights_are_listed(capsys, monkeypatch):
    monkeypatch.setattr(cost, "measure", lambda backbone: (2_000_000, 3_000_000_000))
    assert cli.main(["models"]) == 0
    output = capsys.readouterr().out
    for name in [*models.MODELS, *models.PRETRAINED]:
        assert f"\n{name}" in output
    assert "2.00 M" in output and "3.00 G" in output
    assert "terms: public domain" in output


def test_a_reader_that_leaves_is_no_error():
    command = f"{sys.executable} -m maskarc.cli models | head -1"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("model")
    assert done.stderr == ""
