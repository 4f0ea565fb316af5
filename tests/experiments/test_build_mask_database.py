import pathlib
import subprocess
import sys

import numpy as np
import pytest

from maskarc import images

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("photos", ["absent", "maskless"])
def test_errors_are_one_line(tmp_path, photos):
    images.write_image(
        tmp_path / "maskless" / "grey.png", np.full((112, 112, 3), 90, np.uint8)
    )
    command = [sys.executable, "-m", "experiments.build_mask_database"]
    command += [f"--photos={tmp_path / photos}", f"--output={tmp_path / 'masks.json'}"]
    done = subprocess.run(
        [*command, "--detector=canonical"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: no")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "masks.json").exists()
    assert (tmp_path / "masks.outcomes.csv").exists() == (photos == "maskless")
