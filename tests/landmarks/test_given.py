"""maskarc.landmarks.given: the user's own landmarks."""

import json

import numpy as np
import pytest

from maskarc import landmarks
from maskarc.landmarks import layouts

IMAGE = np.zeros([50, 50, 3], np.uint8)
FACE = layouts.MEAN_FACE[:, :2] * 9 + 20
FIVE = np.array([[10, 10], [20, 10], [15, 15], [11, 20], [19, 20]], float)


def test_one_array_holds_for_every_image():
    detector = landmarks.create_detector("given", landmarks=FACE)
    for name in ("", "a.jpg"):
        [face] = detector(IMAGE, name)
        np.testing.assert_allclose(face.points, FACE, rtol=1e-6)
        assert (face.layout, face.score) == ("68", 1.0)
        assert face.box[2] == pytest.approx(FACE[:, 0].max())


@pytest.mark.parametrize("count", [5, 68, 468])
def test_several_faces_in_any_layout(count):
    points = np.random.default_rng(0).uniform(0, 50, [3, count, 2])
    faces = landmarks.create_detector("given", landmarks=points)(IMAGE)
    assert [face.layout for face in faces] == [str(count)] * 3


def test_a_table_goes_by_name():
    table = landmarks.LandmarkTable(
        ("a.jpg", "b.jpg"),
        np.stack([FACE, np.full([68, 2], np.nan)]).astype(np.float32),
        ("ok", "no_face"),
    )
    detector = landmarks.create_detector("given", landmarks=table)
    assert len(detector(IMAGE, "a.jpg")) == 1
    assert detector(IMAGE, "b.jpg") == []
    assert detector(IMAGE, "c.jpg") == []


def test_files(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"x/a.jpg": FIVE.tolist()}))
    by_name = landmarks.create_detector("given", landmarks=tmp_path / "a.json")
    [face] = by_name(IMAGE, "x/a.jpg")
    np.testing.assert_array_equal(face.points, FIVE)
    np.save(tmp_path / "a.npy", FACE)
    for_all = landmarks.create_detector("given", landmarks=str(tmp_path / "a.npy"))
    assert for_all(IMAGE, "any.jpg")[0].layout == "68"


def test_five_points_fail_only_where_68_are_needed(tmp_path):
    detector = landmarks.create_detector("given", landmarks=FIVE)
    [face] = detector(IMAGE)
    np.testing.assert_array_equal(landmarks.to_five(face.points, face.layout), FIVE)
    with pytest.raises(ValueError, match="use a 68-point or mesh detector"):
        landmarks.to_landmarks(face.points, face.layout)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros([7, 2]), "5, 68 or 468"),
        (np.zeros([68, 3]), r"\[K, 2\]"),
        (np.zeros([68]), r"\[K, 2\]"),
        (np.full([68, 2], np.nan), "finite"),
    ],
)
def test_useless_arrays_are_refused_at_once(points, message):
    with pytest.raises(ValueError, match=message):
        landmarks.create_detector("given", landmarks=points)


def test_useless_files_are_refused_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.npy"):
        landmarks.create_detector("given", landmarks=tmp_path / "absent.npy")
    (tmp_path / "text.npy").write_text("not an array")
    with pytest.raises(ValueError, match=r"text\.npy"):
        landmarks.create_detector("given", landmarks=tmp_path / "text.npy")
