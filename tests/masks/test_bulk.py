import errno
import json
import os
import pathlib

import numpy as np
import pytest

from maskarc import geometry, images, landmarks
from maskarc.masks import bulk, database

SUFFIXES = ("a.jpg", "sub/b.png", "sub/deep/c.jpeg", "d.webp", "e.bmp", "f.tif")


@pytest.fixture
def source(tmp_path, project):
    """Six faces in nested folders, a face of no extent, and two broken files."""
    folder = tmp_path / "in"
    rng = np.random.default_rng(0)
    points, names = [], []
    for number, name in enumerate(SUFFIXES):
        level = rng.integers(90, 200)
        images.write_image(folder / name, np.full((240, 200, 3), level, np.uint8))
        pose = geometry.Pose(yaw=0.15 * (number - 2), pitch=0.0, roll=0.1)
        points.append(project(pose))
        names.append(name)
    images.write_image(folder / "flat.png", np.zeros((50, 80, 3), np.uint8))
    points.append(np.full((68, 2), 40.0))
    images.write_image(folder / "faceless.png", np.zeros((50, 80, 3), np.uint8))
    points.append(np.full((68, 2), np.nan))
    (folder / "empty.jpg").write_bytes(b"")
    points.append(project())
    (folder / "unlisted.jpg").write_text("not a photo")
    table = landmarks.LandmarkTable(
        (*names, "flat.png", "faceless.png", "empty.jpg"),
        np.array(points, np.float32),
        ("ok",) * 7 + ("no_face", "ok"),
    )
    table.save(tmp_path / "landmarks.npz")
    return folder


@pytest.fixture
def run(source, tmp_path):
    def run(output="out", **options):
        table = str(tmp_path / "landmarks.npz")
        options = {"seed": 5, "landmark_file": table, "progress": False} | options
        return bulk.mask_folder(source, tmp_path / output, **options)

    return run


def contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def rows(folder):
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["path"]: row for row in map(json.loads, lines)}


def test_every_photo_is_accounted_for(run, source, tmp_path):
    before = contents(source)
    counts = run()
    assert counts == {"masked": 6, "no_face": 2, "unfit": 1, "unreadable": 1}
    assert contents(source) == before
    found = rows(tmp_path / "out")
    assert list(found) == images.list_images(source)
    for row in found.values():
        assert set(row) >= {"path", "outcome", "reason", "faces", "sha256", "seed"}
        assert (row["outcome"] == "masked") == (not row["reason"])
        assert row["seed"] == 5
    [face] = found["e.bmp"]["faces"]
    assert face["pose"]["yaw"] == pytest.approx(0.3, abs=0.01)
    assert found["a.jpg"]["faces"][0]["mask"] in {
        m.name for m in database.load("builtin")
    }
    masked = images.list_images(tmp_path / "out")
    assert masked == sorted(SUFFIXES)
    photo = images.read_image(source / "sub/b.png").astype(int)
    change = np.abs(images.read_image(tmp_path / "out" / "sub/b.png") - photo)
    assert 0.05 < (change.max(axis=-1) > 10).mean() < 0.6


def test_a_seed_repeats_the_result_and_another_changes_it(run, tmp_path):
    for output, seed in (("out", 5), ("again", 5), ("other", 6)):
        run(output, seed=seed)
    first, again, other = (contents(tmp_path / o) for o in ("out", "again", "other"))
    assert first == again
    assert first != other


def test_the_mask_does_not_depend_on_the_other_photos(run, source, tmp_path):
    run()
    for name in SUFFIXES[:4]:
        (source / name).unlink()
    run("fewer")
    whole, fewer = rows(tmp_path / "out"), rows(tmp_path / "fewer")
    assert all(fewer[name] == whole[name] for name in fewer)


