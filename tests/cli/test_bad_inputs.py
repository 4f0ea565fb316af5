"""What happens to what users have: every command with every kind of bad input.

Each file is in the count, the exit code and one line say what is wrong, the inputs stay
as they are, and so do outputs of before.
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

from maskarc import cli, files, images, landmarks
from maskarc.data import synthetic

ROOT = pathlib.Path(__file__).parents[2]
resource = pytest.importorskip("resource")  # Unix: as the odd names and links below


@pytest.fixture(scope="module")
def face(tmp_path_factory):
    """A photo's content, of which the canonical detector finds the face."""
    faces = synthetic.SyntheticFaces(1, 1, size=112)
    return images.encode_image(faces[0]["image"], "x.jpg")


def damaged_tiff():
    """A TIFF whose first tag has a type that there is not."""
    content = bytearray(images.encode_image(np.zeros((9, 9, 3), np.uint8), "x.tif"))
    directory = int.from_bytes(content[4:8], "little")
    content[directory + 4 : directory + 6] = b"\xff\xff"
    return bytes(content)


@pytest.fixture(autouse=True)
def model(monkeypatch, loaded):
    """Loads the model once: it takes seconds, and is not what is tried here."""
    from maskarc import recognizer

    def load(*_, flip=True, **options):
        embedder = dataclasses.replace(loaded.embedder, flip=flip)
        return loaded if not flip else dataclasses.replace(loaded, embedder=embedder)

    monkeypatch.setattr(recognizer.Recognizer, "load", load)
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)  # a command that was interrupted ignores it


@pytest.fixture(scope="module")
def loaded():
    from maskarc import recognizer

    return recognizer.Recognizer.load(detector="canonical", flip=False, batch_size=16)


# Kind of file → its name.
GOOD = {
    "plain": "plain.jpg",
    "newline": "two\nlines.jpg",
    "comma and quote": 'a, "b".jpg',
    "leading dash": "-rf.jpg",
    "other script": "名.jpg",
    "not UTF-8": os.fsdecode(b"b\xff.jpg"),
    "looks escaped": r"b\xff.jpg",
    "longest": "x" * 251 + ".jpg",
}
# Kind of file → its name and outcome.
BAD = {
    "empty": ("empty.jpg", "unreadable"),
    "text": ("text.jpg", "unreadable"),
    "cut": ("cut.jpg", "unreadable"),
    "tag": ("tag.tif", "unreadable"),
    "broken link": ("gone.jpg", "unreadable"),
    "link to itself": ("self.jpg", "unreadable"),
    "pipe": ("pipe.jpg", "unreadable"),
    "hidden": (".hidden.jpg", "ignored"),
    "no photo": ("notes.txt", "ignored"),
    "link loop": ("up", "ignored"),
}


