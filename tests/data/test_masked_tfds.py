"""The prepared data set agrees with the bulk tool, and feeds grain."""

import io

import grain
import numpy as np
import PIL.Image
import pytest

from maskarc import images
from maskarc.data import masked_tfds, sources, synthetic
from maskarc.masks import bulk, database

tfds = pytest.importorskip("tensorflow_datasets", reason="needs the tfds extra")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def folder(tmp_path):
    """Photos of two people, one of them stored on its side, and a broken file."""
    faces = synthetic.SyntheticFaces(2, 2, size=96)
    table = synthetic.write_folder(faces, tmp_path / "in")
    table.save(tmp_path / "landmarks.npz")
    (tmp_path / "in" / "landmarks.npz").unlink()
    first = tmp_path / "in" / faces.names[0]
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the file's left column is the photo's top row
    lying = np.rot90(faces[0]["image"], 1)
    buffer = io.BytesIO()
    PIL.Image.fromarray(lying).save(buffer, "PNG", exif=exif)
    first.write_bytes(buffer.getvalue())
    (first.parent / "broken.jpg").write_text("not a photo")
    (first.parent / "notes.txt").write_text("not a photo")
    return tmp_path, faces


def test_examples_are_what_the_bulk_tool_writes(folder):
    root, faces = folder
    options = {"landmark_file": str(root / "landmarks.npz"), "seed": 2}
    counts = masked_tfds.prepare(root / "in", root / "tfds", **options)
    assert counts == {"ignored": 1, "masked": 4, "no_face": 1}
    bulk.mask_folder(
        root / "in", root / "out", save_mask=True, progress=False, **options
    )
    line = (root / "tfds" / "masked_faces.manifest.jsonl").read_bytes()
    assert line == (root / "out" / "manifest.jsonl").read_bytes()
    records = tfds.data_source("masked_faces", data_dir=root / "tfds", split="train")
    assert len(records) == 4
    kinds = {mask.kind for mask in database.load("builtin")}
    for record in records:
        name = record["name"].decode()
        index = faces.names.index(name)
        np.testing.assert_array_equal(record["image"], faces[index]["image"])
        masked = images.read_image(root / "out" / name)
        np.testing.assert_array_equal(record["masked_image"], masked)
        mask = images.read_image(root / "out" / "extras" / "mask" / f"{name}.png")
        np.testing.assert_array_equal(record["mask"], mask[..., :1])
        np.testing.assert_array_equal(record["landmarks"], faces[index]["landmarks"])
        assert record["label"] == faces[index]["label"]
        assert record["mask_type"].decode() in kinds
        x, y, width, height = record["mask_box"]
        inside = record["mask"][y : y + height, x : x + width]
        assert inside.any() and inside.sum() == record["mask"].sum()


def test_it_reads_back_through_grain(folder):
    root, _ = folder
    masked_tfds.prepare(
        root / "in", root / "tfds", landmark_file=str(root / "landmarks.npz")
    )
    source = sources.TfdsFaces.load(
        "masked_faces", split="train", data_dir=str(root / "tfds")
    )
    assert source.num_classes == 2
    batch = grain.MapDataset.source(source).batch(4)[0]
    assert batch["image"].shape == (4, 96, 96, 3)
    assert sorted(batch["label"]) == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="exists"):
        masked_tfds.prepare(root / "in", root / "tfds", detector="canonical")


def test_flat_folders_have_no_labels(tmp_path):
    image = synthetic.SyntheticFaces(1, 1, size=96)[0]["image"]
    for name in ("a.jpg", "b.tif"):
        images.write_image(tmp_path / "in" / name, image)
    masked_tfds.prepare(tmp_path / "in", tmp_path / "tfds", detector="canonical")
    builder = tfds.builder("masked_faces", data_dir=str(tmp_path / "tfds"))
    assert "label" not in builder.info.features
    for record in builder.as_data_source(split="train"):
        stored = images.read_image(tmp_path / "in" / record["name"].decode())
        np.testing.assert_array_equal(record["image"], stored)
    with pytest.raises(ValueError, match="must not overlap"):
        masked_tfds.prepare(tmp_path / "in", tmp_path / "in" / "tfds")
