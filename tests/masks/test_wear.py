import dataclasses

import numpy as np
import pytest

from maskarc import geometry
from maskarc.masks import drawing, rendering, variation, wear

FRONTAL = geometry.Pose(yaw=0.0, pitch=-0.24, roll=0.0)


@pytest.fixture(params=["surgical_blue", "n95_white", "duckbill_white"])
def alpha_of(request, project):
    """alpha_of(wear) → (alpha uint8[240, 200], landmarks)."""
    [mask] = [m for m in drawing.builtin_masks() if m.name == request.param]
    landmarks = project(FRONTAL)
    photo = np.full((240, 200, 3), 150, np.uint8)

    def alpha_of(name):
        varied = variation.Variation(worn=wear.find(name))
        worn = dataclasses.replace(mask, variation=varied)
        return rendering.render_with_alpha(photo, landmarks, worn)[1], landmarks

    return alpha_of


# Landmarks: 30 nose tip, 33 nose base, 62 and 66 middle of the lips, 8 chin.
@pytest.mark.parametrize(
    ("name", "covered", "bare"),
    [
        ("correct", (30, 33, 62, 8), (27,)),
        ("high", (29, 30, 33, 62), (37, 44)),
        ("low", (30, 33, 62, 8), (27, 28)),
        ("loose", (33, 62, 8), (27,)),
        ("nose_out", (62, 66, 8), (27, 28, 29, 30)),
        ("mouth_out", (8,), (30, 33, 62)),
        ("under_chin", (), (30, 33, 62, 66, 57)),
    ],
)
def test_each_way_covers_what_it_says(alpha_of, name, covered, bare):
    alpha, landmarks = alpha_of(name)
    assert alpha.any()
    # The chin's point lies on the outline: look a little above it.
    x, y = np.rint(landmarks - [0, 3]).astype(int).T
    assert all(alpha[y[i], x[i]] > 200 for i in covered)
    assert all(alpha[y[i], x[i]] < 60 for i in bare)


def test_unknown_ways_are_answered_with_the_known():
    with pytest.raises(ValueError, match="nose_out"):
        wear.find("backwards")


def test_straps_stay_at_the_ears():
    u, v = np.array([1.95, 1.95]), np.array([0.2, 0.7])
    for worn in wear.WEARS.values():
        np.testing.assert_allclose(wear.displaced(u, v, worn)[1], v, atol=1e-9)