@pytest.fixture
def source(tmp_path, face):
    """A folder with one of each, below a folder of a person."""
    person = tmp_path / "in" / "ann"
    person.mkdir(parents=True)
    for name in GOOD.values():
        (person / name).write_bytes(face)
    (person / "empty.jpg").write_bytes(b"")
    (person / "text.jpg").write_text("not a photo")
    (person / "cut.jpg").write_bytes(face[: len(face) // 2])
    (person / "tag.tif").write_bytes(damaged_tiff())
    (person / "gone.jpg").symlink_to("nowhere")
    (person / "self.jpg").symlink_to("self.jpg")
    os.mkfifo(person / "pipe.jpg")
    (person / ".hidden.jpg").write_bytes(face)
    (person / "notes.txt").write_text("no photo")
    (person / "up").symlink_to("..")
    # A folder with a photo's name, and one that is elsewhere.
    (person / "album.jpg").mkdir()
    (person / "album.jpg" / "1.jpg").write_bytes(face)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "2.jpg").write_bytes(face)
    (tmp_path / "in" / "bob").symlink_to(tmp_path / "elsewhere")
    return tmp_path / "in"


USABLE = sorted(f"ann/{name}" for name in (*GOOD.values(), "album.jpg/1.jpg"))
USABLE = sorted([*USABLE, "bob/2.jpg"])
COUNTS = {
    "ok": len(USABLE),
    "ignored": 3,
    "unreadable": sum(outcome == "unreadable" for _, outcome in BAD.values()),
}
TOTAL = sum(COUNTS.values())


def state(folder):
    """All that can be changed in a folder: kinds, contents, links."""
    found = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = pathlib.Path(place, name)
            mode = path.lstat().st_mode
            content = b""
            if stat.S_ISREG(mode):
                content = path.read_bytes()
            elif stat.S_ISLNK(mode):
                content = os.fsencode(os.readlink(path))
            found[str(path)] = mode, hashlib.sha256(content).hexdigest()
    return found


def output_of(command, folder):
    """Where a command writes to, below a folder."""
    return folder / ("out.npz" if command == "embed" else "out")


def arguments(command, source, output):
    """A command line that works on a folder without any model of landmarks."""
    flags = ["--output", str(output), "--detector=canonical", "--quiet"]
    more = {
        "embed": ["--no-flip"],
        "mask": ["--workers=1", "--labels=coco,yolo", "--save-mask", "--overlay"],
        "pack": ["--threads=1"],
    }[command]
    return [command, str(source), *flags, *more]


def call(arguments, capsys):
    """The exit code, and lines on the output and the error stream."""
    capsys.readouterr()
    code = cli.main(arguments)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out.splitlines(), err.splitlines()


FOLDERS = ("mask", "pack", "embed")
DONE = {"mask": "masked", "pack": "packed", "embed": "ok"}


def told(command, output):
    """What became of each photo or file, as the output says."""
    if command == "embed":
        arrays = files.read_npz(output)
        return dict(zip(arrays["names"], arrays["outcomes"], strict=True))
    lines = (output / "manifest.jsonl").read_bytes().decode("utf-8").splitlines()
    rows = [files.from_json(line.encode()) for line in lines]
    return {row["path"]: row["outcome"] for row in rows}


@pytest.mark.parametrize("command", FOLDERS)
def test_every_file_is_in_the_count(command, source, tmp_path, capsys):
    before = state(source)
    output = output_of(command, tmp_path)
    code, out, err = call(arguments(command, source, output), capsys)
    assert (code, err) == (0, [])
    wanted = {DONE[command] if k == "ok" else k: v for k, v in COUNTS.items()}
    counts = ", ".join(f"{count} {name}" for name, count in sorted(wanted.items()))
    assert out[0] == f"{TOTAL} files: {counts} → {output}"
    found = told(command, output)
    assert sorted(n for n, o in found.items() if o == DONE[command]) == USABLE
    for name, outcome in BAD.values():
        if command == "embed":
            assert f"ann/{name}" in "".join(out[1:])
        else:
            assert found[f"ann/{name}"] == outcome, name
    assert state(source) == before
    assert not list(tmp_path.rglob("*partial*"))
    # Names come back from the file: a second time nothing is left to do.
    kept = state(output) if output.is_dir() else output.read_bytes()
    assert call(arguments(command, source, output), capsys)[:2] == (0, out)
    assert kept == (state(output) if output.is_dir() else output.read_bytes())


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".json"])
def test_landmark_tables_find_every_photo_again(suffix, source, tmp_path):
    path = tmp_path / f"landmarks{suffix}"
    detector = landmarks.create_detector("canonical")
    table = landmarks.detect_folder(detector, source, save_to=path, progress=False)
    assert sorted(n for n in table.names if table.get(n) is not None) == USABLE
    if suffix != ".npz":
        path.read_bytes().decode("utf-8")
    read = landmarks.LandmarkTable.load(path)
    assert sorted(n for n in read.names if read.get(n) is not None) == USABLE

    def fails(image, name):
        raise AssertionError(f"{name} was looked at again")

    landmarks.detect_folder(fails, source, USABLE, save_to=path, progress=False)


