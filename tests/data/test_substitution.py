"""Who stands in for a photo that cannot be read."""

import dataclasses
import pickle

import numpy as np
import pytest
from absl import logging

from maskarc import images, landmarks
from maskarc.data import pipeline, sources, substitution, synthetic


@dataclasses.dataclass(frozen=True)
class Breaking:
    """A source whose element i is the number i, but for some that cannot be read."""

    labels: tuple | None = (0, 1, 0, 2, 1, 0)
    broken: frozenset = frozenset()
    error: type = images.ImageError
    num_classes: int = 3

    @property
    def names(self):
        return tuple(f"{i}.jpg" for i in range(len(self)))

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index in self.broken:
            raise self.error(f"{index} is broken")
        return {"image": np.uint8([index]), "label": np.int32((self.labels or [0])[0])}


def chosen(broken, **options):
    """Which elements are read in the places of all six."""
    source = substitution.Substituting(Breaking(broken=frozenset(broken), **options))
    return [int(source[i]["image"][0]) for i in range(6)]


@pytest.fixture
def warned(monkeypatch):
    messages = []
    monkeypatch.setattr(logging, "warning", lambda text, *a: messages.append(text % a))
    return messages


@pytest.mark.parametrize("error", [images.ImageError, FileNotFoundError, RuntimeError])
def test_the_next_photo_of_the_same_person_stands_in(error, warned):
    assert chosen([], error=error) == [0, 1, 2, 3, 4, 5]
    assert chosen([0], error=error) == [2, 1, 2, 3, 4, 5]
    assert chosen([0, 2], error=error) == [5, 1, 5, 3, 4, 5]
    assert chosen([5, 4], error=error) == [0, 1, 2, 3, 1, 0]


def test_else_a_photo_of_the_next_person(warned):
    assert chosen([1, 4]) == [0, 3, 2, 3, 3, 5]
    assert chosen([3]) == [0, 1, 2, 0, 4, 5]
    assert chosen([0, 1, 2, 4, 5]) == [3] * 6


def test_without_labels_the_next_element(warned):
    assert chosen([0, 1, 5], labels=None) == [2, 2, 2, 3, 4, 2]


def test_each_name_is_warned_of_once(warned):
    source = substitution.Substituting(Breaking(broken=frozenset({0, 2})))
    for _ in range(3):
        source[0]
    assert source.unreadable == {"0.jpg": "0 is broken", "2.jpg": "2 is broken"}
    assert warned == [
        "another photo stands in for 0.jpg: 0 is broken",
        "another photo stands in for 2.jpg: 2 is broken",
    ]


def test_nothing_readable_is_an_error(warned):
    source = substitution.Substituting(Breaking(broken=frozenset(range(6))))
    with pytest.raises(substitution.SourceLostError, match=r"6 photos in a row.*disk"):
        source[0]


def test_a_lost_disk_is_noticed_soon(warned):
    class Lost(Breaking):
        def __len__(self):
            return 10**6

        names = synthetic.SyntheticFaces(1, 1000).names

        def __getitem__(self, index):
            raise OSError(5, "Input/output error")

    source = substitution.Substituting(Lost(labels=None))
    with pytest.raises(substitution.SourceLostError, match="100 photos in a row"):
        source[0]


def test_other_errors_are_not_swallowed():
    source = substitution.Substituting(
        Breaking(broken=frozenset({0}), error=ZeroDivisionError)
    )
    with pytest.raises(ZeroDivisionError):
        source[0]


def test_batches_go_on_after_photos_are_gone(tmp_path, warned):
    """Only the elements that are gone change, by others with the same labels."""
    faces = synthetic.SyntheticFaces(3, 3, size=32)
    points = []
    for index, name in enumerate(faces.names):
        images.write_image(tmp_path / name, faces[index]["image"])
        points.append(faces[index]["landmarks"])
    table = landmarks.LandmarkTable(faces.names, np.stack(points), ("ok",) * 9)
    source = substitution.Substituting(sources.ImageFolder.from_folder(tmp_path, table))
    source = pickle.loads(pickle.dumps(source))

    def run():
        dataset = pipeline.batches(source, [], batch_size=3, seed=1)
        return [dataset[n] for n in range(3)]

    before = run()
    (tmp_path / faces.names[4]).unlink()
    content = (tmp_path / faces.names[7]).read_bytes()
    (tmp_path / faces.names[7]).write_bytes(content[: len(content) // 2])
    after = run()
    changed = 0
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a["label"], b["label"])
        changed += (a["image"] != b["image"]).any(axis=(1, 2, 3)).sum()
    assert changed == 2 and set(source.unreadable) == {faces.names[4], faces.names[7]}
