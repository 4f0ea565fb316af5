"""The synthetic people: reproducible, exact in their landmarks, told apart by shape."""

import dataclasses
import pickle

import numpy as np
import pytest

from maskarc import alignment, geometry
from maskarc.data import synthetic
from maskarc.data.synthetic import drawing, people, shots
from maskarc.landmarks import layouts, pose


def assert_equal(a, b):
    assert a["label"] == b["label"]
    np.testing.assert_array_equal(a["image"], b["image"])
    np.testing.assert_array_equal(a["landmarks"], b["landmarks"])


def scene(identity, head, size=256, **changes):
    """A photo in even white light, so that every pixel has its own colour."""
    shot = shots.Shot(
        pose=head,
        scale=0.23,
        shift=np.zeros(2),
        smile=0.0,
        mouth_open=0.0,
        blink=0.0,
        brow_raise=0.0,
        gaze=np.zeros(2),
        glasses=1.0,
        light=np.array([0.0, 0.0, -1.0]),
        key=np.zeros(3),
        ambient=np.ones(3),
        clothes=np.zeros(3),
    )
    shot = dataclasses.replace(shot, **changes)
    person = people.create_person(0, identity)
    return shots.Scene(person=person, shot=shot, size=size)


HEADS = [
    geometry.Pose(yaw=0.0, pitch=0.0, roll=0.0),
    geometry.Pose(yaw=0.5, pitch=0.1, roll=0.2),
    geometry.Pose(yaw=-0.4, pitch=-0.2, roll=-0.3),
]


def test_elements():
    faces = synthetic.SyntheticFaces(3, 2)
    element = faces[5]
    assert element["image"].shape == (128, 128, 3)
    assert element["image"].dtype == np.uint8
    assert element["landmarks"].shape == (68, 2)
    assert element["landmarks"].dtype == np.float32
    assert type(element["label"]) is int
    assert [faces[i]["label"] for i in range(6)] == [0, 0, 1, 1, 2, 2]
    assert faces.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert faces.names[5] == "id_00002/0001.png"
    assert (len(faces), faces.num_classes, len(set(faces.names))) == (6, 3, 6)


@pytest.mark.parametrize("size", [32, 112, 250, 640])
def test_sizes(size):
    element = synthetic.SyntheticFaces(1, 1, size=size)[0]
    assert element["image"].shape == (size, size, 3)
    # The same photo, only finer: pixel centres are at integers.
    reference = synthetic.SyntheticFaces(1, 1)[0]["landmarks"]
    np.testing.assert_allclose(
        (element["landmarks"] + 0.5) / size, (reference + 0.5) / 128, atol=1e-5
    )


def test_order_and_extent_do_not_matter():
    faces = synthetic.SyntheticFaces(4, 3, seed=5)
    forwards = [faces[i] for i in range(12)]
    people.create_person.cache_clear()
    again = synthetic.SyntheticFaces(4, 3, seed=5)
    for index in reversed(range(12)):
        assert_equal(again[index], forwards[index])
    larger = synthetic.SyntheticFaces(9, 10, seed=5)
    assert_equal(larger[2 * 10 + 1], forwards[2 * 3 + 1])


def test_every_photo_is_its_own():
    faces = synthetic.SyntheticFaces(5, 5)
    pictures = {faces[i]["image"].tobytes() for i in range(25)}
    other = synthetic.SyntheticFaces(5, 5, seed=1)
    pictures |= {other[i]["image"].tobytes() for i in range(25)}
    assert len(pictures) == 50


def test_pickle():
    faces = synthetic.SyntheticFaces(2, 2, seed=3, size=64, first_identity=7)
    names = faces.names
    copy = pickle.loads(pickle.dumps(faces))
    assert copy == faces
    assert copy.names == names
    assert_equal(copy[3], faces[3])


def test_first_identity_gives_other_people():
    world = synthetic.SyntheticFaces(5, 2)
    rest = synthetic.SyntheticFaces(2, 2, first_identity=3)
    assert rest.names == world.names[6:]
    np.testing.assert_array_equal(rest[0]["image"], world[6]["image"])
    assert rest[0]["label"] == 0
    training = synthetic.SyntheticFaces(3, 2)
    assert not set(training.names) & set(rest.names)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"num_identities": 0}, "num_identities of 1 or more, got 0"),
        ({"photos_per_identity": 0}, "photos_per_identity"),
        ({"seed": -1}, "seed of 0 or more"),
        ({"size": 16}, "size of 32 or more"),
        ({"size": 113}, "even size, got 113"),
        ({"first_identity": -2}, "first_identity"),
    ],
)
def test_bad_arguments(changes, match):
    good = {"num_identities": 2, "photos_per_identity": 2}
    with pytest.raises(ValueError, match=match):
        synthetic.SyntheticFaces(**(good | changes))


