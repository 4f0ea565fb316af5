"""The Beam pipeline writes what the bulk tool writes, with several workers."""

import numpy as np
import pytest

from maskarc import images
from maskarc.masks import beam, bulk

pytest.importorskip("apache_beam", reason="needs the beam extra")
pytestmark = pytest.mark.filterwarnings("ignore")  # Beam's own dependencies


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a.jpg", "sub/b.png", "sub/deep/ä c.webp", "d.png", ".hidden/e.png"):
        image = rng.integers(80, 180, (112, 112, 3), np.uint8)
        images.write_image(tmp_path / "in" / name, image)
    (tmp_path / "in" / "empty.jpg").write_bytes(b"")
    (tmp_path / "in" / "notes.txt").write_text("not a photo")
    return tmp_path / "in"


def contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file()
    }


@pytest.mark.parametrize("mode", ["multi_threading", "multi_processing"])
def test_two_workers_write_what_the_bulk_tool_writes(source, tmp_path, mode):
    options = {
        "detector": "canonical",
        "seed": 4,
        "save_mask": True,
        "labels": ("yolo",),
    }
    bulk.mask_folder(source, tmp_path / "bulk", progress=False, **options)
    expected = contents(tmp_path / "bulk")
    counts = beam.mask_files(
        str(source),
        str(tmp_path / "beam"),
        num_shards=2,
        pipeline_arguments=[
            "--runner=DirectRunner",
            "--direct_num_workers=2",
            f"--direct_running_mode={mode}",
        ],
        **options,
    )
    found = contents(tmp_path / "beam")
    shards = [found.pop(f"manifest-0000{k}-of-00002.jsonl") for k in range(2)]
    lines = b"".join(shards).splitlines()
    assert sorted(lines) == sorted(expected.pop("manifest.jsonl").splitlines())
    expected.pop("landmarks.npz")
    assert found == expected
    assert counts in ({"masked": 4, "unreadable": 1, "ignored": 1}, {})


def test_overlapping_folders_are_refused(source, tmp_path):
    for output in (source / "out", tmp_path, "gs://bucket/in/out"):
        start = "gs://bucket/in" if "gs:" in str(output) else str(source)
        with pytest.raises(ValueError, match="must not overlap"):
            beam.mask_files(start, str(output), detector="canonical")
