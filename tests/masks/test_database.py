import base64
import dataclasses
import io
import json

import cv2
import numpy as np
import PIL.Image
import pytest

from maskarc import geometry
from maskarc.masks import database, drawing, light


def png(rgba):
    buffer = io.BytesIO()
    PIL.Image.fromarray(rgba).save(buffer, "PNG")
    return buffer.getvalue()


def text(data):
    return base64.b64encode(data).decode()


@pytest.fixture
def masks(make_mask):
    pose = geometry.Pose(yaw=0.3, pitch=-0.1, roll=0.01)
    return [
        make_mask(name="a.jpg", pose=pose, source="a.jpg", source_size=(640, 427)),
        make_mask((5, 6, 7), name="b/ä.jpg", kind="cloth", luminance=99.5, alpha=7),
    ]


@pytest.fixture
def saved(tmp_path, masks):
    """A database on disk, and a function that rewrites it with changes."""
    path = tmp_path / "masks.json"
    database.save(path, masks)

    def change(**fields):
        content = json.loads(path.read_text())
        content["masks"][0].update(fields)
        for name in [k for k, v in fields.items() if v is None]:
            del content["masks"][0][name]
        path.write_text(json.dumps(content))
        return path

    return change


def test_what_is_saved_is_loaded(tmp_path, masks):
    path = tmp_path / "new" / "masks.json"
    database.save(path, masks)
    loaded = database.load(path)
    assert len(loaded) == 2
    for mask, copy in zip(masks, loaded, strict=True):
        np.testing.assert_array_equal(copy.rgba, mask.rgba)
        np.testing.assert_allclose(copy.landmarks, mask.landmarks, atol=1e-3)
        np.testing.assert_array_equal(copy.indices, mask.indices)
        for field in ("name", "kind", "pose", "luminance", "source", "source_size"):
            assert getattr(copy, field) == getattr(mask, field)
    content = json.loads(path.read_text())
    assert (content["format"], content["version"]) == ("maskarc-masks", 1)
    assert [p.name for p in path.parent.iterdir()] == ["masks.json"]


def test_mirrored_masks_can_be_saved(tmp_path, masks):
    database.save(tmp_path / "m.json", [masks[0].mirrored()])
    [loaded] = database.load(tmp_path / "m.json")
    np.testing.assert_array_equal(loaded.rgba, masks[0].rgba[:, ::-1])


