"""One photo in, its outcome and files out: every kind of bad input by name."""

import dataclasses
import io
import json

import numpy as np
import PIL.Image
import pytest

from maskarc import geometry, images
from maskarc.landmarks import files as landmark_files
from maskarc.masks import labels, masking

CANONICAL = masking.Settings(detector="canonical", seed=3)


def encoded(array, file_format="PNG", mode=None, **options):
    picture = PIL.Image.fromarray(array)
    buffer = io.BytesIO()
    (picture.convert(mode) if mode else picture).save(buffer, file_format, **options)
    return buffer.getvalue()


GREY = np.full((112, 112), 150, np.uint8)
RGB = np.full((112, 112, 3), 150, np.uint8)


def rotated():
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    return encoded(np.full((112, 90, 3), 150, np.uint8), "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("data", "name", "size"),
    [
        (encoded(GREY), "grey.png", [112, 112]),
        (encoded(GREY.astype(np.uint16) * 256), "deep.png", [112, 112]),
        (encoded(RGB, mode="RGBA"), "clear.png", [112, 112]),
        (encoded(RGB, "JPEG", mode="CMYK"), "print.jpg", [112, 112]),
        (rotated(), "rotated.jpg", [112, 90]),
        (encoded(RGB), "no jpeg.jpg", [112, 112]),
    ],
)
def test_odd_photos_are_masked_as_rgb(data, name, size):
    result = masking.mask_photo(data, name, CANONICAL)
    assert result.row["outcome"] == "masked", result.row
    assert result.row["size"] == size
    photo = images.decode_image(result.files[name], name)
    assert list(photo.shape) == [size[1], size[0], 3]


def test_photos_of_formats_that_are_not_written_become_png():
    settings = dataclasses.replace(CANONICAL, labels=("coco", "yolo"))
    names = ("a/x.gif", "a/x.gif.png", "a/x.png", "a/x.GIF")
    results = [masking.mask_photo(encoded(RGB), name, settings) for name in names]
    written = [result.row["result"] for result in results]
    assert written == ["a/x.gif.png", "a/x.gif.png.png", "a/x.png", "a/x.GIF.png"]
    assert list(results[0].files) == ["a/x.gif.png", "a/x.gif.txt"]
    assert results[0].files["a/x.gif.png"].startswith(b"\x89PNG")
    [photo] = labels.coco([results[0].row], masking.load_masks(settings).kinds)[
        "images"
    ]
    assert photo["file_name"] == "a/x.gif.png"


@pytest.mark.parametrize(
    ("data", "name", "outcome", "reason"),
    [
        (b"", "a.jpg", "unreadable", "empty"),
        (encoded(RGB)[:-60], "a.png", "unreadable", "damaged"),
        (b"<html>", "a.jpg", "unreadable", "not an image"),
        (encoded(np.zeros((40, 30, 3), np.uint8)), "a.png", "unreadable", "limit"),
        (encoded(RGB), "a.tga", "ignored", ".webp"),
    ],
)
def test_files_that_are_no_photos_say_why(data, name, outcome, reason):
    limit = 1000 if reason == "limit" else images.MAX_PIXELS
    settings = masking.Settings(detector="canonical", max_pixels=limit)
    result = masking.mask_photo(data, name, settings)
    assert result.row["outcome"] == outcome and reason in result.row["reason"]
    assert result.row["sha256"] is None and result.files == {}


@pytest.mark.parametrize(
    ("points", "outcome"),
    [
        (None, "no_face"),
        (np.full((68, 2), np.nan), "no_face"),
        (np.full((68, 2), 40.0), "unfit"),
        (np.full((68, 2), 1e9), "unfit"),
    ],
)
def test_landmarks_that_are_no_face_say_so(points, outcome):
    settings = masking.Settings(landmark_file="table.npz")
    known = landmark_files.Row(name="a.png", outcome="no_face", points=points)
    row = masking.mask_photo(encoded(RGB), "a.png", settings, known).row
    assert row["outcome"] == outcome and row["reason"]
    assert json.loads(json.dumps(row)) == row
    unlisted = masking.mask_photo(encoded(RGB), "a.png", settings).row
    assert (unlisted["outcome"], unlisted["reason"]) == (
        "no_face",
        "not in the landmark table",
    )


