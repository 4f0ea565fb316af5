"""What a configuration reads, at its first start and when it is taken up again."""

import numpy as np
import pytest

from maskarc import alignment, images, landmarks
from maskarc.data import packing, pipeline, synthetic
from maskarc.train import config, inputs


@pytest.fixture
def settings(tmp_path):
    """A folder of three people with two photos each, and its landmark table."""
    faces = synthetic.SyntheticFaces(3, 2, size=32)
    points = []
    for index, name in enumerate(faces.names):
        images.write_image(tmp_path / "photos" / name, faces[index]["image"])
        points.append(faces[index]["landmarks"])
    table = landmarks.LandmarkTable(faces.names, np.stack(points), ("ok",) * 6)
    table.save(tmp_path / "table.npz")
    (tmp_path / "run").mkdir()
    return config.TrainConfig(
        data_dir=str(tmp_path / "photos"), landmarks=str(tmp_path / "table.npz")
    )


def test_a_folder_is_listed_once(settings, tmp_path):
    first = inputs.create_source(settings, tmp_path / "run")
    listing = (tmp_path / "run" / "photos.csv").read_bytes()
    photos = tmp_path / "photos"
    for name in first.names[2:4]:  # a person vanishes, another appears
        (photos / name).unlink()
    images.write_image(photos / "id_a" / "new.png", first[0]["image"])
    again = inputs.create_source(settings, tmp_path / "run")
    assert again.names == first.names and again.num_classes == 3
    np.testing.assert_array_equal(again.labels, first.labels)
    assert (tmp_path / "run" / "photos.csv").read_bytes() == listing
    np.testing.assert_array_equal(again[2]["image"], first[4]["image"])
    assert again[2]["label"] == 2
    afresh = inputs.create_source(settings, tmp_path)
    assert len(afresh) == 4 and afresh.num_classes == 2


def test_landmarks_of_a_run_stay(settings, tmp_path):
    settings.landmarks, settings.detector = "", "canonical"
    first = inputs.create_source(settings, tmp_path / "run")
    table = (tmp_path / "run" / "landmarks.npz").read_bytes()
    (tmp_path / "photos" / first.names[0]).unlink()
    (tmp_path / "photos" / first.names[2]).write_bytes(b"damaged")
    images.write_image(tmp_path / "photos/id_00000/9.png", first[4]["image"])
    again = inputs.create_source(settings, tmp_path / "run")
    assert (tmp_path / "run" / "landmarks.npz").read_bytes() == table
    assert again.names == first.names
    np.testing.assert_array_equal(again[2]["image"], first[3]["image"])
    (tmp_path / "run" / "landmarks.npz").unlink()
    with pytest.raises(ValueError, match="2 photos that have no landmarks"):
        inputs.create_source(settings, tmp_path / "run")


@pytest.mark.parametrize("name", ["shards", "recordio"])
def test_packed_sets_feed_a_run(name, settings, tmp_path):
    packing.pack_folder(
        settings.data_dir,
        tmp_path / "packed",
        file_format=name,
        crop=32,
        landmark_file=settings.landmarks,
        encoding="png",
        progress=False,
    )
    settings.source, settings.data_dir = name, str(tmp_path / "packed")
    settings.image_size, settings.mask_probability = 32, 0.0
    settings.color_jitter = settings.flip_probability = 0.0
    source = inputs.create_source(settings, tmp_path / "run")
    dataset = pipeline.batches(
        source,
        inputs.augmentations(settings),
        batch_size=4,
        seed=0,
        photos_of_each=2,
    )
    faces = synthetic.SyntheticFaces(3, 2, size=32)
    crops = [
        alignment.crop_face(faces[i]["image"], faces[i]["landmarks"], size=32)
        for i in range(6)
    ]
    for n in range(6):
        batch = dataset[n]
        assert sorted(np.bincount(batch["label"]).tolist(), reverse=True)[:2] == [2, 2]
        for image, label in zip(batch["image"], batch["label"], strict=True):
            own = crops[2 * label : 2 * label + 2]
            assert any(np.array_equal(image, crop) for crop in own)


def test_unknown_sources_are_answered_with_the_known():
    with pytest.raises(ValueError, match="'lmdb'; expected one of folder, recordio"):
        inputs.create_source(config.TrainConfig(source="lmdb"), None)
