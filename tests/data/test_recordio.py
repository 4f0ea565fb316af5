"""RecordIO against bytes that are written here by the format's description."""

import io
import pickle
import struct

import numpy as np
import pytest

from maskarc.data import recordio

MAGIC = bytes.fromhex("0a23d7ce")


def part(flag, data):
    word = struct.pack("<I", flag << 29 | len(data))
    return MAGIC + word + data + bytes(-len(data) % 4)


@pytest.fixture
def open_bytes(tmp_path):
    """Writes a file and opens it."""

    def write(data):
        path = tmp_path / "train.rec"
        path.write_bytes(data)
        return recordio.RecordFile(path)

    return write


# Payloads, and the bytes that they are on disk.
WRITTEN = {
    "whole": (b"abcdefgh", part(0, b"abcdefgh")),
    "padded": (b"abcde", MAGIC + b"\x05\0\0\0abcde\0\0\0"),
    "empty": (b"", part(0, b"")),
    "split": (b"1234" + MAGIC + b"56", part(1, b"1234") + part(3, b"56")),
    "three": (
        MAGIC + b"abcd" + MAGIC + MAGIC,
        part(1, b"") + part(2, b"abcd") + part(2, b"") + part(3, b""),
    ),
    "unaligned": (b"12" + MAGIC + b"34", part(0, b"12" + MAGIC + b"34")),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_payloads_are_written_and_read_as_described(name, open_bytes):
    payload, data = WRITTEN[name]
    file = io.BytesIO()
    assert recordio.write(file, payload) == len(data)
    assert file.getvalue() == data
    opened = open_bytes(part(0, b"before") + data + part(0, b"after"))
    assert opened.read(16) == payload
    assert opened.read(16, most=5) == payload[:5]
    assert [start for start, _ in opened.offsets()] == [0, 16, 16 + len(data)]
    assert pickle.loads(pickle.dumps(opened)).read(16 + len(data)) == b"after"


def test_random_payloads_come_back(open_bytes):
    rng = np.random.default_rng(0)
    pieces = [MAGIC, b"\0", b"xyz", b"0123", MAGIC[:3]]
    payloads = [
        b"".join(pieces[i] for i in rng.integers(0, len(pieces), rng.integers(0, 30)))
        for _ in range(300)
    ]
    file = io.BytesIO()
    starts = [(file.tell(), recordio.write(file, p))[0] for p in payloads]
    opened = open_bytes(file.getvalue())
    assert [opened.read(start) for start in starts] == payloads
    assert [start for start, _ in opened.offsets()] == starts


def test_headers():
    one = struct.pack("<IfQQ", 0, 7.0, 11, 0) + b"image"
    several = struct.pack("<IfQQ", 3, 0.0, 12, 0) + struct.pack("<3f", 5, 6, 0.5)
    first, second = recordio.unpack(one), recordio.unpack(several + b"jpeg")
    assert first.labels.tolist() == [7.0] and first.content == b"image"
    assert second.labels.tolist() == [5.0, 6.0, 0.5] and second.content == b"jpeg"
    assert first.number == 11 and second.number == 12
    assert recordio.pack(first) == one
    assert recordio.pack(second) == several + b"jpeg"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "0 bytes"),
        (bytes(23), "23 bytes"),
        (struct.pack("<IfQQ", 2, 0, 0, 0) + bytes(7), "2 labels"),
        (struct.pack("<IfQQ", 2**32 - 1, 0, 0, 0) + bytes(64), "4294967295 labels"),
    ],
)
def test_headers_that_are_none(payload, message):
    with pytest.raises(recordio.RecordError, match=message):
        recordio.unpack(payload)


def test_damage_is_told_with_its_place(open_bytes):
    good = part(0, b"abcdefgh")
    for data, message in (
        (MAGIC + struct.pack("<I", 2**29 - 1) + bytes(8), "over the end"),
        (good[:-4], "over the end"),
        (good[:6], "over the end"),
        (part(2, b"abcd"), "flag 2"),
        (part(7, b"abcd"), "flag 7"),
        (part(1, b"abcd") + part(0, b"efgh"), "flag 0"),
        (part(1, b"abcd") + b"efghijkl", "no magic"),
        (part(1, b"abcd"), "over the end"),
    ):
        opened = open_bytes(data)
        with pytest.raises(recordio.RecordError, match=rf"train\.rec: .*{message}"):
            opened.read(0)
        with pytest.raises(recordio.RecordError, match=message):
            list(opened.offsets())
    opened = open_bytes(good)
    for offset in (-16, 4, 16, 2**62):
        with pytest.raises(recordio.RecordError, match=f"at byte {offset}"):
            opened.read(offset)


def test_a_file_that_is_cut_while_it_is_open(open_bytes):
    opened = open_bytes(part(0, bytes(100)))
    opened.path.write_bytes(part(0, bytes(100))[:50])
    with pytest.raises(recordio.RecordError, match="shorter"):
        opened.read(0)


def test_files_that_are_no_recordio(open_bytes, tmp_path):
    with pytest.raises(recordio.RecordError, match="empty"):
        open_bytes(b"")
    with pytest.raises(recordio.RecordError, match="not a RecordIO file"):
        open_bytes(b"\xff\xd8\xff\xe0 a photo")
    with pytest.raises(FileNotFoundError, match=r"none\.rec"):
        recordio.RecordFile(tmp_path / "none.rec")


def test_indices(tmp_path):
    path = tmp_path / "train.idx"
    path.write_text("1\t64\n0\t0\n7\t128\n")
    keys, offsets = recordio.read_index(path)
    assert keys.tolist() == [0, 1, 7] and offsets.tolist() == [0, 64, 128]
    for text, message in (
        ("", "empty"),
        ("1\t2\n1\t3\n", "twice"),
        ("1\t2\n3\n", "not a RecordIO index"),
        ("1\ta\n", "not a RecordIO index"),
        ("1\t99999999999999999999\n", "not a RecordIO index"),
        ("1\n2\n", "2 columns"),
    ):
        path.write_text(text)
        with pytest.raises(recordio.RecordError, match=message):
            recordio.read_index(path)
    path.write_bytes(bytes(range(256)))
    with pytest.raises(recordio.RecordError, match="not a RecordIO index"):
        recordio.read_index(path)
    with pytest.raises(FileNotFoundError, match=r"none\.idx"):
        recordio.read_index(tmp_path / "none.idx")


def test_records_beyond_the_format_are_refused():
    with pytest.raises(ValueError, match="536870911"):
        recordio.write(io.BytesIO(), bytes(2**29))
