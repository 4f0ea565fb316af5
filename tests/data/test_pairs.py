"""The formats of pair lists, what is refused in them, and the published counts."""

import os
import pathlib

import numpy as np
import pytest

from maskarc.data import pairs

VIEW_2 = """2\t2
Ann\t1\t2
Bob\t3\t10
Ann\t1\tBob\t1
Cy\t1\tAnn\t2
Cy\t1\t2
Dee_Dee\t1\t2
Cy\t2\tDee_Dee\t1
Ann\t1\tDee_Dee\t2
"""
VIEW_1 = "1\nAnn\t1\t2\nAnn\t1\tBob\t1\n"
MFR2 = "Ann 1 Bob 1\nAnn 1 2\nBob 3 10\n"
CSV = "first,second,is_same\nx/a.png,y/b.png,0\nx/a.png,x/c.webp,true\n"


@pytest.fixture
def write(tmp_path):
    def write_list(text, name="pairs.txt"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_list


@pytest.fixture
def faces():
    """The folder of real photos, or a skip that says what is missing."""
    project = pathlib.Path(__file__).parents[2]
    default = project.parent / "shared" / "faces"
    folder = pathlib.Path(os.environ.get("MASKARC_FACES", default))
    if not folder.is_dir():
        pytest.skip("no real faces: set MASKARC_FACES to their folder")
    return folder


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_view_2(write):
    read = pairs.read_pairs(write(VIEW_2))
    assert read.first[:2] == ("Ann/Ann_0001.jpg", "Bob/Bob_0003.jpg")
    assert read.second[:2] == ("Ann/Ann_0002.jpg", "Bob/Bob_0010.jpg")
    assert read.second[5] == "Dee_Dee/Dee_Dee_0002.jpg"
    assert read.is_same.dtype == np.bool_
    np.testing.assert_array_equal(read.is_same, [1, 1, 0, 0, 1, 1, 0, 0])
    np.testing.assert_array_equal(read.fold, [0, 0, 0, 0, 1, 1, 1, 1])
    assert len(read) == 8


def test_view_1_has_one_fold(write):
    read = pairs.read_pairs(write(VIEW_1))
    np.testing.assert_array_equal(read.is_same, [True, False])
    np.testing.assert_array_equal(read.fold, [0, 0])


def test_mfr2_in_any_order(write):
    read = pairs.read_pairs(write(MFR2))
    np.testing.assert_array_equal(read.is_same, [False, True, True])
    assert (read.first[0], read.second[0]) == ("Ann/Ann_0001.jpg", "Bob/Bob_0001.jpg")


def test_csv_without_and_with_folds(write):
    read = pairs.read_pairs(write(CSV, "list.csv"))
    assert read.second == ("y/b.png", "x/c.webp")
    np.testing.assert_array_equal(read.is_same, [False, True])
    np.testing.assert_array_equal(read.fold, [0, 0])
    folded = 'first,second,is_same,fold\n"a, b/1.jpg",./c//2.jpg,1,3\n'
    read = pairs.read_pairs(write(folded, "folded.txt"))
    assert (read.first, read.second) == (("a, b/1.jpg",), ("c/2.jpg",))
    np.testing.assert_array_equal(read.fold, [3])


def test_the_suffix_is_the_one_on_disk(write, tmp_path):
    touch(tmp_path, "Ann/Ann_0001.png", "Ann/Ann_0002.jpg", "Bob/Bob_0001.webp")
    read = pairs.read_pairs(write(VIEW_1), tmp_path)
    assert read.first == ("Ann/Ann_0001.png", "Ann/Ann_0001.png")
    assert read.second == ("Ann/Ann_0002.jpg", "Bob/Bob_0001.webp")


def test_blank_lines_windows_ends_and_byte_order_mark(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_bytes(b"\xef\xbb\xbf" + VIEW_1.replace("\n", "\r\n\r\n").encode())
    read = pairs.read_pairs(path)
    assert read.second == ("Ann/Ann_0002.jpg", "Bob/Bob_0001.jpg")


def test_describe_counts_repeated_pairs(write):
    read = pairs.read_pairs(write(MFR2 + "Ann 2 1\nAnn 1 2\n"))
    assert read.describe() == (
        "5 pairs (4 genuine, 1 impostor) of 5 photos, folds: 1, repeated pairs: 2"
    )


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("2 2\n" + MFR2, 1, r"'2 2' stands for 8 pairs .* holds 3"),
        ("3\n" + VIEW_1[2:], 1, "stands for 6 pairs .* holds 2"),
        ("0\n", 1, "stands for 0 pairs .* holds 0"),
        ("1\nAnn 1 Bob 1\nAnn 1 2\n", 2, "pair 1 of 1 genuine pairs"),
        ("1\nAnn 1 2\nBob 1 3\n", 3, "pair 1 of 1 impostor pairs"),
        ("Ann 1 2\nAnn 1\n", 2, "got 2 fields: 'Ann 1'"),
        ("Ann 1 2 3 4\n", 1, "got 5 fields"),
        ("Ann 1 two\n", 1, "got 'two'"),
        ("Ann -1 2\n", 1, "got '-1'"),
        ("\n\nAnn 1.5 2\n", 3, "got '1.5'"),
        ("Ann 1 Ann 2\n", 1, "needs two people"),
        ("../Ann 1 2\n", 1, "below the root"),
        ("/Ann 1 2\n", 1, "below the root"),
        ("a,b,1\n", 1, "expected the header"),
        ("first,second,is_same\n", 1, "no pair follows"),
        ("first,second,is_same\na,b\n", 2, "expected 3 fields, got 2"),
        ("first,second,is_same\na,b,maybe\n", 2, "expected is_same as"),
        ("first,second,is_same,fold\na,b,1,x\n", 2, "fold as a number"),
        ("first,second,is_same\na/../../b,c,1\n", 2, "below the root"),
        ("first,second,is_same\n,c,1\n", 2, "below the root"),
    ],
)
def test_a_fault_names_file_and_line(write, text, line, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as caught:
        pairs.read_pairs(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")


@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_empty_list(tmp_path, content):
    path = tmp_path / "pairs.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"pairs\.txt: the list of pairs is empty"):
        pairs.read_pairs(path)


def test_binary_file(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ValueError, match=r"pairs\.txt: expected a list of pairs"):
        pairs.read_pairs(path)


def test_missing_list_root_and_photos(write, tmp_path):
    with pytest.raises(FileNotFoundError, match="no list of pairs at"):
        pairs.read_pairs(tmp_path / "none.txt")
    with pytest.raises(FileNotFoundError, match="no folder of photos at"):
        pairs.read_pairs(write(VIEW_2), tmp_path / "none")
    touch(tmp_path, "Ann/Ann_0001.jpg")
    with pytest.raises(FileNotFoundError) as caught:
        pairs.read_pairs(write(VIEW_2), tmp_path)
    assert "names 8 photos (of 9)" in str(caught.value)
    assert "Ann/Ann_0002, Bob/Bob_0003" in str(caught.value)
    assert str(caught.value).endswith(", …")
    with pytest.raises(FileNotFoundError, match=r"names 3 photos .* x/a\.png, y/b"):
        pairs.read_pairs(write(CSV, "list.csv"), tmp_path)


def test_published_counts_of_view_2(faces):
    read = pairs.read_pairs(faces / "lfw" / "pairs.txt", faces / "lfw" / "images")
    assert len(read) == 6000
    for fold in range(10):
        assert (read.fold == fold).sum() == 600
        assert read.is_same[read.fold == fold].sum() == 300
    assert read.first[0] == "Abel_Pacheco/Abel_Pacheco_0001.jpg"
    assert read.second[0] == "Abel_Pacheco/Abel_Pacheco_0004.jpg"


@pytest.mark.parametrize(
    ("name", "count"), [("pairsDevTrain.txt", 2200), ("pairsDevTest.txt", 1000)]
)
def test_published_counts_of_view_1(faces, name, count):
    read = pairs.read_pairs(faces / "lfw" / name, faces / "lfw" / "images")
    assert (len(read), read.is_same.sum(), read.fold.max()) == (count, count / 2, 0)


def test_counts_of_mfr2(faces):
    root = faces / "mfr2_dev"
    read = pairs.read_pairs(root / "pairs.txt", root)
    assert (len(read), read.is_same.sum()) == (354, 217)
    assert all(name.endswith(".png") for name in read.first + read.second)
