"""maskarc.landmarks.mesh on real photos, and its fallback on projected points."""

import concurrent.futures
import pickle

import cv2
import numpy as np
import pytest

from maskarc import geometry, images, landmarks
from maskarc.landmarks import layouts, mesh


@pytest.fixture(scope="module")
def detector() -> mesh.MeshDetector:
    return mesh.MeshDetector()


@pytest.fixture(scope="module")
def photos(faces) -> list[np.ndarray]:
    paths = sorted((faces / "lfw/images").glob("*/*_0001.jpg"))
    return [images.read_image(path) for path in paths[100:500:100]]


def main_points(detector, image: np.ndarray) -> np.ndarray:
    face = landmarks.main_face(detector(image), image.shape)
    assert face is not None
    return face.points


def assert_same(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """The mean distance is below a share of the distance between the eyes."""
    left, right, *_ = layouts.five_of(expected)
    distance = np.linalg.norm(found - expected, axis=1).mean()
    assert distance < tolerance * np.hypot(*(right - left))


def test_the_68_points_are_a_face(detector, photos):
    for image in photos:
        points = main_points(detector, image)
        assert points.shape == (68, 2)
        assert points.dtype == np.float32
        matrix = geometry.fit_similarity(points, layouts.MEAN_FACE[:, :2])
        error = geometry.transform(points, matrix) - layouts.MEAN_FACE[:, :2]
        assert np.linalg.norm(error, axis=1).mean() < 0.15


def test_mirroring_mirrors_the_landmarks(detector, photos):
    for image in photos:
        mirrored = main_points(detector, np.ascontiguousarray(image[:, ::-1]))
        expected = main_points(detector, image)
        assert_same(landmarks.mirror(mirrored, image.shape[1]), expected, 0.05)


def test_several_faces(detector, photos):
    found = detector(np.concatenate(photos[:3], axis=1))
    for index, image in enumerate(photos[:3]):
        expected = main_points(detector, image) + np.float32([250 * index, 0])
        nearest = min(found, key=lambda f: np.abs(f.points - expected).mean())
        assert_same(nearest.points, expected, 0.05)
    assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)


def test_no_face(detector):
    noise = np.random.default_rng(0).integers(0, 256, (120, 90, 3), np.uint8)
    for image in (noise, np.zeros_like(noise), noise[:1, :1]):
        assert detector(image) == []


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns(detector, photos, turns):
    image = photos[0]
    turned = main_points(detector, np.ascontiguousarray(np.rot90(image, turns)))
    for _ in range(turns):  # one quarter back: (x, y) was at (y, 249 - x)
        turned = np.stack([249 - turned[:, 1], turned[:, 0]], axis=1)
    assert_same(turned, main_points(detector, image), 0.06)


@pytest.mark.parametrize("degrees", [-50, 30])
def test_tilted_heads(detector, photos, degrees):
    matrix = cv2.getRotationMatrix2D((125, 125), degrees, 1)
    for image in photos:
        tilted = cv2.warpAffine(image, matrix, (250, 250))
        expected = geometry.transform(main_points(detector, image), matrix)
        assert_same(main_points(detector, tilted), expected, 0.06)


def test_a_tight_crop(detector, photos):
    for image in photos:
        points = main_points(detector, image)
        left, top = np.floor(points.min(axis=0)).astype(int)
        right, bottom = np.ceil(points.max(axis=0)).astype(int)
        crop = np.ascontiguousarray(image[top:bottom, left:right])
        assert_same(main_points(detector, crop), points - [left, top], 0.12)


def test_at_the_border(detector, photos):
    for image in photos:
        points = main_points(detector, image)
        right = int(points[[30, 33, 8], 0].max() + 12)  # half of the face is cut off
        assert_same(main_points(detector, image[:, :right].copy()), points, 0.25)


@pytest.mark.parametrize(("scale", "tolerance"), [(0.16, 0.15), (8, 0.05)])
def test_tiny_and_huge_faces(detector, photos, scale, tolerance):
    image = photos[1]
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=mode)
    expected = (main_points(detector, image) + 0.5) * scale - 0.5
    assert_same(main_points(detector, scaled), expected, tolerance)


