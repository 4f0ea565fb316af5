import json
import pathlib
import subprocess
import sys

import numpy as np

from maskarc import images

ROOT = pathlib.Path(__file__).parents[2]


def run(*flags):
    command = [sys.executable, "-m", "experiments.mask_dataset", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_folder_is_masked(tmp_path):
    for name in ("x/1.png", "y/2.jpg"):
        images.write_image(
            tmp_path / "in" / name, np.full((112, 112, 3), 150, np.uint8)
        )
    (tmp_path / "in" / "broken.jpg").write_text("not a photo")
    flags = [f"--input={tmp_path / 'in'}", f"--output={tmp_path / 'out'}"]
    done = run(*flags, "--detector=canonical", "--seed=3", "--masks=builtin")
    assert done.returncode == 0, done.stderr
    summary = "3 photos: 2 masked, 1 unreadable"
    assert done.stdout.strip().splitlines()[-1].startswith(summary)
    manifest = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert {json.loads(line)["outcome"] for line in manifest} == {
        "masked",
        "unreadable",
    }
    assert images.list_images(tmp_path / "out") == ["x/1.png", "y/2.jpg"]


def test_errors_are_one_line(tmp_path):
    done = run(f"--input={tmp_path}", f"--output={tmp_path / 'out'}")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr
