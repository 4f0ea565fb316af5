"""The evaluation commands on any model and on saved embeddings: one JSON line out."""

import json
import subprocess
import sys

import pytest

from maskarc.data import pairs, synthetic

MODEL = "tests.test_scoring:small_pictures"


def run(module, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", f"experiments.{module}", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    faces = synthetic.SyntheticFaces(8, 4, seed=0)
    synthetic.write_folder(faces, root)
    listed = synthetic.make_pairs(faces, 32, folds=4, seed=0)
    pairs.write_pairs(root / "pairs.csv", listed)
    return root


def test_conditions_then_a_gallery_without_the_model(people, tmp_path):
    given = [f"--images={people}", f"--landmarks={people / 'landmarks.npz'}"]
    result = run(
        "evaluate",
        f"--model={MODEL}",
        *given,
        "--pairs=all",
        "--draws=20",
        f"--output={tmp_path / 'run'}",
        f"--report={tmp_path / 'run' / 'page'}",
    )
    assert set(result["conditions"]) == {"bare-bare", "bare-masked", "masked-masked"}
    assert result["conditions"]["bare-bare"]["pairs"] == 32 * 31 // 2
    assert set(result["drop"]["bare-masked"]["auc"]) == {"estimate", "low", "high"}
    found = run(
        "identify",
        f"--model={tmp_path / 'run' / 'embeddings.npz'}",
        f"--images={people}",
        "--gallery",
        "--draws=20",
        f"--output={tmp_path / 'gallery'}",
        f"--report={tmp_path / 'gallery' / 'page'}",
    )
    assert found["about"]["model"] == MODEL
    pages = [tmp_path / name / "page" / "index.html" for name in ("run", "gallery")]
    shown = [page.read_text(encoding="utf-8") for page in pages]
    # Of three conditions, six pairs of each kind, two photos each.
    assert shown[0].count("<img ") == 3 * 2 * 6 * 2
    assert 'data-name="ranks"' in shown[1]
    assert "--pairs=all" in result["about"]["command"]
    assert (
        set(found["bare"]["rank"]) == set(found["masked"]["rank"]) == {"1", "5", "10"}
    )