@pytest.mark.parametrize("index", [-1, 4])
def test_index_out_of_range(index):
    with pytest.raises(IndexError, match=f"no photo {index} among 4"):
        synthetic.SyntheticFaces(2, 2)[index]


def colour_at(image, point):
    x, y = np.rint(point).astype(int)
    return image[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(axis=0)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("identity", range(8))
def test_landmarks_lie_on_the_drawn_features(identity, head):
    view = scene(identity, head, size=384)
    image = drawing.draw(view, np.zeros((384, 384, 3), np.uint8))
    points, person = view.landmarks, view.person
    unit = 0.23 * 384
    for eye in (layouts.LEFT_EYE, layouts.RIGHT_EYE):
        centre = points[eye].mean(axis=0)
        # Between the pupil and the rim, on the side away from the glint.
        beside = centre + 0.08 * unit * np.array([1.0, 0.0])
        np.testing.assert_allclose(colour_at(image, beside), person.iris, atol=45)
    lip = (points[57] + points[66]) / 2
    np.testing.assert_allclose(colour_at(image, lip), person.lips, atol=25)
    for brow in (19, 24):
        np.testing.assert_allclose(
            colour_at(image, points[brow]), person.brows, atol=25
        )
    # The ridge of the nose stands before the far eye.
    ridge = 0.7 * points[29] + 0.3 * points[33]
    np.testing.assert_allclose(colour_at(image, ridge), person.skin, atol=12)


def test_blink_hides_the_iris():
    gaps = []
    for blink in (0.0, 1.0):
        view = scene(1, HEADS[0], size=384, blink=blink)
        image = drawing.draw(view, np.zeros((384, 384, 3), np.uint8))
        landmarks = view.landmarks
        gaps.append(landmarks[[41, 40], 1] - landmarks[[37, 38], 1])
        # Above the lower lid lies the eye, or the skin of the upper lid.
        above = landmarks[[40, 41]].mean(axis=0) - [0, 0.6 * gaps[0].mean()]
        is_skin = np.abs(colour_at(image, above) - view.person.skin).max() < 12
        assert is_skin == bool(blink)
    assert (gaps[1] < 0.1 * gaps[0]).all()


@pytest.mark.parametrize("head", HEADS)
def test_head_pose_finds_the_drawn_pose(head):
    errors = []
    for identity in range(20):
        found = pose.head_pose(scene(identity, head).landmarks)
        errors.append([getattr(found, a) - getattr(head, a) for a in ("yaw", "roll")])
    assert np.abs(np.mean(errors, axis=0)).max() < 0.05
    assert np.abs(errors).max() < 0.2


def test_faces_fill_the_photo():
    faces = synthetic.SyntheticFaces(40, 2)
    points = np.stack([faces[i]["landmarks"] for i in range(len(faces))])
    assert points.min() > 0
    assert points.max() < 127
    eyes = points[:, layouts.RIGHT_EYE].mean(1) - points[:, layouts.LEFT_EYE].mean(1)
    distance = np.linalg.norm(eyes, axis=1)
    assert 20 < distance.min() < distance.max() < 45


def test_shape_tells_people_apart():
    faces = synthetic.SyntheticFaces(40, 4, size=64)
    shapes = []
    for index in range(len(faces)):
        landmarks = faces[index]["landmarks"]
        matrix = alignment.crop_matrix(layouts.to_five(landmarks, "68"))
        # The upper face alone: what a mask leaves.
        shapes.append(geometry.transform(landmarks, matrix)[17:48].ravel())
    shapes = np.stack(shapes)
    apart = np.linalg.norm(shapes[:, None] - shapes, axis=-1)
    one, other = np.triu_indices(len(faces), 1)
    is_same = faces.labels[one] == faces.labels[other]
    genuine, impostor = apart[one, other][is_same], apart[one, other][~is_same]
    # The chance that two photos of one person are nearer than those of two people.
    assert (genuine[:, None] < impostor).mean() > 0.75
