"""Runs read again from what was saved."""

import json

import pytest

from maskarc.evaluation import report
from tests.evaluation.report import runs_made


@pytest.fixture
def folder(tmp_path):
    runs_made.scores().save(tmp_path / "scores.npz")
    return tmp_path


def test_a_file_and_its_folder_tell_the_same(folder):
    (folder / "masks.csv").write_text(
        "name,masked,outcome,mask,kind,wear,yaw_degrees\n"
        "a.jpg,0,ok,,,,\na.jpg,1,no_face,,,,\n"
    )
    alone = report.load(folder / "scores.npz", draws=20)
    run = report.load(folder, draws=20)
    assert run.result == alone.result and run.name == alone.name == folder.name
    assert run.about == runs_made.scores().about
    assert (alone.images, alone.failures) == (None, ())
    assert (run.images, run.failures) == (2, (("a.jpg", "masked", "no_face"),))
    assert run.identification is None


def test_faults_of_the_list_are_found_in_the_scores(tmp_path):
    scores = runs_made.scores(names=False)
    scores.first[5] = scores.first[405] = scores.first[4]
    scores.second[5] = scores.second[405] = scores.second[4]
    scores.save(tmp_path / "s.npz")
    found = report.load(tmp_path / "s.npz", draws=5).result["audit"]["findings"]
    assert found["repeated_pairs"]["count"] == 1


def test_identification_alone_is_a_run(tmp_path):
    told = runs_made.identification()
    (tmp_path / "identification.json").write_text(json.dumps(told))
    run = report.load(tmp_path)
    assert run.scores is None and run.identification == told
    (tmp_path / "identification.json").write_text("[]")
    with pytest.raises(ValueError, match="not what identify wrote"):
        report.load(tmp_path)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no scores\.npz in"):
        report.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="no file at"):
        report.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(ValueError, match=r"not an \.npz of plain arrays"):
        report.load(tmp_path / "text.npz")


def test_the_same_run_twice_has_two_names(tmp_path):
    assert report.distinct_names([tmp_path, tmp_path]) == [
        f"1. {tmp_path.name}",
        f"2. {tmp_path.name}",
    ]
