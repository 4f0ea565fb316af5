"""Packed records: the stated bytes, and what damage does."""

import json
import pickle
import struct
import zlib
from concurrent import futures

import numpy as np
import pytest

from maskarc import images
from maskarc.data import pack_writers, pipeline, shards, synthetic

FACES = synthetic.SyntheticFaces(3, 4, size=32)
POINTS = np.array([[1.5, 2.25], [3, 4]], np.float32)


def face(index):
    element = FACES[index]
    return shards.FaceRecord(
        name=FACES.names[index],
        label=element["label"],
        photo=images.encode_image(element["image"], "x.png"),
        landmarks=element["landmarks"],
    )


@pytest.fixture
def folder(tmp_path):
    """A set of 12 photos in three shards."""
    plan = pack_writers.Plan(
        identities=("a", "b", "c"), counts=(4, 4, 4), part_photos=5, size=0
    )
    writer = pack_writers.ShardWriter(tmp_path, plan, ["0", "1", "2"])
    for first in (0, 5, 10):
        part = range(first, min(first + 5, 12))
        writer.add(str(first // 5), map(face, part))
    writer.finish()
    rows = [
        {"path": name, "outcome": "packed", "record": i}
        for i, name in enumerate(FACES.names)
    ]
    rows.insert(3, {"path": "notes.txt", "outcome": "ignored"})
    lines = "".join(json.dumps(row) + "\n" for row in reversed(rows))
    (tmp_path / "manifest.jsonl").write_text(lines)
    return tmp_path


def test_a_record_has_the_stated_bytes():
    body = struct.pack("<iHH", 7, 5, 2) + b"a/\xc3\xbc!"
    body += struct.pack("<4f", 1.5, 2.25, 3, 4) + b"photo"
    expected = b"mfr1" + struct.pack("<I", zlib.crc32(body)) + body
    record = shards.FaceRecord(name="a/ü!", label=7, photo=b"photo", landmarks=POINTS)
    assert shards.encode(record) == expected
    back = shards.decode(expected)
    assert (back.name, back.label, back.photo) == ("a/ü!", 7, b"photo")
    np.testing.assert_array_equal(back.landmarks, POINTS)
    bare = shards.FaceRecord(name="x\udcff", label=0, photo=b"")
    back = shards.decode(shards.encode(bare))
    assert back.landmarks is None and back.name == "x\udcff" and back.photo == b""


def test_every_changed_byte_of_a_record_is_noticed():
    good = shards.encode(shards.FaceRecord(name="a", label=1, photo=b"xy"))
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 16
        with pytest.raises(shards.ShardError):
            shards.decode(bytes(bad))
    for size in range(len(good)):
        with pytest.raises(shards.ShardError):
            shards.decode(good[:size])


def test_a_set_is_read_at_random(folder):
    source = shards.ShardedFaces.open(folder)
    assert len(source) == 12 and source.num_classes == 3
    assert source.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert source.identities == ("a", "b", "c") and source.names == FACES.names
    source = pickle.loads(pickle.dumps(source))
    with futures.ThreadPoolExecutor(8) as pool:
        elements = list(pool.map(lambda i: source[i % 12], range(11, 60)))
    for number, element in enumerate(elements, start=11):
        expected = FACES[number % 12]
        np.testing.assert_array_equal(element["image"], expected["image"])
        np.testing.assert_array_equal(element["landmarks"], expected["landmarks"])
        assert element["label"] == expected["label"]


def test_batches_of_shards_are_those_of_the_source(folder):
    packed = pipeline.batches(
        shards.ShardedFaces.open(folder), [], batch_size=4, seed=2, photos_of_each=2
    )
    plain = pipeline.batches(FACES, [], batch_size=4, seed=2, photos_of_each=2)
    for n in (0, 5, 100):
        np.testing.assert_array_equal(packed[n]["image"], plain[n]["image"])


def test_damage_within_a_shard_is_an_error_of_that_photo(folder):
    path = folder / "faces-00001-of-00003.array_record"
    content = bytearray(path.read_bytes())
    place = content.index(shards.encode(face(6))) + 300
    content[place] ^= 1
    path.write_bytes(content)
    source = shards.ShardedFaces.open(folder)
    with pytest.raises(shards.ShardError, match="photo 6"):
        source[6]
    np.testing.assert_array_equal(source[7]["image"], FACES[7]["image"])
    path.unlink()  # gone while the set is open
    fresh = pickle.loads(pickle.dumps(source))
    with pytest.raises(shards.ShardError, match="photo 7"):
        fresh[7]
    np.testing.assert_array_equal(fresh[0]["image"], FACES[0]["image"])


def test_records_of_another_identity_are_refused(folder):
    index = json.loads((folder / "index.json").read_text())
    index["counts"] = [5, 3, 4]
    (folder / "index.json").write_text(json.dumps(index))
    source = shards.ShardedFaces.open(folder)
    with pytest.raises(shards.ShardError, match="label 1, where the index has 0"):
        source[4]


def test_sets_that_cannot_be_opened(folder):
    index = json.loads((folder / "index.json").read_text())

    def refuse(error, message, **changes):
        (folder / "index.json").write_text(json.dumps({**index, **changes}))
        with pytest.raises(error, match=message):
            shards.ShardedFaces.open(folder)

    refuse(shards.ShardError, "not complete", complete=False)
    refuse(shards.ShardError, "recordio", format="recordio")
    refuse(shards.ShardError, "unknown format", format="lmdb")
    refuse(shards.ShardError, "other photos", counts=[4, 4, 5])
    refuse(shards.ShardError, "other counts", counts=[4, 8])
    refuse(shards.ShardError, "is damaged", parts=[{}])
    refuse(shards.ShardError, "is damaged", counts=[4, "x", 4])
    refuse(shards.ShardError, "is damaged", counts=[])
    outside = [{**part, "file": f"../{part['file']}x"} for part in index["parts"]]
    refuse(FileNotFoundError, f"no shard at {folder}/faces", parts=outside)
    (folder / "index.json").write_text("[")
    with pytest.raises(shards.ShardError, match="is damaged"):
        shards.ShardedFaces.open(folder)
    (folder / "index.json").write_text(json.dumps(index))
    path = folder / "faces-00002-of-00003.array_record"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(shards.ShardError, match="bytes, not"):
        shards.ShardedFaces.open(folder)
    with pytest.raises(FileNotFoundError, match=r"has no index\.json"):
        shards.ShardedFaces.open(folder / "nowhere")
