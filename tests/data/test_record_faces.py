"""InsightFace's sets, written here by their description."""

import pickle
import struct
from concurrent import futures

import numpy as np
import pytest

from maskarc import images
from maskarc.data import record_faces, recordio, synthetic, transforms
from maskarc.masks import database

MAGIC = bytes.fromhex("0a23d7ce")
# Images of the classes; class 1 has none.
LABELS = [0, 0, 0, 2, 2, 3]


def record(payload):
    word = struct.pack("<I", len(payload))
    return MAGIC + word + payload + bytes(-len(payload) % 4)


def image_record(label, key, content):
    return record(struct.pack("<IfQQ", 0, label, key, 0) + content)


def range_record(key, first, beyond):
    return record(struct.pack("<IfQQff", 2, 0, key, 0, first, beyond))


def write_set(folder, records):
    """Writes the records {key: bytes}, in this order."""
    offset, lines = 0, []
    for key, data in records.items():
        lines.append(f"{key}\t{offset}\n")
        offset += len(data)
    folder.mkdir(exist_ok=True)
    (folder / "train.rec").write_bytes(b"".join(records.values()))
    (folder / "train.idx").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def crops():
    faces = synthetic.SyntheticFaces(6, 1, size=128)
    crop = transforms.AlignedCrop(112)
    rng = np.random.default_rng(0)
    return [crop.random_map(faces[i], rng)["image"] for i in range(6)]


@pytest.fixture
def records(crops):
    """The records of a set with InsightFace's ranges."""
    content = [images.encode_image(crop, "x.png") for crop in crops]
    return {
        0: range_record(0, 7, 10),
        **{1 + i: image_record(LABELS[i], 1 + i, content[i]) for i in range(6)},
        7: range_record(7, 1, 4),
        8: range_record(8, 4, 6),
        9: range_record(9, 6, 7),
    }


def test_a_set_with_ranges(records, crops, tmp_path):
    folder = write_set(tmp_path / "set", records)
    (folder / "property").write_text("5,112,112")
    source = record_faces.RecordFaces.open(folder)
    assert len(source) == 6 and source.num_classes == 5
    assert source.labels.tolist() == LABELS and source.labels.dtype == np.int32
    assert source.names[5] == "00000006"
    for index, crop in enumerate(crops):
        np.testing.assert_array_equal(source[index]["image"], crop)
        assert source[index]["label"] == LABELS[index]
    for path in (folder / "train", folder / "train.rec"):
        assert len(record_faces.RecordFaces.open(path)) == 6


def test_ranges_spare_the_reading_of_every_header(records, tmp_path, monkeypatch):
    folder = write_set(tmp_path / "set", records)
    read = recordio.RecordFile.read
    offsets = []

    def counting(self, offset, **options):
        offsets.append(offset)
        return read(self, offset, **options)

    monkeypatch.setattr(recordio.RecordFile, "read", counting)
    record_faces.RecordFaces.open(folder)
    assert len(offsets) == 1 + 3 + 3  # the first, the ranges, an image of each


def test_ranges_that_do_not_cover_the_images_are_not_believed(records, tmp_path):
    for wrong in ((1, 3), (4, 5), (1, 1), (7, 9), (-5, 100), (float("nan"), 4)):
        other = {**records, 7: range_record(7, *wrong)}
        source = record_faces.RecordFaces.open(write_set(tmp_path / "set", other))
        assert source.labels.tolist() == LABELS
    for wrong in ((7, 99), (3, 2), (0, 0)):
        other = {**records, 0: range_record(0, *wrong)}
        source = record_faces.RecordFaces.open(write_set(tmp_path / "set", other))
        assert source.labels.tolist() == LABELS


def test_a_set_without_ranges(records, crops, tmp_path):
    plain = {key - 1: records[key] for key in range(1, 7)}
    listed = struct.pack("<IfQQ", 2, 0, 3, 0) + struct.pack("<2f", 2, 0.25)
    plain[3] = record(listed + images.encode_image(crops[3], "x.png"))
    source = record_faces.RecordFaces.open(write_set(tmp_path / "set", plain))
    assert source.labels.tolist() == LABELS and source.num_classes == 4
    np.testing.assert_array_equal(source[3]["image"], crops[3])


def test_reading_from_threads_and_after_pickling(records, crops, tmp_path):
    source = record_faces.RecordFaces.open(write_set(tmp_path / "set", records))
    source = pickle.loads(pickle.dumps(source))
    with futures.ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda i: source[i % 6]["image"], range(120)))
    assert all(np.array_equal(row, crops[i % 6]) for i, row in enumerate(rows))


def test_damaged_sets(records, tmp_path):
    folder = write_set(tmp_path / "set", records)
    (folder / "train.idx").write_text("1\t0\n2\t999999999\n")
    with pytest.raises(recordio.RecordError, match="points outside"):
        record_faces.RecordFaces.open(folder)
    (folder / "train.idx").write_text("0\t0\n1\t20\n")
    with pytest.raises(recordio.RecordError, match="at byte 20"):
        record_faces.RecordFaces.open(folder)
    (folder / "train.idx").unlink()
    with pytest.raises(FileNotFoundError, match=r"train\.idx"):
        record_faces.RecordFaces.open(folder)
    (folder / "other.rec").touch()
    with pytest.raises(FileNotFoundError, match="got 2"):
        record_faces.RecordFaces.open(folder)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.rec"):
        record_faces.RecordFaces.open(tmp_path / "nowhere")
    with pytest.raises(recordio.RecordError, match="no images"):
        record_faces.RecordFaces.open(
            write_set(tmp_path / "none", {0: records[0], 7: records[7]})
        )


@pytest.mark.parametrize("label", [-1.0, 0.5, float("nan"), float("inf"), 3e9])
def test_labels_that_are_no_identities(label, records, tmp_path):
    folder = write_set(tmp_path / "set", {1: image_record(label, 1, b"image")})
    with pytest.raises(recordio.RecordError, match="identities numbered from 0"):
        record_faces.RecordFaces.open(folder)


def test_a_damaged_image_leaves_the_others(records, tmp_path):
    records[2] = image_record(0, 2, b"no image")
    records[3] = image_record(2, 3, b"moved to another person")
    source = record_faces.RecordFaces.open(write_set(tmp_path / "set", records))
    with pytest.raises(images.ImageError, match=r"train\.rec, image 2"):
        source[1]
    with pytest.raises(recordio.RecordError, match="label 2, where the set lists 0"):
        source[2]
    assert source[3]["label"] == 2


def test_aligned_crops_need_no_landmarks(records, crops, tmp_path):
    source = record_faces.RecordFaces.open(write_set(tmp_path / "set", records))
    rng = np.random.default_rng(0)
    same = transforms.AlignedCrop(112).random_map(source[0], rng)
    np.testing.assert_array_equal(same["image"], crops[0])
    half = transforms.AlignedCrop(56).random_map(source[0], rng)
    means = crops[0].reshape(56, 2, 56, 2, 3).mean(axis=(1, 3))
    assert np.abs(half["image"] - means).max() <= 1
    moved = transforms.AlignedCrop(112, shift=0.05).random_map(source[0], rng)
    assert (moved["image"] != crops[0]).any()
    masked = transforms.RandomMask(database.load("builtin"), 1.0)
    changed = masked.random_map(source[0], rng)["image"] != crops[0]
    assert changed[80:].any() and not changed[:40].any()
