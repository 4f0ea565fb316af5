"""What a result is kept with, against git and the running process."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from maskarc.evaluation import provenance


def git(folder, *arguments):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_revision_is_that_of_the_checkout(tmp_path):
    assert provenance.revision(tmp_path) == ""
    git(tmp_path, "init", "-q")
    assert provenance.revision(tmp_path) == ""  # nothing is committed yet
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-q", "-m", "a")
    head = (tmp_path / ".git" / "HEAD").read_text().removeprefix("ref: ").strip()
    commit = (tmp_path / ".git" / head).read_text().strip()
    assert provenance.revision(tmp_path) == commit
    (tmp_path / "a.txt").write_text("b")
    assert provenance.revision(tmp_path) == f"{commit} + changes"


def test_the_command_can_be_repeated():
    code = "from maskarc.evaluation import provenance; print(provenance.command())"
    done = subprocess.run(
        [sys.executable, "-c", code, "two words", "--a=1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().endswith("'two words' --a=1")
    assert done.stdout.startswith("python")


def test_versions_are_those_that_run():
    assert provenance.provenance()["versions"]["numpy"] == np.__version__
