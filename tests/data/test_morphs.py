"""Faces between two people."""

import numpy as np
import pytest

from maskarc import images, landmarks
from maskarc.data import morphs, sources, synthetic


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    synthetic.write_folder(synthetic.SyntheticFaces(4, 4, seed=0), root)
    table = landmarks.LandmarkTable.load(root / "landmarks.npz")
    return sources.ImageFolder.from_folder(root, table)


def face(people, index):
    element = people[index]
    return element["image"], element["landmarks"].astype(np.float64)


def test_a_morph_is_between_its_faces(people):
    ends = [morphs.morph(face(people, 0), face(people, 5), share) for share in (0, 1)]
    middle, points = morphs.morph(face(people, 0), face(people, 5), 0.5)
    np.testing.assert_allclose(points, (ends[0][1] + ends[1][1]) / 2, atol=1e-3)
    assert middle.shape == (208, 208, 3) and middle.dtype == np.uint8
    # Skin between the eyes, where both shapes have a landmark.
    x, y = np.rint(points[27]).astype(int)
    colours = []
    for image, own in [*ends, (middle, points)]:
        column, row = np.rint(own[27]).astype(int)
        colours.append(image[row - 1 : row + 2, column - 1 : column + 2].mean((0, 1)))
    np.testing.assert_allclose(colours[2], (colours[0] + colours[1]) / 2, atol=8)
    assert 0 < x < 208 and 0 < y < 208


def test_a_face_blended_with_itself_is_itself(people):
    one = morphs.morph(face(people, 2), face(people, 2), 0.4)[0].astype(int)
    other = morphs.morph(face(people, 2), face(people, 2), 0.0)[0].astype(int)
    assert np.abs(one - other).max() <= 1


def test_where_one_photo_ends_the_other_is_seen(people):
    image, points = face(people, 0)
    left = int(points[:, 0].min())
    cut = image[:, left:], points - (left, 0)
    whole = morphs.morph((image, points), (image, points), 0.5)[0].astype(int)
    mixed = morphs.morph((image, points), cut, 0.5)[0].astype(int)
    assert np.abs(whole - mixed).mean() < 2


def test_a_folder_of_morphs_is_the_same_each_time(people, tmp_path):
    count = morphs.write_morphs(people, tmp_path / "a", 12, seed=3, progress=False)
    again = morphs.write_morphs(people, tmp_path / "b", 12, seed=3, progress=False)
    assert count == again > 6
    names = images.list_images(tmp_path / "a")
    assert len(names) == count and names == images.list_images(tmp_path / "b")
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (
            tmp_path / "b" / name
        ).read_bytes()
    table = landmarks.LandmarkTable.load(tmp_path / "a" / "landmarks.npz")
    assert sources.ImageFolder.from_folder(tmp_path / "a", table).names == tuple(names)
    before = (tmp_path / "a" / names[0]).stat().st_mtime_ns
    morphs.write_morphs(people, tmp_path / "a", 12, seed=3, progress=False)
    assert (tmp_path / "a" / names[0]).stat().st_mtime_ns == before


def test_one_person_is_not_enough(tmp_path):
    root = tmp_path / "people"
    synthetic.write_folder(synthetic.SyntheticFaces(1, 2, seed=0), root)
    table = landmarks.LandmarkTable.load(root / "landmarks.npz")
    source = sources.ImageFolder.from_folder(root, table)
    with pytest.raises(ValueError, match="two people or more, got 1"):
        morphs.write_morphs(source, tmp_path / "out", 3)