def test_closed_folders_and_photos_are_named(source, tmp_path):
    """In a process without root's right to read everything."""
    (source / "shut").mkdir()
    shutil.copy(source / "ann" / "plain.jpg", source / "shut" / "1.jpg")
    secret = source / "ann" / "secret.jpg"
    shutil.copy(source / "ann" / "plain.jpg", secret)
    secret.chmod(0)
    (source / "shut").chmod(0)
    prefix = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("needs setpriv, or another user than root")
        prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    lines = [arguments(c, source, output_of(c, tmp_path / c)) for c in FOLDERS]
    code = f"from maskarc import cli\nfor line in {lines!r}: assert cli.main(line) == 0"
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    (source / "shut").chmod(0o755)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(f", {COUNTS['unreadable'] + 2} unreadable") == 3
    assert "cannot be listed (Permission denied): shut" in done.stdout
    assert re.search(r"secret\.jpg: unreadable,.*[Pp]ermission denied", done.stdout)
    for command in ("mask", "pack"):
        path = output_of(command, tmp_path / command) / "manifest.jsonl"
        rows = map(json.loads, path.read_text("utf-8").splitlines())
        reasons = {row["path"]: row["reason"] for row in rows}
        assert "cannot be listed (Permission denied)" in reasons["shut"]
        assert "ermission denied" in reasons["ann/secret.jpg"]


