"""The .bin files of InsightFace, as Python 2 and 3 write them."""

import io
import pickle

import numpy as np
import PIL.Image
import pytest

from maskarc import images
from maskarc.data import insightface_bin


def encoded(value, format_="JPEG"):
    file = io.BytesIO()
    PIL.Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(file, format_)
    return file.getvalue()


A, B, C, D = (encoded(v) for v in (0, 80, 160, 240))
# a–b and b–c are one person; a–d are not.
FILES = [A, B, B, C, A, D]
LABELS = [True, True, False]


def write(tmp_path, content, protocol=2):
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("as_arrays", [False, True])
def test_photos_and_pairs(tmp_path, protocol, as_arrays):
    files = [np.frombuffer(f, np.uint8) for f in FILES] if as_arrays else FILES
    labels = np.array(LABELS) if as_arrays else LABELS
    read = insightface_bin.read(write(tmp_path, (files, labels), protocol))
    pairs = read.pairs
    assert len(read.photos) == 4  # each once
    order = [n for pair in zip(pairs.first, pairs.second, strict=True) for n in pair]
    assert [read.photos[name] for name in order] == FILES
    assert pairs.is_same.tolist() == LABELS
    photo = images.decode_image(read.photos[order[1]], "b")
    np.testing.assert_allclose(photo, 80, atol=2)


def test_people_are_joined_by_genuine_pairs(tmp_path):
    people = insightface_bin.read(write(tmp_path, (FILES, LABELS))).pairs.people
    assert people[0, 0] == people[0, 1] == people[1, 0] == people[1, 1] == people[2, 0]
    assert people[2, 1] != people[2, 0]


def test_ten_folds_in_order(tmp_path):
    files = [encoded(v) for v in range(0, 240, 4)]
    read = insightface_bin.read(write(tmp_path, (files, [True, False, True] * 10)))
    assert read.pairs.fold.tolist() == np.repeat(np.arange(10), 3).tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ((FILES, LABELS[:2]), "got 6 photos and 2 labels"),
        ((FILES, [1, 0, 7]), "true or false"),
        (([], []), "a list of photos"),
        ((FILES,), "a pair of photos and labels"),
        (("x", "y"), "a list of photos"),
        ((["text", A], [True]), "the bytes of an encoded photo, got str"),
        (([print, A], [True]), r"asks for .*print"),
    ],
)
def test_other_content(tmp_path, content, message):
    with pytest.raises(ValueError, match=rf"set\.bin: .*{message}"):
        insightface_bin.read(write(tmp_path, content))


def test_cut_off_and_missing(tmp_path):
    path = write(tmp_path, (FILES, LABELS))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="cut off or damaged"):
        insightface_bin.read(path)
    with pytest.raises(FileNotFoundError, match=r"no \.bin file"):
        insightface_bin.read(tmp_path / "none.bin")
