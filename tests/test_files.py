"""maskarc.files: what a listing holds, how files are written, and odd names."""

import csv
import json
import os

import numpy as np
import pytest

from maskarc import files

ODD = [
    "plain.jpg",
    "b\udcff\udc80.jpg",
    r"b\xff.jpg",
    "\\\udcff",
    r"\x5c\\x5cxff",
    r"C:\x\a.jpg",
    'a,"\n\r\u2028.jpg',
    "名",
]


def test_a_listing_holds_everything_once(tmp_path):
    root = tmp_path / "root"
    (root / "b" / "deep").mkdir(parents=True)
    for name in ("z.txt", "b/2", "b/deep/1", ".hidden", "b/.git"):
        (root / name).write_text("")
    (tmp_path / "else" / "more").mkdir(parents=True)
    (tmp_path / "else" / "1").write_text("")
    (tmp_path / "else" / "more" / "2").write_text("")
    (tmp_path / "else" / "root").symlink_to(root)  # a loop through another place
    (root / "a").symlink_to(root / "b")  # sorts before it, but the folder is the one
    (root / "link").symlink_to(tmp_path / "else")
    (root / "inner").symlink_to(tmp_path / "else" / "more")
    (root / "b" / "up").symlink_to("..")
    (root / "file").symlink_to(root / "z.txt")
    (root / "gone").symlink_to("nowhere")
    (root / "self").symlink_to("self")
    os.mkfifo(root / "pipe")
    found = files.list_folder(root)
    inner = ["inner/2", "link/1"]  # links come in the order of their names
    assert list(found.names) == sorted(["z.txt", "b/2", "b/deep/1", "file", *inner])
    assert set(found.ignored) == {
        *(".hidden", "b/.git"),
        *("a", "b/up", "link/more", "link/root"),
    }
    assert set(found.unreadable) == {"gone", "self", "pipe"}
    assert found.linked == {
        "inner": str(tmp_path / "else" / "more"),
        "link": str(tmp_path / "else"),
    }
    only = found.only(lambda name: name.endswith("2"), "odd")
    assert list(only.names) == ["b/2", "inner/2"]
    lines = only.lines()
    assert "2 ignored, hidden: .hidden, b/.git" in lines
    assert "4 ignored, odd: b/deep/1, file, link/1, z.txt" in lines
    assert sum(int(line.split()[0]) for line in lines) + 2 == 15


def test_a_folder_that_closes_is_named(tmp_path, monkeypatch):
    (tmp_path / "shut").mkdir()
    (tmp_path / "1").write_text("")
    scandir = os.scandir

    def closed(path):
        if str(path).rstrip("/").endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = files.list_folder(tmp_path)
    assert found.names == ("1",)
    reason = "a folder that cannot be listed (Permission denied)"
    assert found.unreadable == {"shut": reason}
    with pytest.raises(PermissionError):
        files.list_folder(tmp_path / "shut")


def test_links_may_not_lead_to_the_output(tmp_path):
    for place in ("in", "in/deep", ".", "elsewhere", "elsewhere/deep"):
        with pytest.raises(ValueError, match="must not overlap"):
            files.check_apart(
                tmp_path / "in",
                (tmp_path / place).resolve(),
                {"link": str(tmp_path / "elsewhere")},
            )
    files.check_apart(tmp_path / "in", tmp_path / "in2", {})


@pytest.mark.parametrize("name", ODD)
def test_names_are_utf_8_and_come_back(name, tmp_path):
    files.escaped(name).encode()
    assert files.unescaped(files.escaped(name)) == name
    value = {name: [name, 1, {"deep": name}]}
    files.to_json(value).decode()
    assert files.from_json(files.to_json(value)) == value
    files.write_json(tmp_path / "a.json", value)
    assert files.read_json(tmp_path / "a.json") == value
    rows = [[name, "1"], ["x", name]]
    files.write_csv(tmp_path / "a.csv", rows)
    (tmp_path / "a.csv").read_bytes().decode()
    assert files.read_csv(tmp_path / "a.csv") == rows
    arrays = {"names": np.array([[name, "x"]]), "values": np.arange(3)}
    files.write_npz(tmp_path / "a.npz", arrays)
    np.load(tmp_path / "a.npz")["names"].tolist()[0][0].encode()
    read = files.read_npz(tmp_path / "a.npz", ("names", "values"))
    assert read["names"].tolist() == [[name, "x"]]
    assert read["values"].tolist() == [0, 1, 2]
    assert files.shown(name).isprintable()


def test_files_of_earlier_versions_are_read(tmp_path):
    name = "b\udcff.jpg"
    assert files.from_json(json.dumps([name]).encode()) == [name]
    line = json.dumps([name], ensure_ascii=False).encode(errors="surrogatepass")
    assert files.from_json(line) == [name]
    with (tmp_path / "a.csv").open("w", errors="surrogateescape") as file:
        csv.writer(file).writerow([name])
    assert files.read_csv(tmp_path / "a.csv") == [[name]]
    np.savez(tmp_path / "a.npz", names=np.array([name]))
    assert files.read_npz(tmp_path / "a.npz")["names"].tolist() == [name]


@pytest.mark.parametrize(
    "name", ["x" * 300, "名" * 100 + ".jpg", "x" * 252 + ".jpg.png"]
)
def test_names_that_are_too_long_are_cut(name, tmp_path):
    fitted = files.fitted(f"deep/{name}")
    assert fitted == files.fitted(f"deep/{name}") != files.fitted(f"deep/y{name}")
    folder, cut = fitted.split("/")
    assert folder == "deep" and 240 < len(cut.encode()) <= 255
    assert os.path.splitext(cut)[1] in (os.path.splitext(name)[1], f".{cut[-16:]}")
    files.write_bytes(tmp_path / cut, b"")
    assert files.fitted("a/b.jpg") == "a/b.jpg"


def test_an_interruption_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(KeyboardInterrupt), files.replaced(path) as aside:
        aside.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_places_are_checked_before_the_work(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    files.check_place(path)
    assert os.listdir(tmp_path / "deep") == []
    path.write_text("old")
    files.check_place(path, tmp_path / "absent")
    assert path.read_text() == "old"
    with pytest.raises(IsADirectoryError):
        files.check_place(tmp_path)
    with pytest.raises(NotADirectoryError):
        files.check_place(path / "below.txt")
    with pytest.raises(ValueError, match="is the input"):
        files.check_place(path, path)
    with pytest.raises(ValueError, match="empty path"):
        files.given("")
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "a.json", [float("nan")], allow_nan=False)
