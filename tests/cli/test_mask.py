"""The `maskarc mask` command as a user runs it: kills, full disks, several workers."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from maskarc import cli, images
from maskarc.data import synthetic

ROOT = pathlib.Path(__file__).parents[2]
COUNT = 150


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """150 crops in nested folders, and some files that are no photos."""
    folder = tmp_path_factory.mktemp("photos")
    content = images.encode_image(
        synthetic.SyntheticFaces(1, 1, size=224)[0]["image"], "x.jpg"
    )
    for number in range(COUNT):
        path = folder / f"{number % 7}/{number % 3}/{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "notes.txt").write_text("not a photo")
    (folder / "0" / "broken.png").write_text("not a photo")
    return folder


def command(photos, output, *flags):
    return [
        *(sys.executable, "-m", "maskarc.cli", "mask", str(photos)),
        *("--output", str(output), "--detector=canonical", "--seed=3", *flags),
    ]


def run(photos, output, *flags, **options):
    return subprocess.run(
        command(photos, output, *flags),
        cwd=ROOT,
        capture_output=True,
        text=True,
        **options,
    )


def contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def complete(photos, tmp_path_factory):
    """What one worker writes for the photos, undisturbed."""
    output = tmp_path_factory.mktemp("complete") / "out"
    done = run(photos, output, "--workers=1", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("152 files: 1 ignored, 150 masked, 1 unreadable")
    assert done.stderr == ""
    return contents(output)


def start(photos, output):
    """Starts two workers and returns when they have done some photos."""
    process = subprocess.Popen(
        command(photos, output, "--workers=2", "--quiet"),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    manifest = output / "manifest.jsonl"
    while process.poll() is None:
        if manifest.exists() and manifest.read_bytes().count(b"\n") >= 5:
            return process
        time.sleep(0.005)
    pytest.fail(f"ended too early: {process.communicate()}")


def workers_of(process):
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    pids = map(int, children.read_text().split())
    return [
        pid
        for pid in pids
        if b"spawn_main" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def is_running(pid):
    try:
        return "Z" not in pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2]
    except FileNotFoundError:
        return False


needs_proc = pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").exists(), reason="needs Linux's /proc"
)


@needs_proc
def test_a_killed_run_goes_on_to_the_same_result(photos, complete, tmp_path):
    output = tmp_path / "out"
    process = start(photos, output)
    workers = workers_of(process)
    assert len(workers) == 2
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, workers))
    done_before = (output / "manifest.jsonl").read_bytes().count(b"\n")
    assert 5 <= done_before < COUNT
    assert run(photos, output, "--workers=2", "--quiet").returncode == 0
    assert contents(output) == complete


@needs_proc
def test_a_worker_that_is_killed_is_replaced(photos, complete, tmp_path):
    output = tmp_path / "out"
    process = start(photos, output)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert contents(output) == complete


def test_files_that_cannot_be_written_are_one_line(photos, complete, tmp_path):
    import resource

    def no_large_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    output = tmp_path / "out"
    done = run(photos, output, "--workers=2", preexec_fn=no_large_files)
    assert done.returncode == 1
    assert "error: [Errno 27] File too large" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not list(output.rglob("*partial*"))
    assert run(photos, output, "--workers=2", "--quiet").returncode == 0
    assert contents(output) == complete


def test_a_user_s_mistakes_are_one_line(photos, tmp_path, capsys):
    (tmp_path / "file").write_text("a file")
    for flags, message in (
        (["--masks=striped"], "unknown mask 'striped'; expected builtin"),
        (["--masks=a.json"], "no mask database at a.json"),
        (["--size-jitter=-1"], "expected size_jitter from 0 to 1"),
        (["--landmarks=absent.npz"], "no landmark file at absent.npz"),
        (["--detector=eyes"], "unknown detector 'eyes'; expected one of mesh"),
        (["--labels=voc"], "unknown labels voc; expected coco or yolo"),
        (["--seed=-1"], "expected a seed of 0 or more"),
        (["--workers=0"], "expected 1 worker or more"),
        (["--output", f"{tmp_path}/file/below"], "Not a directory"),
        (["--output", f"{photos}/masked"], "must not overlap"),
    ):
        arguments = command(photos, tmp_path / "out", *flags)[3:]
        assert cli.main(arguments) == 1, flags
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and message in line
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit) as wrong:
        cli.main(["mask"])
    assert wrong.value.code == 2


def test_one_photo(photos, complete, tmp_path):
    output = tmp_path / "out"
    done = run(photos / "1/1" / "1.jpg", output, "--workers=1", "--quiet")
    assert done.returncode == 0
    assert images.list_images(output) == ["1.jpg"]
    [row] = (output / "manifest.jsonl").read_text().splitlines()
    face = json.loads(row)["faces"][0]
    assert np.shape(face["landmarks"]) == (68, 2)
    assert face["kind"] in {"surgical", "n95", "cloth"}


def test_a_mixture_reaches_the_manifest(photos, tmp_path):
    output = tmp_path / "out"
    arguments = command(
        photos / "1",
        output,
        "--masks=cloth-#e54294, surgical_blue:3@nose_out=0.5",
        "--size-jitter=0.05",
        "--labels=yolo",
        "--quiet",
    )
    assert not cli.main(arguments[3:])
    lines = (output / "manifest.jsonl").read_text().splitlines()
    faces = [face for line in lines for face in json.loads(line)["faces"]]
    seen = {(face["mask"], face["kind"], face["wear"]) for face in faces}
    assert {row for row in seen if row[1] == "surgical"} == {
        ("surgical_blue", "surgical", "correct"),
        ("surgical_blue@nose_out", "surgical", "nose_out"),
    }
    assert {row[0].partition("[")[2] for row in seen if row[1] == "cloth"} == {
        "#e54294]"
    }
    names = (output / "data.yaml").read_text()
    assert "cloth" in names and "surgical" in names and "gas" not in names