@pytest.mark.parametrize("kept_bytes", [0, 1, 300, 700, 100_000])
def test_a_killed_run_goes_on(run, tmp_path, kept_bytes):
    run()
    output = tmp_path / "out"
    complete = contents(output)
    manifest = output / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:kept_bytes])
    (output / "a.jpg").unlink()
    (output / "d.webp").write_bytes(b"half a photo")
    (output / ".e.partial.bmp").write_bytes(b"left behind")
    run()
    (output / ".e.partial.bmp").unlink(missing_ok=True)
    assert contents(output) == complete


def test_finished_photos_are_not_done_again(run, tmp_path, monkeypatch):
    run()
    complete = contents(tmp_path / "out")
    monkeypatch.setattr(bulk.masking.wearing, "put_on", lambda *_: 1 / 0)
    (tmp_path / "in" / "flat.png").unlink()  # the one that is tried again
    run()
    changed = contents(tmp_path / "out")
    assert {k: v for k, v in changed.items() if k != "manifest.jsonl"} == {
        k: v for k, v in complete.items() if k != "manifest.jsonl"
    }


def test_landmarks_are_found_and_kept_without_a_table(run, tmp_path):
    counts = run(landmark_file="", detector="canonical")
    assert counts == {"masked": 8, "unreadable": 2}
    table = landmarks.LandmarkTable.load(tmp_path / "out" / "landmarks.npz")
    assert table.outcomes.count("ok") == 8


def test_other_settings_are_refused(run, tmp_path):
    run()
    before = contents(tmp_path / "out")
    with pytest.raises(ValueError, match=r"other settings \(seed\)"):
        run(seed=6)
    database.save(tmp_path / "masks.json", database.load("builtin")[:2])
    with pytest.raises(ValueError, match="masks"):
        run(masks=str(tmp_path / "masks.json"))
    assert contents(tmp_path / "out") == before


def test_folders_must_not_overlap(run, source, tmp_path):
    before = contents(source)
    for output in ("in", "in/masked", ".", "in/../in/x"):
        with pytest.raises(ValueError, match="must not overlap"):
            run(output)
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(ValueError, match="must not overlap"):
        run("link/masked")
    assert contents(source) == before


def test_a_folder_of_something_else_is_left_alone(run, tmp_path):
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.jpg").write_bytes(b"precious")
    with pytest.raises(ValueError, match="not an empty folder"):
        run("album")
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ValueError, match="not an empty folder"):
        run("file")
    assert (tmp_path / "album" / "a.jpg").read_bytes() == b"precious"


def test_damaged_manifests_are_named(run, tmp_path):
    run()
    manifest = tmp_path / "out" / "manifest.jsonl"
    manifest.write_text("{broken\n" + manifest.read_text())
    with pytest.raises(ValueError, match="line 1 is damaged"):
        run()
    (tmp_path / "out" / "settings.json").write_text("[]")
    with pytest.raises(ValueError, match=r"settings\.json is damaged"):
        run()