def test_an_error_in_a_detector_fails_one_photo_only(monkeypatch):
    def detector(image, name):
        raise MemoryError("too large")

    monkeypatch.setattr(masking, "load_detector", lambda settings: detector)
    row = masking.mask_photo(encoded(RGB), "a.png", CANONICAL).row
    assert row["outcome"] == "failed" and row["reason"] == "MemoryError: too large"


@pytest.fixture
def two_faces(tmp_path, project):
    """A photo 300×200, and a file with a small face on its left, a large one right."""
    turned = geometry.Pose(yaw=0.3, pitch=-0.1, roll=0.0)
    points = [
        project(scale=30, centre=(50.0, 60.0)),
        project(turned, scale=60, centre=(190.0, 60.0)),
    ]
    np.save(tmp_path / "faces.npy", np.array(points, np.float32))
    photo = np.random.default_rng(0).integers(90, 150, (200, 300, 3), np.uint8)
    return photo, tmp_path / "faces.npy"


def test_all_faces_have_a_mask_each(two_faces):
    photo, path = two_faces
    settings = masking.Settings(
        landmark_file=str(path),
        faces="all",
        save_mask=True,
        overlay=True,
        side_by_side=True,
        labels=("yolo", "coco", "yolo"),
    )
    result = masking.mask_photo(encoded(photo), "a/b.png", settings)
    large, small = result.row["faces"]  # the main face comes first
    assert large["outcome"] == small["outcome"] == "masked"
    assert large["pose"]["yaw"] == pytest.approx(0.3, abs=0.05)
    written = np.array(large["landmarks"], np.float32)
    np.testing.assert_array_equal(written, np.load(path)[1])  # exactly
    assert large["mask_area"] > 2 * small["mask_area"] > 0
    assert small["mask_box"][0] + small["mask_box"][2] < large["mask_box"][0]

    pictures = {
        name: images.decode_image(content, name)
        for name, content in result.files.items()
        if images.is_image(name)
    }
    changed = (pictures["a/b.png"] != photo).any(axis=-1)
    mask = pictures["extras/mask/a/b.png.png"][..., 0] == 255
    assert mask.sum() == large["mask_area"] + small["mask_area"]
    assert changed[mask].mean() > 0.99
    np.testing.assert_array_equal(
        pictures["extras/side_by_side/a/b.png.png"],
        np.concatenate([photo, pictures["a/b.png"]], axis=1),
    )
    overlay = pictures["extras/overlay/a/b.png.png"]
    assert 0.005 < (overlay != pictures["a/b.png"]).any(axis=-1).mean() < 0.2
    assert len(result.files["a/b.txt"].splitlines()) == 2
    assert len(large["polygons"][0]) > 20
    assert set(result.row["extras"]) == set(result.files) - {"a/b.png"}


def test_the_main_face_wears_the_same_mask_alone(two_faces):
    photo, path = two_faces
    alone, together = (
        masking.mask_photo(
            encoded(photo),
            "a.png",
            masking.Settings(landmark_file=str(path), faces=faces),
        ).row["faces"]
        for faces in ("main", "all")
    )
    assert alone[0] == together[0]
    assert alone[1]["outcome"] == "bare" and alone[1]["mask"] is None
    assert alone[1]["landmarks"] == together[1]["landmarks"]


def test_settings_out_of_range():
    for options, message in (
        ({"seed": -1}, "seed of 0 or more"),
        ({"faces": "both"}, "'main' or 'all'"),
        ({"labels": ("voc",)}, "coco or yolo"),
        ({"max_pixels": 0}, "max_pixels"),
    ):
        with pytest.raises(ValueError, match=message):
            masking.Settings(**options)
