import csv

import numpy as np
import pytest

from maskarc import images, landmarks
from maskarc.landmarks import types as landmark_types
from maskarc.masks import collecting, database


@pytest.fixture
def photos(tmp_path, masked_person, monkeypatch):
    """Two masked people, a bare one, a landscape and two broken files."""
    folder = tmp_path / "photos"
    where = {}
    for number, (name, colour) in enumerate(
        [("a.png", (90, 150, 200)), ("sub/b.png", (20, 20, 25)), ("bare.png", None)]
    ):
        photo, points, _ = masked_person(colour, seed=number)
        images.write_image(folder / name, photo)
        where[name] = points.astype(np.float32)
    images.write_image(folder / "landscape.png", np.zeros((50, 80, 3), np.uint8))
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("not a photo")
    (folder / "notes.txt").write_text("not listed")

    def detector(image, name=""):
        if name not in where:
            return []
        points = where[name]
        box = landmark_types.box_of(points)
        return [landmarks.Face(box=box, score=1.0, points=points, layout="68")]

    monkeypatch.setattr(landmarks, "create_detector", lambda name: detector)
    return folder


def contents(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_each_photo_has_an_outcome(photos, tmp_path):
    before = contents(photos)
    output = tmp_path / "out" / "masks.json"
    outcomes = collecting.build_database(
        photos, output, figures_folder=str(tmp_path / "figures"), progress=False
    )
    assert {o.path: o.outcome for o in outcomes} == {
        "a.png": "cut",
        "bare.png": "no_mask",
        "empty.jpg": "unreadable",
        "landscape.png": "no_face",
        "notes.txt": "ignored",
        "sub/b.png": "cut",
        "text.jpg": "unreadable",
    }
    assert all(o.reason for o in outcomes if o.outcome != "cut")
    with (tmp_path / "out" / "masks.outcomes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [r["path"] for r in rows] == sorted(r["path"] for r in rows)
    assert [r["outcome"] for r in rows] == [o.outcome for o in outcomes]
    masks = database.load(output)
    assert [m.source for m in masks] == ["a.png", "sub/b.png"]
    assert images.read_image(tmp_path / "figures" / "masks_0000.png").std() > 10
    assert contents(photos) == before


def test_every_fourth_mask_is_held_back(photos, tmp_path):
    output, holdout = tmp_path / "masks.json", tmp_path / "held.json"
    collecting.build_database(photos, output, holdout=str(holdout), progress=False)
    assert [mask.name for mask in database.load(str(holdout))] == ["a.png"]
    assert [mask.name for mask in database.load(str(output))] == ["sub/b.png"]


def test_a_folder_without_masks_is_an_error_with_outcomes(photos, tmp_path):
    for name in ("a.png", "sub/b.png"):
        (photos / name).unlink()
    output = tmp_path / "masks.json"
    with pytest.raises(ValueError, match="none of the 4 photos"):
        collecting.build_database(photos, output, progress=False)
    assert not output.exists()
    assert (tmp_path / "masks.outcomes.csv").exists()


def test_bad_arguments(photos, tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.json"):
        collecting.build_database(photos, tmp_path / "masks.db", progress=False)
    with pytest.raises(FileNotFoundError):
        collecting.build_database(tmp_path / "absent", tmp_path / "m.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no photos"):
        collecting.build_database(tmp_path / "empty", tmp_path / "m.json")


def test_real_photos_give_masks(faces, tmp_path):
    try:
        landmarks.create_detector("mesh")
    except ImportError as error:
        pytest.skip(str(error))
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in (9, 33, 43):
        photo = images.read_image(faces / "masked_photos" / f"{number:03d}.jpg")
        images.write_image(folder / f"{number:03d}.png", photo)
    outcomes = collecting.build_database(
        folder, tmp_path / "masks.json", detector="mesh", progress=False
    )
    assert [o.outcome for o in outcomes] == ["cut"] * 3