def test_bad_arguments(run, tmp_path):
    with pytest.raises(FileNotFoundError):
        bulk.mask_folder(tmp_path / "absent", tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        run(masks=str(tmp_path / "absent.json"))
    with pytest.raises(ValueError, match="seed"):
        run(seed=-1)
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="no photos"):
        bulk.mask_folder(tmp_path / "none", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_of_the_whole_set(run, source, tmp_path):
    counts = run(save_mask=True, labels=("coco", "yolo"))
    output = tmp_path / "out"
    coco = json.loads((output / "coco.json").read_text())
    assert len(coco["images"]) == len(coco["annotations"]) == counts["masked"]
    sizes = {p["id"]: (p["width"], p["height"], p["file_name"]) for p in coco["images"]}
    for note in coco["annotations"]:
        width, height, name = sizes[note["image_id"]]
        mask = images.read_image(output / "extras" / "mask" / f"{name}.png")[..., 0]
        assert (mask == 255).sum() == note["area"]
        x, y, w, h = note["bbox"]
        assert (mask[y : y + h, x : x + w] == 255).sum() == note["area"]
        text = (output / name).with_suffix(".txt").read_text().split()
        box = [(x + w / 2) / width, (y + h / 2) / height, w / width, h / height]
        assert [float(v) for v in text[1:]] == pytest.approx(box, abs=1e-5)
        names = {c["id"]: c["name"] for c in coco["categories"]}
        line = f"  {text[0]}: '{names[note['category_id']]}'"
        assert line in (output / "data.yaml").read_text().splitlines()
    before = contents(output)
    (output / "extras" / "mask" / "a.jpg.png").unlink()  # it is made again
    run(save_mask=True, labels=("coco", "yolo"))
    assert contents(output) == before
    images.write_image(source / "a.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ValueError, match=r"share the YOLO labels a\.txt"):
        run("twice", labels=("yolo",))


def test_links_and_odd_files_do_no_harm(run, source, tmp_path):
    run()
    before = contents(source)
    output = tmp_path / "out"
    for path in (output / "sub").rglob("*.*"):
        path.unlink()
    (output / "sub" / "deep").rmdir()
    (output / "sub").rmdir()
    (output / "sub").symlink_to(source / "sub")
    with pytest.raises(ValueError, match="outside"):
        run()
    assert contents(source) == before
    (source / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(source / "pipe.png")
    (source / "notes.txt").write_text("")
    run("more", landmark_file="", detector="canonical")
    found = rows(tmp_path / "more")
    assert found["gone.jpg"]["outcome"] == found["pipe.png"]["outcome"] == "unreadable"
    assert found["notes.txt"]["outcome"] == "ignored"


def test_a_full_disk_stops_the_run_which_then_goes_on(run, tmp_path, monkeypatch):
    run()
    complete = contents(tmp_path / "out")
    write = pathlib.Path.write_bytes

    def full(path, data):
        if data[8:12] == b"WEBP":
            write(path, data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            run("again")
    assert not list((tmp_path / "again").glob(".*"))
    run("again")
    assert contents(tmp_path / "again") == complete


def test_a_folder_named_as_the_extras_is_refused(run, source):
    images.write_image(source / "extras" / "x.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ValueError, match="'extras'"):
        run()


def test_a_copy_for_each_item_of_a_mixture(source, tmp_path):
    table = {"landmark_file": str(tmp_path / "landmarks.npz"), "progress": False}
    counts = bulk.mask_folder_each(
        source, tmp_path / "each", masks="n95:9, cloth_red[floral]", **table
    )
    assert list(counts) == ["n95", "cloth_red_floral"]
    for name, masks in (("n95", "n95"), ("cloth_red_floral", "cloth_red[floral]")):
        alone = bulk.mask_folder(source, tmp_path / name, masks=masks, **table)
        assert alone == counts[name]
        photos = {p for p in contents(tmp_path / name) if p.endswith((".png", ".jpg"))}
        assert photos
        for photo in photos:
            one, other = tmp_path / name / photo, tmp_path / "each" / name / photo
            assert one.read_bytes() == other.read_bytes()


def test_formats_that_are_only_read_become_png(run, source, tmp_path):
    grey = b"P5 120 120 255\n" + bytes([150]) * 120**2
    (source / "x.pgm").write_bytes(grey)
    (source / "x.pgm.png").write_bytes(grey)
    options = {"landmark_file": "", "detector": "canonical", "labels": ("yolo",)}
    run("more", **options)
    found = rows(tmp_path / "more")
    assert found["x.pgm"]["result"] == "x.pgm.png"
    assert found["x.pgm.png"]["result"] == "x.pgm.png.png"
    assert found["a.jpg"]["result"] == "a.jpg" and found["empty.jpg"]["result"] is None
    photo = images.read_image(tmp_path / "more" / "x.pgm.png")
    assert photo.shape == (120, 120, 3)
    assert (tmp_path / "more" / "x.pgm.txt").is_file()
    # A run that goes on knows them, and makes them again where they are lost.
    (tmp_path / "more" / "x.pgm.png").unlink()
    before = (tmp_path / "more" / "a.jpg").stat().st_mtime_ns
    run("more", **options)
    assert (tmp_path / "more" / "x.pgm.png").is_file()
    assert (tmp_path / "more" / "a.jpg").stat().st_mtime_ns == before
