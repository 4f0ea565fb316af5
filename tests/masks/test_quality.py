import cv2
import numpy as np
import pytest

from maskarc.masks import drawing, quality, rendering


@pytest.fixture
def eyes(project):
    """A photo with sharp eyes and brows, and its landmarks."""
    landmarks = project(scale=100.0, centre=(150, 110))
    photo = np.full((300, 300, 3), 180, np.uint8)
    for part in (slice(17, 22), slice(22, 27), slice(36, 42), slice(42, 48)):
        hull = cv2.convexHull(landmarks[part].astype(np.float32))
        cv2.fillPoly(photo, [np.rint(hull).astype(np.int32)], (40, 40, 40))
        cv2.polylines(photo, [np.rint(hull).astype(np.int32)], True, (40, 40, 40), 5)
    return photo, landmarks


def test_sharp_photos_need_no_blur(eyes):
    photo, landmarks = eyes
    assert quality.measure(photo, landmarks) == quality.PERFECT


@pytest.mark.parametrize("sigma", [1.5, 2.5, 4.0])
def test_blur_is_measured(eyes, sigma):
    photo, landmarks = eyes
    seen = quality.measure(cv2.GaussianBlur(photo, (0, 0), sigma), landmarks)
    assert seen.blur == pytest.approx(sigma, rel=0.35)


@pytest.mark.parametrize("sigma", [3.0, 8.0])
def test_noise_is_measured(eyes, sigma):
    photo, landmarks = eyes
    grain = np.random.default_rng(0).normal(0, sigma, photo.shape[:2])
    noisy = np.clip(photo + grain[..., None], 0, 255).astype(np.uint8)
    assert quality.measure(noisy, landmarks).noise == pytest.approx(sigma, rel=0.2)


def test_flat_photos_tell_nothing(project):
    photo = np.full((240, 200, 3), 150, np.uint8)
    assert quality.measure(photo, project()) == quality.PERFECT
    assert quality.measure(photo, project(centre=(5000, 80))) == quality.PERFECT


def test_noise_lies_on_the_mask_alone():
    layer = np.zeros((40, 40, 4), np.uint8)
    layer[10:30, 10:30] = (100, 100, 100, 255)
    rough = quality.degrade(layer, quality.Quality(noise=5.0), (3, 4))
    assert rough[10:30, 10:30, 0].std() == pytest.approx(5, rel=0.15)
    rough[10:30, 10:30] = 0
    assert not rough.any()


def test_masks_are_as_sharp_as_the_face(eyes):
    photo, landmarks = eyes
    [mask] = [m for m in drawing.builtin_masks() if m.name == "cloth_black"]
    steps = []
    for sigma in (0.0, 3.0):
        face = cv2.GaussianBlur(photo, (0, 0), sigma) if sigma else photo
        result = rendering.render(face, landmarks, mask).astype(int)
        # Down the cheek, across the mask's upper edge.
        x = int(landmarks[48, 0])
        down = result[int(landmarks[36, 1]) + 15 : int(landmarks[48, 1]), x, 0]
        steps.append(np.abs(np.diff(down)).max())
    assert steps[1] < 0.5 * steps[0]
