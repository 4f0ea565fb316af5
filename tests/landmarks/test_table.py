"""maskarc.landmarks.table: every image of a folder has an outcome."""

import pathlib
import struct
import zlib

import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest

from maskarc import images, landmarks
from maskarc.landmarks import layouts, types

FACE = (layouts.MEAN_FACE[:, :2] * 10 + 30).astype(np.float32)


class Recorder:
    """Sees a face in every photo that is not black, and notes what it is shown."""

    def __init__(self):
        self.seen: dict[str, np.ndarray] = {}

    def __call__(self, image: np.ndarray, name: str = "") -> list[types.Face]:
        self.seen[name] = image
        if not image.any():
            return []
        box = types.box_of(FACE)
        return [types.Face(box=box, score=1.0, points=FACE, layout="68")]


def fill(root: pathlib.Path) -> None:
    """A folder of one photo of each kind, good and bad."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(1, 256, (40, 60, 3), np.uint8)
    photo = PIL.Image.fromarray(rgb)
    (root / "a").mkdir(parents=True)
    photo.save(root / "a/rgb.jpg")
    photo.convert("L").save(root / "a/grey.png")
    photo.convert("RGBA").save(root / "a/rgba.png")
    photo.convert("CMYK").save(root / "a/cmyk.jpg")
    PIL.Image.fromarray(rgb[..., 0].astype(np.uint16) * 257).save(root / "a/16bit.png")
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    photo.save(root / "a/turned.jpg", exif=exif)
    PIL.Image.new("RGB", (60, 40)).save(root / "black.png")
    header = bytearray((root / "black.png").read_bytes())
    header[16:24] = struct.pack(">II", 20_000, 20_000)
    header[29:33] = struct.pack(">I", zlib.crc32(header[12:29]))
    (root / "bomb.png").write_bytes(header)
    (root / "zero.jpg").touch()
    (root / "text.jpg").write_text("not a photo")
    (root / "cut.jpg").write_bytes((root / "a/rgb.jpg").read_bytes()[:700])


def test_every_image_has_an_outcome(tmp_path):
    fill(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.*")}
    detector = Recorder()
    table = landmarks.detect_folder(detector, tmp_path, progress=False)
    outcomes = dict(zip(table.names, table.outcomes, strict=True))
    good = {name for name in table.names if name.startswith("a/")}
    assert len(good) == 6
    assert {name for name, outcome in outcomes.items() if outcome == "ok"} == good
    assert outcomes["black.png"] == "no_face"
    for name in ("zero.jpg", "text.jpg", "cut.jpg", "bomb.png"):
        assert outcomes[name].startswith(f"unreadable: {name}: ")
        assert table.get(name) is None
    np.testing.assert_array_equal(table.get("a/rgb.jpg"), FACE)
    assert detector.seen["a/turned.jpg"].shape == (60, 40, 3)
    assert {i.dtype for i in detector.seen.values()} == {np.dtype(np.uint8)}
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.*")} == before


def test_known_images_are_not_looked_at_again(tmp_path):
    fill(tmp_path)
    known = landmarks.detect_folder(Recorder(), tmp_path, ["a/rgb.jpg"], progress=False)
    detector = Recorder()
    names = ["black.png", "a/rgb.jpg", "absent.png"]
    table = landmarks.detect_folder(
        detector, tmp_path, names, known=known, progress=False
    )
    assert list(table.names) == names
    assert list(detector.seen) == ["black.png"]
    assert table.outcome("a/rgb.jpg") == "ok"
    assert "no photo at" in table.outcome("absent.png")
    assert table.outcome("unknown.png") is None
    assert table.get("unknown.png") is None


def test_an_interrupted_run_goes_on(tmp_path):
    fill(tmp_path / "photos")
    path = tmp_path / "table.npz"

    class Interrupted(Recorder):
        def __call__(self, image, name=""):
            if len(self.seen) == 3:
                raise KeyboardInterrupt
            return super().__call__(image, name)

    first = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        landmarks.detect_folder(
            first, tmp_path / "photos", progress=False, save_to=path
        )
    saved = landmarks.LandmarkTable.load(path)
    assert set(first.seen) <= set(saved.names)
    second = Recorder()
    table = landmarks.detect_folder(
        second, tmp_path / "photos", progress=False, save_to=path
    )
    assert not set(first.seen) & set(second.seen)
    assert list(table.names) == images.list_images(tmp_path / "photos")
    assert landmarks.LandmarkTable.load(path).outcomes.count("ok") == 6


def test_a_changed_photo_is_looked_at_again(tmp_path):
    photos, path = tmp_path / "photos", tmp_path / "table.npz"
    fill(photos)
    names = [*images.list_images(photos), "late.png"]

    def look():
        detector = Recorder()
        table = landmarks.detect_folder(
            detector, photos, names, progress=False, save_to=path
        )
        return set(detector.seen), table

    look()
    assert look()[0] == set()
    (photos / "a/grey.png").write_bytes((photos / "black.png").read_bytes())
    (photos / "zero.jpg").write_bytes((photos / "a/rgb.jpg").read_bytes())
    (photos / "late.png").write_bytes((photos / "a/rgba.png").read_bytes())
    (photos / "a/rgb.jpg").unlink()
    seen, table = look()
    assert seen == {"a/grey.png", "zero.jpg", "late.png"}
    assert table.outcome("a/grey.png") == "no_face"
    assert table.outcome("zero.jpg") == table.outcome("late.png") == "ok"
    assert table.outcome("a/rgb.jpg") == "ok"  # gone, but known
    assert look()[0] == set()


def test_a_saved_table_loses_no_image_to_a_smaller_run(tmp_path):
    fill(tmp_path / "photos")
    path = tmp_path / "table.csv"
    for names in (None, ["black.png"]):
        landmarks.detect_folder(
            Recorder(), tmp_path / "photos", names, progress=False, save_to=path
        )
    assert len(landmarks.LandmarkTable.load(path)) == 11


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".json"])
def test_tables_survive_the_disk(tmp_path, suffix):
    fill(tmp_path / "photos")
    table = landmarks.detect_folder(Recorder(), tmp_path / "photos", progress=False)
    table.save(tmp_path / f"table{suffix}")
    back = landmarks.LandmarkTable.load(tmp_path / f"table{suffix}")
    assert back.names == table.names
    assert back.outcomes == table.outcomes
    np.testing.assert_allclose(back.landmarks, table.landmarks, atol=6e-4)


def test_five_points_make_no_table(tmp_path):
    path = tmp_path / "five.json"
    path.write_text('{"a.jpg": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 9]]}')
    with pytest.raises(ValueError, match="five points do not determine"):
        landmarks.LandmarkTable.load(path)


def test_mistakes_are_told_before_any_work(tmp_path):
    fill(tmp_path / "photos")
    detector = Recorder()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        landmarks.detect_folder(detector, tmp_path / "nowhere", progress=False)
    with pytest.raises(ValueError, match=r"\.npz, \.csv, \.json"):
        landmarks.detect_folder(
            detector, tmp_path / "photos", progress=False, save_to=tmp_path / "t.txt"
        )
    (tmp_path / "corrupt.npz").write_bytes(b"PK not really")
    with pytest.raises(ValueError, match="not a landmark file"):
        landmarks.detect_folder(
            detector,
            tmp_path / "photos",
            progress=False,
            save_to=tmp_path / "corrupt.npz",
        )
    assert detector.seen == {}
    with pytest.raises(ValueError, match="twice"):
        landmarks.LandmarkTable(("a", "a"), np.zeros([2, 68, 2]), ("ok", "ok"))
    with pytest.raises(ValueError, match="expected 1 outcomes"):
        landmarks.LandmarkTable(("a",), np.zeros([1, 5, 2]), ("ok",))


def test_an_empty_folder_gives_an_empty_table(tmp_path):
    table = landmarks.detect_folder(Recorder(), tmp_path, progress=False)
    assert len(table) == 0
    assert table.landmarks.shape == (0, 68, 2)