def test_a_failed_save_leaves_the_old_file(tmp_path, masks, monkeypatch):
    path = tmp_path / "masks.json"
    database.save(path, masks)
    before = path.read_bytes()
    monkeypatch.setattr(database.os, "replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        database.save(path, masks[:1])
    assert path.read_bytes() == before


def test_builtin_is_the_drawings():
    assert database.load("builtin") is drawing.builtin_masks()


def test_pictures_may_lie_beside(tmp_path, saved, masks):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(png(masks[0].rgba))
    loaded = database.load(saved(png=None, image="pictures/a.png"))
    np.testing.assert_array_equal(loaded[0].rgba, masks[0].rgba)


@pytest.mark.parametrize("name", ["../a.png", "{root}/a.png", "pictures/../../a.png"])
def test_pictures_outside_the_folder_are_refused(tmp_path, masks, name):
    folder = tmp_path / "database"
    (tmp_path / "a.png").write_bytes(png(masks[0].rgba))
    database.save(folder / "masks.json", masks)
    content = json.loads((folder / "masks.json").read_text())
    del content["masks"][0]["png"]
    content["masks"][0]["image"] = name.format(root=tmp_path)
    (folder / "masks.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="outside the database's folder"):
        database.load(folder / "masks.json")


def original_record(project, rgba):
    """A record as the original writes it: red and blue swapped on their way to PNG."""
    landmarks = project()
    points = [landmarks[28], *landmarks[1:16]]
    done, data = cv2.imencode(".png", rgba)
    assert done
    return {
        "s1": 3.5,
        "s2": 1.1,
        "points": [[round(x), round(y)] for x, y in points],
        "base64_img": text(data.tobytes()),
    }


def test_the_originals_format_is_read(tmp_path, project, make_mask):
    mask = make_mask((200, 100, 50))
    path = tmp_path / "masks_base.json"
    path.write_text(json.dumps({"masks": [original_record(project, mask.rgba)]}))
    [loaded] = database.load(path)
    np.testing.assert_array_equal(loaded.rgba[120, 100], (200, 100, 50, 255))
    np.testing.assert_array_equal(loaded.rgba, mask.rgba)
    assert loaded.indices.tolist() == [28, *range(1, 16)]
    np.testing.assert_allclose(loaded.landmarks[0], project()[28], atol=0.51)
    assert abs(loaded.pose.yaw) < 0.1 and abs(loaded.pose.roll) < 0.05
    assert (loaded.kind, loaded.luminance) == ("photo", light.USUAL)


def test_the_originals_opaque_pictures_are_cut_by_their_points(
    tmp_path, project, make_mask
):
    record = original_record(project, np.ascontiguousarray(make_mask().rgba[..., :3]))
    (tmp_path / "m.json").write_text(json.dumps({"masks": [record]}))
    [loaded] = database.load(tmp_path / "m.json")
    assert loaded.rgba[130, 100, 3] == 255
    assert not loaded.rgba[[5, 235], [5, 195], 3].any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a JSON file"),
        (b"\xff\xd8\xff\xe0 a photo", "not a JSON file"),
        (b"[" * 100_000, "not a JSON file"),
        (b"[]", "no 'masks'"),
        (b'{"images": []}', "no 'masks'"),
        (b'{"masks": []}', "holds no masks"),
        (b'{"masks": {"a": 1}}', "holds no masks"),
        (b'{"masks": [7]}', "mask 0: "),
        (b'{"masks": [{}]}', "mask 0: 'base64_img' is missing"),
        (b'{"format": "coco", "masks": []}', "expected the format 'maskarc-masks'"),
        (b'{"format": "maskarc-masks", "version": 2, "masks": []}', "newer than"),
        (b'{"format": "maskarc-masks", "masks": []}', "expected a version number"),
        (b'{"format": "maskarc-masks", "version": "1", "masks": []}', "version number"),
    ],
)
def test_foreign_files_are_refused(tmp_path, content, message):
    path = tmp_path / "masks.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        database.load(path)
    assert str(caught.value).startswith("masks.json: ")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"png": "no base64!"}, "not valid base64"),
        ({"png": 5}, "not valid base64"),
        ({"png": text(b"\x89PNG\r\n\x1a\n")}, "not a readable PNG"),
        ({"png": text(png(np.zeros((9, 9, 4), np.uint8))[:-30])}, "not a readable PNG"),
        ({"png": text(png(np.zeros((9, 9, 3), np.uint8)))}, "no alpha channel"),
        ({"png": None}, "'image' is missing"),
        ({"png": None, "image": "absent.png"}, "does not exist"),
        ({"name": None}, "'name' is missing"),
        ({"name": "b/ä.jpg"}, "names occur twice"),
        ({"landmarks": [[1, 2]]}, "landmarks"),
        ({"landmarks": "abc"}, "could not convert"),
        ({"indices": [*range(67), 1]}, "distinct indices"),
        ({"pose": {"yaw": 0}}, "'pitch' is missing"),
        ({"luminance": -1}, "luminance"),
        ({"source_size": [1, 2, 3]}, "values to unpack"),
    ],
)
def test_damaged_masks_are_named(saved, fields, message):
    with pytest.raises(ValueError, match=message) as caught:
        database.load(saved(**fields))
    assert str(caught.value).startswith("masks.json: mask")


def test_a_bomb_is_refused_before_decoding(saved, monkeypatch):
    monkeypatch.setattr(database, "MAX_PIXELS", 100)
    bomb = png(np.zeros((11, 11, 4), np.uint8))
    with pytest.raises(ValueError, match="11×11 pixels exceed the limit of 100"):
        database.load(saved(png=text(bomb)))


def test_missing_files_and_empty_databases(tmp_path, masks):
    with pytest.raises(FileNotFoundError, match="no mask database at"):
        database.load(tmp_path / "absent.json")
    with pytest.raises(FileNotFoundError):
        database.load(tmp_path)
    for bad in ([], [masks[0], masks[0]]):
        with pytest.raises(ValueError, match="one or more masks of different names"):
            database.save(tmp_path / "m.json", bad)
    assert not list(tmp_path.iterdir())


def test_drawings_are_kept_by_name(tmp_path):
    drawings = drawing.builtin_masks()[:2]
    database.save(tmp_path / "d.json", drawings)
    assert database.load(tmp_path / "d.json") == drawings
    assert (tmp_path / "d.json").stat().st_size < 1000


def test_variations_and_unknown_drawings_are_refused(tmp_path):
    varied = dataclasses.replace(drawing.builtin_masks()[0], name="mine")
    with pytest.raises(ValueError, match="mine is a variation"):
        database.save(tmp_path / "d.json", [varied])
    (tmp_path / "d.json").write_text(
        '{"format": "maskarc-masks", "version": 1, '
        '"masks": [{"name": "a", "drawing": "veil"}]}'
    )
    with pytest.raises(ValueError, match=r"unknown drawing 'veil'.*surgical_blue"):
        database.load(tmp_path / "d.json")
