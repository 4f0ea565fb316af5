"""Faces with known landmarks: the mean face, turned and projected."""

import numpy as np
import pytest

from maskarc import geometry
from maskarc.landmarks import layouts
from maskarc.masks import types

FRONTAL = geometry.Pose(yaw=0.0, pitch=0.0, roll=0.0)


@pytest.fixture(scope="session")
def project():
    """project(pose, scale=60, centre=(100, 80)) → landmarks float64[68, 2].

    The scale is the distance of the eyes in pixels, the centre lies between them.
    """

    def project(pose=FRONTAL, *, scale=60.0, centre=(100.0, 80.0)):
        turned = layouts.MEAN_FACE @ pose.rotation().T
        return scale * turned[:, :2] + centre

    return project


@pytest.fixture
def noise():
    """A photo uint8[240, 200, 3] of noise, read-only."""
    photo = np.random.default_rng(0).integers(0, 256, (240, 200, 3), np.uint8)
    photo.flags.writeable = False
    return photo


@pytest.fixture(scope="session")
def make_mask(project):
    """make_mask(colour, alpha=255, …) → a `Mask` over nose, mouth and chin."""

    def make_mask(colour=(40, 90, 160), *, alpha=255, pose=FRONTAL, **fields):
        landmarks = project(pose)
        rgba = np.zeros((240, 200, 4), np.uint8)
        rgba[95:165, 60:140] = (*colour, alpha)
        fields = {"name": "plain", "kind": types.PHOTO, "luminance": 150.0} | fields
        return types.Mask(
            rgba=rgba, landmarks=landmarks, indices=np.arange(68), pose=pose, **fields
        )

    return make_mask


@pytest.fixture(scope="session")
def masked_person(project):
    """masked_person(mask_colour, …) → photo uint8[320, 280, 3], landmarks, mask area.

    A painted head with hair, eyes and brows on a plain background; a colour of None
    leaves the face bare.
    """
    import cv2

    def masked_person(mask_colour=(90, 150, 200), *, roll=0.0, seed=0):
        pose = geometry.Pose(yaw=0.0, pitch=0.0, roll=roll)
        points = project(pose, scale=90.0, centre=(140.0, 120.0))
        photo = np.full((320, 280, 3), (70, 110, 80), np.uint8)
        cos, sin = np.cos(roll), np.sin(roll)
        turn = np.array([[cos, -sin], [sin, cos]])

        def paint(outline, colour, where=None):
            corners = 90.0 * np.array(outline) @ turn.T + (140.0, 120.0)
            target = photo if where is None else where
            cv2.fillPoly(target, [np.rint(corners).astype(np.int32)], colour)

        t = np.linspace(0, 2 * np.pi, 60)
        paint(np.stack([1.2 * np.cos(t), 0.4 + 1.45 * np.sin(t)], 1), (50, 35, 25))
        paint(np.stack([1.05 * np.cos(t), 0.6 + 1.15 * np.sin(t)], 1), (205, 160, 135))
        for x in (-0.5, 0.5):
            eye = np.stack([x + 0.14 * np.cos(t), 0.06 * np.sin(t)], 1)
            paint(eye, (240, 240, 240))
            paint([(x - 0.2, -0.3), (x + 0.2, -0.3), (x, -0.34)], (60, 40, 30))
        sheet = [(0, 0.2), (0.85, 0.42), (0.9, 1.1), (0.45, 1.55), (0, 1.66)]
        sheet += [(-x, y) for x, y in sheet[-2:0:-1]]
        area = np.zeros(photo.shape[:2], np.uint8)
        paint(sheet, 1, where=area)
        if mask_colour is not None:
            photo[area > 0] = mask_colour
        grain = np.random.default_rng(seed).normal(0, 3, photo.shape)
        photo = np.clip(photo + grain, 0, 255).astype(np.uint8)
        return photo, points, area

    return masked_person
