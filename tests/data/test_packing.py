"""Packing a folder: every file has an outcome, and what is packed is what was there."""

import io
import json

import numpy as np
import PIL.Image
import pytest

from maskarc import alignment, images, landmarks
from maskarc.data import pack_check, packing, record_faces, shards, sources, synthetic

FACES = synthetic.SyntheticFaces(4, 3, size=64)


@pytest.fixture
def photos(tmp_path):
    """Four people with three photos, one of them too few that can be used, and odds."""
    root = tmp_path / "photos"
    for index, name in enumerate(FACES.names):
        images.write_image(root / name, FACES[index]["image"])
    (root / "id_00001/0001.png").write_bytes(b"damaged")
    (root / "id_00001/notes.txt").write_text("notes")
    images.write_image(root / "stray.png", FACES[0]["image"])
    points = np.stack([FACES[index]["landmarks"] for index in range(12)])
    points[3] = np.nan  # id_00001/0000.png has no face
    points[4] = np.nan  # id_00001/0001.png is damaged
    points[6] = 7.0  # id_00002/0000.png has one without extent
    outcomes = ("ok",) * 3 + ("no_face",) + ("unreadable: damaged",) + ("ok",) * 7
    landmarks.LandmarkTable(FACES.names, points, outcomes).save(tmp_path / "table.npz")
    return root


def pack(photos, output, **options):
    options = {
        "landmark_file": str(photos.parent / "table.npz"),
        "min_photos": 2,
        "part_photos": 3,
        **options,
    }
    return packing.pack_folder(photos, output, progress=False, **options)


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def untouched(folder) -> dict:
    """All that is known of the files but when they were last read."""
    found = {path: path.stat() for path in folder.rglob("*")}
    return {
        path: (*status[:7], status.st_mtime_ns, status.st_ctime_ns)
        for path, status in found.items()
    }


def test_every_file_has_an_outcome(photos, tmp_path):
    before = untouched(photos)
    counts = pack(photos, tmp_path / "out")
    assert counts == {
        "packed": 8,
        "unreadable": 1,
        "no_face": 2,
        "too_few": 1,
        "stray": 1,
        "ignored": 1,
    }
    lines = (tmp_path / "out/manifest.jsonl").read_text().splitlines()
    rows = {row["path"]: row for row in map(json.loads, lines)}
    assert list(rows) == sorted(
        p.relative_to(photos).as_posix() for p in photos.rglob("*") if p.is_file()
    )
    assert rows["id_00001/0000.png"]["reason"] == "no_face"
    assert "span a face" in rows["id_00002/0000.png"]["reason"]
    assert "not an image" in rows["id_00001/0001.png"]["reason"]
    assert rows["id_00001/0002.png"]["outcome"] == "too_few"
    assert (
        rows["id_00003/0001.png"]["label"],
        rows["id_00003/0001.png"]["record"],
    ) == (
        2,
        6,
    )
    assert untouched(photos) == before


def test_shards_hold_the_photos_as_they_are(photos, tmp_path):
    pack(photos, tmp_path / "out")
    packed = shards.ShardedFaces.open(tmp_path / "out")
    table = landmarks.LandmarkTable.load(tmp_path / "table.npz")
    folder = sources.ImageFolder.from_folder(photos, table, min_photos=2)
    kept = [i for i, name in enumerate(folder.names) if name != "id_00002/0000.png"]
    assert packed.names == tuple(folder.names[i] for i in kept)
    assert packed.identities == folder.identities
    for number, index in enumerate(kept):
        record, element = packed.read(number), packed[number]
        assert record.photo == (photos / record.name).read_bytes()
        np.testing.assert_array_equal(element["image"], folder[index]["image"])
        np.testing.assert_array_equal(element["landmarks"], folder[index]["landmarks"])
        assert element["label"] == folder[index]["label"]
    assert pack_check.check(tmp_path / "out", progress=False) == 8


@pytest.mark.parametrize("encoding", ["jpg", "png"])
def test_recordio_holds_aligned_crops(encoding, photos, tmp_path):
    pack(photos, tmp_path / "out", file_format="recordio", crop=48, encoding=encoding)
    packed = record_faces.RecordFaces.open(tmp_path / "out")
    assert packed.labels.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert (tmp_path / "out/property").read_text() == "3,48,48"
    for number, index in enumerate([0, 1, 2, 7, 8, 9, 10, 11]):
        element = FACES[index]
        crop = alignment.crop_face(element["image"], element["landmarks"], size=48)
        if encoding == "jpg":
            file = io.BytesIO()
            PIL.Image.fromarray(crop).save(file, "JPEG", quality=95)
            crop = np.asarray(PIL.Image.open(file))
        np.testing.assert_array_equal(packed[number]["image"], crop)
    assert pack_check.check(tmp_path / "out", progress=False) == 8
    offsets = dict(packed.file.offsets())
    assert len(offsets) == 1 + 8 + 3
    lines = (tmp_path / "out/train.idx").read_text().splitlines()
    assert [int(line.split("\t")[1]) for line in lines] == list(offsets)