@pytest.mark.parametrize("command", FOLDERS)
def test_inputs_without_a_photo_are_one_line(command, source, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.pdf").write_bytes(b"")
    output = output_of(command, tmp_path)
    for place, message in (
        (tmp_path / "none", r"no photos in .*none; 1 ignored, its name ends in none"),
        (tmp_path / "absent", "no folder at .*absent"),
        ("", "got an empty path"),
    ):
        line = arguments(command, place, output)
        code, out, err = call(line, capsys)
        assert (code, out, len(err)) == (1, [], 1), err
        assert re.search(f"^error: .*{message}", err[0])
    assert not output.exists()


@pytest.mark.parametrize("command", FOLDERS)
def test_outputs_that_cannot_be_written_are_one_line(
    command, source, tmp_path, capsys, monkeypatch
):
    """Before the work: the model is not even loaded."""
    (tmp_path / "file").write_text("a file")
    before = state(tmp_path)
    monkeypatch.setattr(landmarks, "main_face", lambda *_: pytest.fail("work"))
    for place in ("file/below", "in" if command != "embed" else "in/ann/plain.jpg"):
        output = tmp_path / place
        if command == "embed" and place == "file/below":
            output = output / "e.npz"
        code, out, err = call(arguments(command, source, output), capsys)
        assert (code, out, len(err)) == (1, [], 1), err
        assert re.search("ot a directory|must not overlap|ends in .npz", err[0]), err
    assert state(tmp_path) == before


def test_the_output_may_not_lie_behind_a_link_of_the_input(source, tmp_path, capsys):
    (source / "all").symlink_to(tmp_path)
    before = state(source)
    for command in ("mask", "pack"):
        output = tmp_path / "out"
        code, _, err = call(arguments(command, source, output), capsys)
        assert code == 1
        assert "(all leads there)" in err[0] and "must not overlap" in err[0]
        assert not output.exists()
    assert state(source) == before


@contextlib.contextmanager
def small_files(size):
    """A disk without space for larger files than this, for this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("command", FOLDERS)
def test_a_full_disk_keeps_what_was_there(command, source, tmp_path, capsys):
    output = output_of(command, tmp_path)
    line = arguments(command, source, output)
    assert call(line, capsys)[0] == 0
    kept = state(output.parent)
    new = source / "ann" / "new.jpg"
    shutil.copy(source / "ann" / "plain.jpg", new)
    with small_files(1000):
        code, _, err = call(line, capsys)
    assert (code, len(err)) == (1, 1)
    assert re.search(r"^error: \[Errno 27\] File too large", err[0])
    after = state(output.parent)
    assert {path for path in kept if after.get(path) != kept[path]} <= {
        str(output / "manifest.jsonl")  # is written on as the run goes
    }
    assert not list(tmp_path.rglob("*partial"))
    assert call(line, capsys)[0] == 0
    assert told(command, output)["ann/new.jpg"] == DONE[command]


def writers(folder):
    """File → what writes it, for all kinds of results that have a writer alone."""
    from maskarc.data import pairs
    from maskarc.evaluation import plots
    from maskarc.masks import database

    points = np.zeros((2, 68, 2), np.float32)
    table = landmarks.LandmarkTable(("a.jpg", "b.jpg"), points, ("ok", "ok"))
    listed = pairs.Pairs(
        first=("a.jpg",) * 99,
        second=("b.jpg",) * 99,
        is_same=np.zeros(99, bool),
        fold=np.zeros(99, int),
    )
    masks = database.load("builtin")
    curve = np.linspace(0, 1, 20), np.arange(20) > 9
    return {
        "t.npz": table.save,
        "t.csv": table.save,
        "t.json": table.save,
        "p.csv": lambda path: pairs.write_pairs(path, listed),
        "m.json": lambda path: database.save(path, masks),
        "p.png": lambda path: plots.roc_curves(path, {"": curve}),
        "i.png": lambda path: images.write_image(path, np.zeros((99, 99, 3), np.uint8)),
        "a.npz": lambda path: files.write_npz(path, {"a": np.zeros(999)}),
        "b.txt": lambda path: files.write_text(path, "text\n" * 99),
        "b.json": lambda path: files.write_json(path, ["text"] * 99),
        "b.csv": lambda path: files.write_csv(path, [["text"]] * 99),
    }


@pytest.mark.parametrize("name", writers("").keys())
def test_every_writer_keeps_the_old_file(name, tmp_path):
    write = writers(tmp_path)[name]
    path = tmp_path / name
    path.write_bytes(b"the old one")
    with small_files(60), pytest.raises(OSError, match="File too large") as caught:
        write(path)
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == b"the old one"
    assert os.listdir(tmp_path) == [name]
    write(path)
    assert path.read_bytes() != b"the old one"
    assert os.listdir(tmp_path) == [name]


def run(arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "maskarc.cli", *arguments],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_any_console(source, tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    line = arguments("mask", source, tmp_path / "名")
    done = run(line, env=environment, stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{TOTAL} files") and r"\u540d" in done.stdout


def test_outputs_that_take_nothing(source, tmp_path):
    line = arguments("mask", source / "ann" / "plain.jpg", tmp_path / "out")
    with open("/dev/full", "w") as full:
        done = run(line, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "error: [Errno 28] No space left on device\n"
    command = shlex.join([sys.executable, "-m", "maskarc.cli", *line])
    done = subprocess.run(
        ["bash", "-c", f"{command} | true; echo ${{PIPESTATUS[0]}}; {command} >&-"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("0\n", 1)
    assert done.stderr.startswith("error: the standard output is closed")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "wait", "presses"),
    [("embed", 1.5, 1), ("embed", 2.5, 3), ("mask", 0.5, 3), ("verify", 0.2, 3)],
)
def test_ctrl_c_at_any_time(command, wait, presses, source, tmp_path):
    """While modules are imported, models are loaded, and during the work."""
    output = output_of(command, tmp_path)
    line = ["verify", *[str(source / "ann/plain.jpg")] * 2, "--detector=canonical"]
    if command != "verify":
        line = arguments(command, source, output)
    process = subprocess.Popen(
        [sys.executable, "-c", _LATE.format(arguments=line)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(wait)
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    out, err = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("it was done already")
    assert process.returncode == 130, err
    assert set(err.splitlines()) == {f"interrupted; {cli.COMMANDS[command].KEPT}"}
    assert out == ""


# Says when the command begins; its handler is there right after.
_LATE = """
import sys
from maskarc import cli
from maskarc.cli import console
listen = console._Interruption.listen
def told(self):
    listen(self)
    print("ready", flush=True)
console._Interruption.listen = told
sys.exit(cli.main({arguments!r}))
"""


def test_embeddings_are_gone_on_with(source, tmp_path, capsys, monkeypatch):
    from maskarc import recognizer

    output = tmp_path / "e.npz"
    line = arguments("embed", source, output)
    assert call(line, capsys)[0] == 0
    whole = files.read_npz(output)
    output.unlink()
    embed, asked = recognizer.Recognizer.embed, []

    def counted(self, photos, **options):
        asked.extend(photos)
        if len(asked) > 6:
            raise KeyboardInterrupt
        return embed(self, photos, **options)

    monkeypatch.setattr(recognizer.Recognizer, "embed", counted)
    monkeypatch.setattr("maskarc.cli.embed._AT_ONCE", 4)
    assert call(line, capsys)[0] == 130
    assert not output.exists()
    [partial] = tmp_path.glob("*.partial.npz")
    assert len(files.read_npz(partial)["names"]) == 4
    monkeypatch.setattr("maskarc.cli.embed._AT_ONCE", 400)
    asked.clear()
    monkeypatch.setattr(
        recognizer.Recognizer,
        "embed",
        lambda self, photos, **o: (asked.extend(photos), embed(self, photos, **o))[1],
    )
    assert call(line, capsys)[0] == 0
    read = files.read_npz(output)
    assert not partial.exists()
    assert 0 < len(asked) < len(read["names"])
    assert read["names"].tolist() == whole["names"].tolist()
    np.testing.assert_allclose(read["embeddings"], whole["embeddings"], atol=1e-5)
    # A changed photo alone is made again, beside those that could not be read.
    asked.clear()
    os.utime(source / "ann" / "plain.jpg", (1, 1))
    assert call(line, capsys)[0] == 0
    again = {path.name for path in asked}
    assert again == {"plain.jpg", "empty.jpg", "text.jpg", "cut.jpg", "tag.tif"}
    # Other options are refused, and so is a file of something else.
    kept = output.read_bytes()
    code, _, [error] = call([*line, "--against-masked"], capsys)
    assert code == 1 and "(against_masked False, now True)" in error
    assert output.read_bytes() == kept
    code, _, [error] = call(arguments("embed", source / "ann", output), capsys)
    assert code == 1 and f"input {source}, now {source / 'ann'}" in error
    np.savez(tmp_path / "other.npz", names=["a"], embeddings=np.ones((1, 2)))
    code, _, [error] = call(arguments("embed", source, tmp_path / "other.npz"), capsys)
    assert code == 1 and "does not say which model made it" in error


def test_small_traps(source, tmp_path, capsys, face, monkeypatch):
    """Inputs that look like others, or that would be written over."""
    from maskarc import recognizer
    from maskarc.data import protocols, sources

    photo = source / "ann" / "plain.jpg"
    for given in (str(photo), photo):
        with pytest.raises(TypeError, match="expected a list of photos, got"):
            recognizer.Recognizer.embed(None, given)
        with pytest.raises(TypeError, match="list of photos"):
            landmarks.detect_folder(None, source, given)
    with pytest.raises(TypeError, match="list of photos"):
        protocols.all_pairs("abc")
    with pytest.raises(TypeError, match="list of names"):
        recognizer.save_embeddings(tmp_path / "e.npz", "a", [])
    none = landmarks.LandmarkTable((), np.zeros((0, 68, 2), np.float32), ())
    with pytest.raises(ValueError, match="got an empty path"):
        sources.ImageFolder.from_folder("", none)
    flat = tmp_path / "flat"
    flat.mkdir()
    (flat / "1.jpg").write_bytes(face)
    with pytest.raises(ValueError, match=r"photo.jpg .*1\.jpg: not in an identity's"):
        sources.ImageFolder.from_folder(flat, none)
    weights = tmp_path / "w.safetensors"
    assert call(["convert", "dlib_resnet29", str(weights)], capsys)[0] == 0
    before = state(tmp_path)
    code, _, [error] = call(["convert", str(weights), str(weights)], capsys)
    assert code == 1 and "is the input" in error
    png = tmp_path / "mask.png"
    images.write_image(png, np.zeros((9, 9, 4), np.uint8))
    before = state(tmp_path)
    line = ["add-mask", str(png), "--database", str(tmp_path / "m.json")]
    code, _, [error] = call([*line, "--preview", str(png)], capsys)
    assert code == 1 and "is the input" in error
    assert state(tmp_path) == before
    (tmp_path / "other.pth").write_bytes(b"")
    monkeypatch.undo()  # the loader itself
    for command in (
        ["verify", str(photo), str(photo), "--model", str(tmp_path / "other.pth")],
        ["convert", str(tmp_path / "other.pth"), str(tmp_path / "o.safetensors")],
    ):
        code, _, [error] = call(command, capsys)
        assert code == 1 and "say which architecture other.pth is of" in error
        code, _, [error] = call([*command, "--architecture=iresnet18"], capsys)
        assert code == 1 and "say which" not in error
