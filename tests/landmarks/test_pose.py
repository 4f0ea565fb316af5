"""maskarc.landmarks.pose: yaw, pitch and roll with the right size and sign."""

import numpy as np
import pytest

from maskarc import geometry, images, landmarks
from maskarc.landmarks import layouts


def seen(pose: geometry.Pose) -> np.ndarray:
    """The mean face in this pose, in pixels."""
    return (layouts.MEAN_FACE @ pose.rotation().T)[:, :2] * 60 + [200, 150]


@pytest.mark.parametrize("yaw", [-1.0, -0.3, 0.0, 0.6])
@pytest.mark.parametrize("pitch", [-0.4, 0.2])
@pytest.mark.parametrize("roll", [-1.5, 0.0, 0.5])
def test_known_rotations_of_the_mean_face(yaw, pitch, roll):
    found = landmarks.head_pose(seen(geometry.Pose(yaw=yaw, pitch=pitch, roll=roll)))
    np.testing.assert_allclose(
        [found.yaw, found.pitch, found.roll], [yaw, pitch, roll], atol=0.03
    )


def test_a_subset_of_the_landmarks_is_enough():
    pose = geometry.Pose(yaw=0.4, pitch=-0.1, roll=0.2)
    indices = np.array([*range(1, 16), 28])
    found = landmarks.head_pose(seen(pose)[indices], indices)
    np.testing.assert_allclose([found.yaw, found.roll], [0.4, 0.2], atol=0.03)


def test_signs():
    """The nose tip goes where the face turns; a raised face shows it higher."""
    front = seen(geometry.Pose(yaw=0, pitch=0, roll=0))
    right = front.copy()
    right[27:36, 0] += 8
    assert landmarks.head_pose(right).yaw > 0.05
    raised = front.copy()
    raised[29:36, 1] -= 8
    assert landmarks.head_pose(raised).pitch > 0.05
    turned = geometry.transform(front, np.array([[0.9, -0.4, 0], [0.4, 0.9, 0]]))
    assert landmarks.head_pose(turned).roll == pytest.approx(np.arctan2(4, 9), abs=0.02)


def test_mirroring_mirrors_the_pose():
    pose = geometry.Pose(yaw=0.5, pitch=0.1, roll=-0.2)
    found = landmarks.head_pose(landmarks.mirror(seen(pose), 400)).mirrored()
    np.testing.assert_allclose(found.rotation(), pose.rotation(), atol=0.03)


def test_profile_photos_are_turned_the_way_the_nose_points(faces):
    detector = landmarks.create_detector("mesh")
    photos = sorted((faces / "train").glob("cfp_*/profile*"))[::150]
    yaws, ways = [], []
    for path in photos:
        image = images.read_image(path)
        face = landmarks.main_face(detector(image), image.shape)
        assert face is not None, path
        yaws.append(landmarks.head_pose(face.points).yaw)
        left_eye, right_eye, nose, *_ = landmarks.to_five(face.points, face.layout)
        ways.append(nose[0] - (left_eye[0] + right_eye[0]) / 2)
    assert len(photos) >= 6
    np.testing.assert_array_equal(np.sign(yaws), np.sign(ways))
    assert np.median(np.abs(yaws)) > 0.6
