"""maskarc.doctor: what works is told, what does not has a remedy."""

import json

import pytest

from maskarc import cli, doctor, extras
from maskarc.landmarks import networks


def test_this_installation_is_fine(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert all(checks[name]["is_fine"] for name in ("packages", "weights", "self-test"))
    assert "cv2" in checks["opencv"]["found"]
    assert "cpu 0" in checks["devices"]["found"]
    assert {f"extra {name}" for name in extras.EXTRAS} <= set(checks)


def test_what_is_broken_is_named_with_its_remedy(monkeypatch, capsys):
    damaged = networks.NETWORKS["face_mesh"]
    monkeypatch.setitem(
        networks.NETWORKS,
        "face_mesh",
        networks.Network(
            inputs=damaged.inputs, outputs=damaged.outputs, sha256="0" * 64
        ),
    )
    monkeypatch.setattr(doctor, "_self_test", lambda: "skipped")
    assert cli.main(["doctor"]) == 1
    out, err = capsys.readouterr()
    assert "FAIL weights: ValueError" in out
    assert "→ pip install --force-reinstall --no-deps maskarc" in out
    assert err == "error: broken: weights\n"


def test_missing_extras_are_no_fault(monkeypatch):
    monkeypatch.setitem(extras.EXTRAS, "fast", ("speed", ("no_such_module",)))
    for name in ("_weights", "_self_test"):
        monkeypatch.setattr(doctor, name, lambda: "skipped")
    [check] = [c for c in doctor.examine() if c.name == "extra fast"]
    assert check.is_fine is None
    assert "no_such_module" in check.found
    assert check.remedy == "pip install 'maskarc[fast]'"


def test_an_import_that_fails_names_the_extra():
    command = r"pip install 'maskarc\[train\]'"
    with pytest.raises(ImportError, match=command), extras.needed("train"):
        raise ModuleNotFoundError("No module named 'grain'", name="grain")
