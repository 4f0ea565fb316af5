"""maskarc.landmarks.files: formats by hand, roundtrips and broken files."""

import json

import numpy as np
import pytest

from maskarc.landmarks import files

ROWS = [
    files.Row(name="a/1.jpg", outcome="ok", points=np.full([68, 2], 1.25, np.float32)),
    files.Row(name='a,"2" é.jpg', outcome="no_face", points=None),
    files.Row(name="b.png", outcome="unreadable: b.png: empty, so", points=None),
]


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".json"])
@pytest.mark.parametrize("rows", [ROWS, ROWS[1:], []])
def test_roundtrip(tmp_path, suffix, rows):
    path = tmp_path / "folder" / f"table{suffix}"
    files.write(path, rows)
    back = files.read(path)
    assert [(r.name, r.outcome) for r in back] == [(r.name, r.outcome) for r in rows]
    for found, row in zip(back, rows, strict=True):
        if row.points is None:
            assert found.points is None
        else:
            np.testing.assert_array_equal(found.points, row.points)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_csv_by_hand(tmp_path):
    path = tmp_path / "five.csv"
    path.write_text(
        "name,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\n"
        "a.jpg,1,2,3,4,5,6,7,8,9,10.5\n"
        "b.jpg,,,,,,,,,,\n"
    )
    with_points, without = files.read(path)
    np.testing.assert_array_equal(
        with_points.points, [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10.5]]
    )
    assert (with_points.outcome, without.outcome) == ("ok", "no_face")
    assert without.points is None


def test_json_by_hand(tmp_path):
    path = tmp_path / "five.json"
    points = [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10.5]]
    path.write_text(json.dumps({"a.jpg": points, "b.jpg": "no_face"}))
    with_points, without = files.read(path)
    np.testing.assert_array_equal(with_points.points, points)
    assert without.outcome == "no_face"


BROKEN = {
    "text.npz": b"no archive",
    "empty.npz": b"",
    "cut.npz": b"PK\x03\x04 cut off",
    "empty.csv": b"",
    "other.csv": b"id,age\n1,2\n",
    "odd.csv": b"name,outcome,x0,y0,x1\na,ok,1,2,3\n",
    "words.csv": b"name,outcome,x0,y0\na,ok,left,right\n",
    "short.csv": b"name,outcome,x0,y0\na,ok\n",
    "long.csv": b"name,outcome,x0,y0\na,ok,1,2,3\n",
    "binary.csv": b"\xff\xfe\x00",
    "cut.json": b'{"a": [[1, 2],',
    "list.json": b"[1, 2]",
    "flat.json": b'{"a": [1, 2]}',
    "ragged.json": b'{"a": [[1, 2], [3]]}',
    "words.json": b'{"a": {"x": 1}}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_told(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(BROKEN[name])
    with pytest.raises(ValueError, match="not a landmark file"):
        files.read(path)


def test_pickles_are_never_read(tmp_path):
    path = tmp_path / "x.npz"
    names = np.array([{"a": 1}], object)
    np.savez(path, names=names, landmarks=np.zeros([1, 68, 2]))
    with pytest.raises(ValueError, match="allow_pickle"):
        files.read(path)
    np.save(tmp_path / "x.npy", names)
    with pytest.raises(ValueError, match="allow_pickle"):
        files.read_array(tmp_path / "x.npy")


def test_unknown_suffixes_and_absent_files(tmp_path):
    with pytest.raises(ValueError, match=r"\.npz, \.csv, \.json"):
        files.read(tmp_path / "x.pkl")
    with pytest.raises(ValueError, match=r"\.npz, \.csv, \.json"):
        files.write(tmp_path / "x", ROWS)
    with pytest.raises(FileNotFoundError, match=r"x\.csv"):
        files.read(tmp_path / "x.csv")
