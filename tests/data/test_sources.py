"""Sources: label order, what is left out and why, tfds without TensorFlow."""

import numpy as np
import pytest

from maskarc import images, landmarks
from maskarc.data import sources, synthetic


@pytest.fixture
def folder(tmp_path):
    """Three people: b with two photos, a with one, c with one that has no face."""
    faces = synthetic.SyntheticFaces(3, 2, size=64)
    photos = {"b/1.png": 0, "b/2.png": 1, "a/x.png": 2, "c/1.png": 4}
    for name, index in photos.items():
        images.write_image(tmp_path / name, faces[index]["image"])
    points = np.stack([faces[index]["landmarks"] for index in photos.values()])
    points[3] = np.nan
    table = landmarks.LandmarkTable(
        tuple(photos), points, ("ok", "ok", "ok", "no_face")
    )
    return tmp_path, table, faces


def test_labels_number_the_sorted_identities_that_have_photos(folder):
    root, table, faces = folder
    source = sources.ImageFolder.from_folder(root, table)
    assert source.identities == ("a", "b")
    assert source.names == ("a/x.png", "b/1.png", "b/2.png")
    assert source.labels.tolist() == [0, 1, 1] and source.num_classes == 2
    assert source.left_out == (("c/1.png", "no landmarks"),)
    element = source[1]
    np.testing.assert_array_equal(element["image"], faces[0]["image"])
    np.testing.assert_allclose(element["landmarks"], faces[0]["landmarks"])
    assert element["label"] == 1


def test_identities_with_too_few_photos_are_listed(folder):
    root, table, _ = folder
    source = sources.ImageFolder.from_folder(root, table, min_photos=2)
    assert source.identities == ("b",)
    assert dict(source.left_out)["a/x.png"] == "a has fewer than 2 usable photos"


def test_photos_outside_identity_folders_are_listed(folder):
    root, table, faces = folder
    images.write_image(root / "stray.png", faces[0]["image"])
    source = sources.ImageFolder.from_folder(root, table)
    assert ("stray.png", "not in an identity's folder") in source.left_out


def test_nothing_usable_says_what_was_expected(folder, tmp_path):
    _, table, _ = folder
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match=r"identity/photo\.jpg"):
        sources.ImageFolder.from_folder(empty, table)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        sources.ImageFolder.from_folder(tmp_path / "nowhere", table)


def test_a_listing_keeps_photos_and_labels(folder, tmp_path):
    root, table, faces = folder
    source = sources.ImageFolder.from_folder(root, table)
    source.save_listing(tmp_path / "photos.csv")
    assert (tmp_path / "photos.csv").read_text().splitlines() == [
        "name,label,identity",
        "a/x.png,0,a",
        "b/1.png,1,b",
        "b/2.png,1,b",
    ]
    (root / "a/x.png").unlink()
    images.write_image(root / "a/y.png", faces[0]["image"])
    images.write_image(root / "0/new.png", faces[0]["image"])
    again = sources.ImageFolder.from_listing(root, tmp_path / "photos.csv", table)
    assert again.names == source.names and again.identities == source.identities
    np.testing.assert_array_equal(again.labels, source.labels)
    np.testing.assert_array_equal(again.landmarks, source.landmarks)
    np.testing.assert_array_equal(again[1]["image"], faces[0]["image"])
    with pytest.raises(FileNotFoundError, match=r"x\.png"):
        again[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name,label\n",
        "name,label,identity\n",
        "name,label,identity\na/x.png,zero,a\n",
        "name,label,identity\na/x.png,1,a\n",
        "name,label,identity\na/x.png,0\n",
        "name,label,identity\na/x.png,0,a\nb/1.png,0,b\n",
    ],
)
def test_damaged_listings(text, folder, tmp_path):
    root, table, _ = folder
    (tmp_path / "photos.csv").write_text(text)
    with pytest.raises(ValueError, match=r"photos\.csv is damaged"):
        sources.ImageFolder.from_listing(root, tmp_path / "photos.csv", table)


def test_listings_without_their_landmarks(folder, tmp_path):
    root, table, _ = folder
    (tmp_path / "photos.csv").write_text("name,label,identity\nc/1.png,0,c\n")
    with pytest.raises(ValueError, match=r"1 photos that have no landmarks.*c/1\.png"):
        sources.ImageFolder.from_listing(root, tmp_path / "photos.csv", table)
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        sources.listed_names(tmp_path / "none.csv")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tfds_source_reads_a_prepared_data_set(folder, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets", reason="needs the tfds extra")
    root, table, faces = folder

    class PreparedFaces(tfds.core.GeneratorBasedBuilder):
        """Three photos of two people."""

        VERSION = tfds.core.Version("1.0.0")
        pkg_dir_path = tmp_path  # tfds looks for metadata beside a builder's package

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=(None, None, 3)),
                        "label": tfds.features.ClassLabel(names=["a", "b"]),
                        "landmarks": tfds.features.Tensor(
                            shape=(68, 2), dtype=np.float32
                        ),
                    }
                ),
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for name in ("a/x.png", "b/1.png", "b/2.png"):
                yield (
                    name,
                    {
                        "image": str(root / name),
                        "label": name[0],
                        "landmarks": table.get(name),
                    },
                )

    PreparedFaces(
        data_dir=tmp_path / "tfds", file_format="array_record"
    ).download_and_prepare()
    source = sources.TfdsFaces.load(
        "prepared_faces", split="train", data_dir=str(tmp_path / "tfds")
    )
    assert len(source) == 3 and source.num_classes == 2
    assert source.labels.tolist() == [source[i]["label"] for i in range(3)]
    assert sorted(source.labels) == [0, 1, 1] and source.labels.dtype == np.int32
    by_label = {source[i]["label"]: source[i] for i in range(3)}
    np.testing.assert_array_equal(by_label[0]["image"], faces[2]["image"])
    np.testing.assert_allclose(by_label[0]["landmarks"], faces[2]["landmarks"])