def test_aligned_crops_are_packed_without_landmarks(photos, tmp_path):
    for file_format in ("shards", "recordio"):
        output = tmp_path / file_format
        options = dict(landmark_file="", aligned=True, file_format=file_format)
        assert pack(photos, output, **options)["packed"] == 11
        assert pack_check.check(output, progress=False) == 11
    element = shards.ShardedFaces.open(tmp_path / "shards")[0]
    assert set(element) == {"image", "label"}
    record = record_faces.RecordFaces.open(tmp_path / "recordio")[10]
    np.testing.assert_array_equal(record["image"], FACES[11]["image"])


@pytest.mark.parametrize("file_format", ["shards", "recordio"])
def test_a_broken_off_run_goes_on_to_the_same_bytes(
    file_format, photos, tmp_path, monkeypatch
):
    options = dict(file_format=file_format, crop=32)
    pack(photos, tmp_path / "whole", **options)
    whole = contents(tmp_path / "whole")
    made = []
    record = packing._record

    def counting(root, photo, settings):
        made.append(photo.name)
        if len(made) == stop:
            raise KeyboardInterrupt
        return record(root, photo, settings)

    monkeypatch.setattr(packing, "_record", counting)
    for stop in (1, 2, 4, 7, 8):
        output = tmp_path / f"cut{stop}"
        made.clear()
        with pytest.raises(KeyboardInterrupt):
            pack(photos, output, threads=1, **options)
        with pytest.raises((shards.ShardError, FileNotFoundError)):
            pack_check.check(output, progress=False)
        made.clear()
        stop, before = 0, stop
        pack(photos, output, **options)
        assert len(made) == 8 - 3 * ((before - 1) // 3)
        assert contents(output) == whole
        made.clear()
        pack(photos, output, **options)
        assert made == [] and contents(output) == whole


@pytest.mark.parametrize("file_format", ["shards", "recordio"])
def test_a_changed_source_is_packed_anew_from_there_on(file_format, photos, tmp_path):
    output = tmp_path / "out"
    options = dict(file_format=file_format, crop=32)
    pack(photos, output, **options)
    images.write_image(photos / "id_00003/0002.png", FACES[0]["image"])
    pack(photos, output, **options)
    (photos / "id_00003/0002.png").unlink()
    pack(photos, output, **options)
    pack(photos, tmp_path / "afresh", **options)
    assert contents(output) == contents(tmp_path / "afresh")


def test_a_photo_that_changes_meanwhile(photos, tmp_path, monkeypatch):
    look = packing._look

    def look_and_change(root, name, *rest):
        result = look(root, name, *rest)
        if name == "id_00003/0001.png":
            (root / name).write_bytes((root / "id_00000/0000.png").read_bytes())
        return result

    monkeypatch.setattr(packing, "_look", look_and_change)
    with pytest.raises(ValueError, match=r"id_00003/0001\.png has changed"):
        pack(photos, tmp_path / "out")
    monkeypatch.undo()
    assert pack(photos, tmp_path / "out")["packed"] == 8
    assert pack_check.check(tmp_path / "out", progress=False) == 8


@pytest.mark.parametrize("file_format", ["shards", "recordio"])
def test_check_finds_a_changed_byte(file_format, photos, tmp_path):
    output = tmp_path / "out"
    pack(photos, output, file_format=file_format, crop=32)
    name = (
        "train.rec"
        if file_format == "recordio"
        else "faces-00001-of-00003.array_record"
    )
    content = bytearray((output / name).read_bytes())
    content[-1] ^= 1
    (output / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"1 faults: {name} has another checksum"):
        pack_check.check(output, progress=False)
    place = content.index(b"\xff\xd8\xff")
    content[place : place + 3] = b"\0\0\0"
    (output / name).write_bytes(content)
    with pytest.raises(ValueError, match="2 faults"):
        pack_check.check(output, progress=False)


def test_settings_out_of_range(photos, tmp_path):
    for options, message in (
        (dict(file_format="lmdb"), "'lmdb'; expected one of shards, recordio"),
        (dict(file_format="recordio"), "recordio holds no landmarks"),
        (dict(encoding="gif"), "'gif'; expected one of jpg, png"),
        (dict(crop=32, aligned=True), "not cropped"),
        (dict(aligned=True), "need no landmarks"),
        (dict(crop=-1), "crop of 0 or more"),
        (dict(part_photos=0), "part_photos of 1 or more"),
        (dict(threads=0), "1 thread or more"),
        (dict(min_photos=9), r"no photo below .* can be packed"),
    ):
        with pytest.raises(ValueError, match=message):
            pack(photos, tmp_path / "out", **options)
    for output in (photos, photos / "out", tmp_path):
        with pytest.raises(ValueError, match="must not overlap"):
            pack(photos, output)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no photos in"):
        pack(tmp_path / "empty", tmp_path / "other")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        pack(photos.parent / "nowhere", tmp_path / "other", landmark_file="")
    pack(photos, tmp_path / "taken", crop=32)
    with pytest.raises(ValueError, match=r"other settings \(crop\)"):
        pack(photos, tmp_path / "taken", crop=48)