def test_a_small_face_in_a_large_photo(detector, photos):
    image = np.full([1500, 2000, 3], 90, np.uint8)
    image[900:1025, 300:425] = cv2.resize(photos[2], (125, 125))
    expected = (main_points(detector, photos[2]) + 0.5) / 2 - 0.5 + [300, 900]
    assert_same(main_points(detector, image), expected, 0.08)


def test_masked_faces(faces, detector):
    paths = sorted((faces / "masked_photos").iterdir())[::20]
    found = 0
    for path in paths:
        image = images.read_image(path)
        face = landmarks.main_face(detector(image), image.shape)
        found += face is not None
    assert found >= len(paths) - 1


def test_the_mesh_itself(photos, detector):
    [face, *_] = mesh.MeshDetector(layout="468")(photos[0])
    assert face.points.shape == (468, 3)
    tip, temple = face.points[4], face.points[127]
    assert tip[2] < temple[2]  # the nose is nearer to the camera
    np.testing.assert_allclose(
        layouts.to_landmarks(face.points, "468"), detector(photos[0])[0].points
    )


def test_threads_and_processes(detector, photos):
    expected = [main_points(detector, image) for image in photos]
    copy = pickle.loads(pickle.dumps(detector))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: main_points(copy, image), photos * 2))
    np.testing.assert_array_equal(found, expected * 2)


def test_the_photo_is_not_written(detector, photos):
    before = photos[0].copy()
    photos[0].flags.writeable = False
    detector(photos[0])
    np.testing.assert_array_equal(photos[0], before)


@pytest.mark.parametrize("yaw", [-1.2, 0.0, 0.5])
@pytest.mark.parametrize("pitch", [-0.3, 0.3])
def test_the_fallback_places_the_mean_face(yaw, pitch):
    rotation = geometry.Pose(yaw=yaw, pitch=pitch, roll=0.4).rotation()
    turned = (layouts.MEAN_FACE @ rotation.T)[:, :2] * 50 + [90, 120]
    found = mesh.mean_face_at(layouts.five_of(turned))
    assert np.abs(found - turned).max() < 1.5  # pixels; the eyes are 50 apart


def test_without_a_confident_mesh_the_score_tells(detector, photos, monkeypatch):
    expected = main_points(detector, photos[0])
    monkeypatch.setattr(mesh, "fit_mesh", lambda *_: (np.zeros([468, 3]), 0.49))
    [face, *_] = detector(photos[0])
    assert 0.4 < face.score < 0.5
    assert_same(face.points, expected, 0.25)
    assert mesh.MeshDetector(layout="468")(photos[0]) == []


def test_mirroring_shows_no_bias(detector, photos):
    biases = []
    for image in photos:
        mirrored = main_points(detector, np.ascontiguousarray(image[:, ::-1]))
        back = landmarks.mirror(mirrored, image.shape[1])
        biases.append(np.mean(main_points(detector, image) - back, axis=0)[0] / 2)
    assert abs(np.mean(biases)) < 0.4  # pixels


def test_the_mouth_goes_down_to_where_retinaface_has_it():
    front = layouts.MEAN_FACE[:, :2] * 60 + [100, 80]
    points = np.random.default_rng(0).uniform(60, 140, [468, 2])
    points[layouts.MESH_TO_68] = front
    five = layouts.five_of(front)
    np.testing.assert_array_equal(mesh.lower_mouth(points, five), points)
    higher = five - np.array([0, 6])
    np.testing.assert_array_equal(mesh.lower_mouth(points, higher), points)
    lower = five + np.array([0, 6])
    found = layouts.to_landmarks(mesh.lower_mouth(points, lower), "468")
    np.testing.assert_allclose(layouts.five_of(found)[3:], lower[3:], atol=0.1)
    np.testing.assert_allclose(found[8] - front[8], [0, 9], atol=0.1)  # the chin
    np.testing.assert_allclose(found[17:31], front[17:31], atol=1e-3)  # brows, nose
    np.testing.assert_allclose(found[36:48], front[36:48], atol=1e-3)  # eyes


def test_unknown_layout():
    with pytest.raises(ValueError, match="'68' or '468'"):
        mesh.MeshDetector(layout="5")


def test_unknown_engine():
    with pytest.raises(ValueError, match="one of opencv, onnxruntime"):
        mesh.MeshDetector(engine="tensorrt")
