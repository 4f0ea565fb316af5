"""The whole job in a subprocess, at its smallest: flags in, one JSON line out."""

import json
import subprocess
import sys

import numpy as np
import pytest

from maskarc import images


def run(module, *arguments):
    return subprocess.run(
        [sys.executable, "-m", f"experiments.{module}", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The folder and the last line of a quickstart of four steps."""
    workdir = tmp_path_factory.mktemp("job") / "run"
    done = run(
        "quickstart",
        f"--workdir={workdir}",
        "--test_identities=20",
        "--test_pairs=40",
        "--config.num_identities=6",
        "--config.photos_per_identity=6",
        "--config.width=4",
        "--config.batch_size=8",
        "--config.steps=4",
    )
    assert done.returncode == 0, done.stderr
    return workdir, json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_ends_with_the_scores_as_json(job):
    _, scores, _ = job
    for condition in ("bare_bare", "bare_masked"):
        assert 0.0 <= scores[condition]["accuracy"] <= 1.0
        assert scores[condition]["pairs"] == 40


def test_shows_progress_and_draws(job):
    workdir, _, shown = job
    assert "4/4" in shown and "images/s" in shown
    for picture in (
        "curves.png",
        "masked_crops.png",
        "bare_masked/roc.png",
        "bare_masked/worst_pairs.png",
    ):
        assert min(images.read_image(workdir / picture).shape[:2]) > 100


def evaluate(job, output, *arguments):
    workdir, _, _ = job
    people = workdir / "test_people"
    return run(
        "evaluate",
        f"--checkpoint={workdir}",
        f"--images={people}",
        f"--landmarks={people / 'landmarks.npz'}",
        f"--output={output}",
        *arguments,
    )


def test_evaluate_repeats_the_score(job, tmp_path):
    workdir, scores, _ = job
    pairs = workdir / "test_people" / "pairs.csv"
    done = evaluate(job, tmp_path, f"--pairs={pairs}", "--masked=second")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["accuracy"] == scores["bare_masked"]["accuracy"]
    assert result["failed_images"] == 0
    assert set(result) >= {"accuracy_std", "threshold", "auc", "tar_at_far", "masked"}


def test_a_photo_that_went_bad_is_counted_not_fatal(job, tmp_path):
    workdir, _, _ = job
    pairs = workdir / "test_people" / "pairs.csv"
    name = pairs.read_text().splitlines()[1].split(",")[0]
    photo = workdir / "test_people" / name
    whole = photo.read_bytes()
    try:
        photo.write_bytes(whole[:200])
        done = evaluate(job, tmp_path, f"--pairs={pairs}")
    finally:
        photo.write_bytes(whole)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["failed_images"] == 1


def test_a_missing_photo_is_one_clear_line(job, tmp_path):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("first,second,is_same\nid_00000/x.png,id_00001/y.png,0\n")
    done = evaluate(job, tmp_path, f"--pairs={pairs}")
    assert done.returncode == 1
    assert "id_00000/x.png" in done.stderr and "Traceback" not in done.stderr


def test_identify_reports_both_metrics(job, tmp_path):
    workdir, _, _ = job
    people = workdir / "test_people"
    done = run(
        "identify",
        f"--checkpoint={workdir}",
        f"--images={people}",
        f"--landmarks={people / 'landmarks.npz'}",
        f"--output={tmp_path}",
        "--masked",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["cosine"]["probes"] == result["l2"]["probes"] == 120
    assert result["cosine"]["chance"] == pytest.approx(5 / 119)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config.data_dir=nowhere"], "nowhere"),
        (["--config.no_such_field=1"], "no_such_field"),
        (["--config.source=tape"], "synthetic"),
        (["--config.model=vgg", "--config.source=synthetic"], "resnet18"),
        (["--config.masks=nowhere.json", "--config.source=synthetic"], "nowhere.json"),
    ],
)
def test_mistakes_are_one_clear_line(arguments, said, tmp_path):
    done = run(
        "train",
        "--config=experiments/configs/paper.py",
        f"--workdir={tmp_path}",
        *arguments,
    )
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr


def test_an_empty_folder(tmp_path):
    (tmp_path / "photos").mkdir()
    np.savez(tmp_path / "unrelated.npz", x=np.zeros(3))
    done = run(
        "train",
        "--config=experiments/configs/paper.py",
        f"--workdir={tmp_path / 'run'}",
        f"--config.data_dir={tmp_path / 'photos'}",
        "--config.detector=canonical",
    )
    assert done.returncode == 1
    assert "identity/photo.jpg" in done.stderr and "Traceback" not in done.stderr
