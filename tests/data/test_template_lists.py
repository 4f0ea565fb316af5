"""IJB's and MegaFace's lists in their published layouts."""

import json
import struct

import numpy as np
import pytest

from maskarc.data import template_lists


def write_ijb(folder, target="ijbc"):
    """Six photos of four templates; template 4 is in gallery 2."""
    folder.mkdir(parents=True)
    (folder / f"{target}_face_tid_mid.txt").write_text(
        "1.jpg 1 11\n2.jpg 1 11\n3.jpg 1 12\n4.jpg 2 13\n5.jpg 3 14\n6.jpg 4 15\n"
    )
    (folder / f"{target}_name_5pts_score.txt").write_text(
        "".join(
            f"{i}.jpg {' '.join(str(i + k / 10) for k in range(10))} 0.9{i}\n"
            for i in range(1, 7)
        )
    )
    (folder / f"{target}_template_pair_label.txt").write_text("1 2 1\n1 3 0\n")
    first, second = ("G1", "G2") if target == "ijbc" else ("S1", "S2")
    header = "TEMPLATE_ID,SUBJECT_ID,FILENAME,FACE_X\n"
    (folder / f"{target}_1N_gallery_{first}.csv").write_text(
        header + "1,100,img/1.jpg,3\n1,100,img/2.jpg,4\n"
    )
    (folder / f"{target}_1N_gallery_{second}.csv").write_text(
        header + "4,300,a.jpg,3\n"
    )
    (folder / f"{target}_1N_probe_mixed.csv").write_text(
        header + "2,100,img/4.jpg,3\n3,300,img/5.jpg,4\n"
    )
    return folder


@pytest.mark.parametrize("target", ["ijbb", "ijbc"])
def test_ijb(tmp_path, target):
    lists = template_lists.read_ijb(write_ijb(tmp_path / "meta", target), target)
    assert lists.names == tuple(f"{i}.jpg" for i in range(1, 7))
    assert lists.templates.tolist() == [1, 1, 1, 2, 3, 4]
    assert lists.media.tolist() == [11, 11, 12, 13, 14, 15]
    np.testing.assert_allclose(lists.points[1, 2], [2.4, 2.5])
    np.testing.assert_allclose(lists.scores, [0.91, 0.92, 0.93, 0.94, 0.95, 0.96])
    assert lists.pairs.tolist() == [[1, 2], [1, 3]]
    assert lists.is_same.tolist() == [True, False]
    (one, people), (other, _) = lists.galleries.values()
    assert (one.tolist(), people.tolist(), other.tolist()) == ([1], [100], [4])
    assert [column.tolist() for column in lists.probes] == [[2, 3], [100, 300]]


def test_ijb_with_the_photos_list_alone(tmp_path):
    folder = write_ijb(tmp_path / "meta")
    for path in folder.iterdir():
        if "face_tid_mid" not in path.name:
            path.unlink()
    lists = template_lists.read_ijb(folder)
    assert lists.points is lists.pairs is lists.probes is None
    assert lists.galleries == {} and (lists.scores == 1).all()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("face_tid_mid.txt", "1.jpg 1\n", r":1: expected 3 fields, got 2"),
        ("face_tid_mid.txt", "1.jpg a 2\n", r":1: expected whole numbers"),
        ("face_tid_mid.txt", "", "an empty one"),
        ("face_tid_mid.txt", "../1.jpg 1 2\n", "names of photos below"),
        ("template_pair_label.txt", "1 9 0\n", "1 templates have no photos, such as 9"),
        ("name_5pts_score.txt", "1.jpg" + " 1" * 11 + "\n", "names other photos"),
        ("1N_probe_mixed.csv", "a,b\n7,1\n", "such as 7"),
    ],
)
def test_ijb_with_faults(tmp_path, name, text, message):
    folder = write_ijb(tmp_path / "meta")
    (folder / f"ijbc_{name}").write_text(text)
    with pytest.raises(ValueError, match=message):
        template_lists.read_ijb(folder)


def test_ijb_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="no list at"):
        template_lists.read_ijb(tmp_path)
    with pytest.raises(ValueError, match="got 'ijba'"):
        template_lists.read_ijb(tmp_path, "ijba")


def write_feature(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack("4i", len(values), 1, 4, 5)
    path.write_bytes(header + struct.pack(f"{len(values)}f", *values))


def test_megaface(tmp_path):
    path = tmp_path / "facescrub_features_list.json"
    path.write_text(json.dumps({"path": ["a/1.jpg", "b/2.jpg"], "id": ["a", "b"]}))
    photos, people = template_lists.read_megaface_list(path)
    assert (photos, people) == (("a/1.jpg", "b/2.jpg"), ("a", "b"))
    write_feature(tmp_path / "f" / "a" / "1.jpg_x.bin", [1.0, 2.5])
    write_feature(tmp_path / "f" / "b" / "2.jpg_x.bin", [-3.0, 4.0])
    features = template_lists.read_features(tmp_path / "f", photos, "_x.bin")
    assert features.tolist() == [[1.0, 2.5], [-3.0, 4.0]]


@pytest.mark.parametrize(
    "text", ["{}", "[1]", '{"path": []}', '{"path": ["a"], "id": ["a", "b"]}', "no"]
)
def test_megaface_lists_with_faults(tmp_path, text):
    (tmp_path / "list.json").write_text(text)
    with pytest.raises(ValueError, match=r"list\.json: expected"):
        template_lists.read_megaface_list(tmp_path / "list.json")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack("4i", 2, 1, 4, 5) + b"\0" * 4,
        struct.pack("4i", 2**30, 1, 4, 5) + b"\0" * 8,
        struct.pack("4i", 2, 1, 4, 6) + b"\0" * 8,
        struct.pack("4i", -2, 1, 4, 5) + b"\0" * 8,
    ],
)
def test_features_with_faults(tmp_path, data):
    (tmp_path / "x.bin").write_bytes(data)
    with pytest.raises(ValueError, match="expected a header"):
        template_lists.read_feature(tmp_path / "x.bin")


def test_features_out_of_the_folder(tmp_path):
    with pytest.raises(ValueError, match="below"):
        template_lists.read_features(tmp_path, ["../x.jpg"], ".bin")
