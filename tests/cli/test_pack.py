"""The `maskarc pack` command as a user runs it: kills, full disks, mistakes."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from maskarc import cli, images
from maskarc.data import synthetic

ROOT = pathlib.Path(__file__).parents[2]
COUNT = 600


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """600 crops of 30 people, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    content = images.encode_image(
        synthetic.SyntheticFaces(1, 1, size=224)[0]["image"], "x.jpg"
    )
    for number in range(COUNT):
        path = folder / f"{number % 30}/{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content + str(number).encode())
    (folder / "0" / "broken.png").write_text("not a photo")
    return folder


def command(photos, output, *flags):
    return [
        *(sys.executable, "-m", "maskarc.cli", "pack", str(photos)),
        *("--output", str(output), "--part-photos=40", "--quiet", *flags),
    ]


FORMATS = {
    "shards": ("--aligned",),
    "recordio": ("--format=recordio", "--crop=160", "--detector=canonical"),
}


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.fixture(scope="module", params=FORMATS)
def complete(request, photos, tmp_path_factory):
    """The flags of a format, and what the undisturbed command writes."""
    output = tmp_path_factory.mktemp("complete") / "out"
    arguments = command(photos, output, *FORMATS[request.param], "--check")
    assert cli.main(arguments[3:]) == 0
    return FORMATS[request.param], contents(output)


def test_a_killed_run_goes_on_to_the_same_bytes(photos, complete, tmp_path):
    flags, expected = complete
    for attempt in range(5):  # until it is killed before it is done
        output = tmp_path / str(attempt)
        process = subprocess.Popen(command(photos, output, *flags), cwd=ROOT)
        index = output / "index.json"
        while process.poll() is None and not index.exists():
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if b'"complete": false' in index.read_bytes():
            break
    assert process.returncode == -signal.SIGKILL
    assert cli.main([*command(photos, output, *flags)[3:], "--check"]) == 0
    assert contents(output) == expected


def test_a_full_disk_is_one_line(photos, complete, tmp_path):
    import resource

    def no_large_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    flags, expected = complete
    output = tmp_path / "out"
    done = subprocess.run(
        command(photos, output, *flags),
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=no_large_files,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "File too large" in done.stderr and "Traceback" not in done.stderr
    assert cli.main(command(photos, output, *flags)[3:]) == 0
    assert contents(output) == expected


def test_the_report(photos, tmp_path, capsys):
    arguments = command(photos, tmp_path / "out", "--aligned", "--check")
    assert cli.main(arguments[3:]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"601 files: 600 packed, 1 unreadable → {tmp_path / 'out'}"
    assert second == "checked: all 600 photos can be read"


def test_a_user_s_mistakes_are_one_line(photos, tmp_path, capsys):
    (tmp_path / "file").write_text("a file")
    for flags, message in (
        (["--format=recordio"], "recordio holds no landmarks"),
        (["--landmarks=absent.npz"], "no landmark file at absent.npz"),
        (["--detector=eyes"], "unknown detector 'eyes'; expected one of mesh"),
        (["--threads=0", "--aligned"], "expected 1 thread or more"),
        (["--aligned", "--output", f"{photos}/out"], "must not overlap"),
        (["--aligned", "--output", f"{tmp_path}/file/below"], "Not a directory"),
    ):
        assert cli.main(command(photos, tmp_path / "out", *flags)[3:]) == 1, flags
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and message in line
    with pytest.raises(SystemExit) as wrong:
        cli.main(["pack", "x", "--output=y", "--crop=112", "--aligned"])
    assert wrong.value.code == 2
