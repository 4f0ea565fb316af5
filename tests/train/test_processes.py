"""Two and four local processes train what one does, and take up each other's runs."""

import csv
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest

from maskarc.train import checkpoint
from tests.train import tiny

ROOT = pathlib.Path(__file__).parents[2]


def _has_address() -> bool:
    """Whether this machine's own name leads to it, as XLA's collectives want."""
    try:
        socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(
    not _has_address(), reason="this machine's own name has no address (/etc/hosts)"
)


def train(workdir, count):
    """Runs `count` processes of two devices each until they end."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        coordinator = f"localhost:{free.getsockname()[1]}" if count > 1 else ""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    environment.pop("XLA_FLAGS", None)
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.train.process",
                str(workdir),
                coordinator,
                str(count),
                str(number),
            ],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(count)
    ]
    for process in processes:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output


def losses(workdir):
    with (workdir / "metrics.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("processes") / "one"
    train(workdir, 1)
    return workdir


@pytest.mark.parametrize("count", [2, 4])
def test_processes_equal_one(alone, tmp_path, count):
    tiny.register()
    workdir = tmp_path / "several"
    train(workdir, count)
    assert len(losses(workdir)) == 5
    assert losses(workdir) == pytest.approx(losses(alone), rel=1e-4)
    _, params, _, _ = checkpoint.load_backbone(workdir)
    _, expected, _, _ = checkpoint.load_backbone(alone)
    np.testing.assert_allclose(
        params["head"]["fc"]["kernel"], expected["head"]["fc"]["kernel"], atol=1e-4
    )
    # One process takes up what several began.
    shutil.rmtree(workdir / "checkpoints" / "5")
    train(workdir, 1)
    assert losses(workdir) == pytest.approx(losses(alone), rel=1e-4)
