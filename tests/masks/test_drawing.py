import numpy as np
import pytest

from maskarc.landmarks import layouts
from maskarc.masks import drawing, light


@pytest.fixture(scope="module", params=list(drawing.STYLES))
def mask(request):
    [mask] = [m for m in drawing.builtin_masks() if m.name == request.param]
    return mask


def test_the_masks_are_drawn_once():
    assert drawing.builtin_masks() is drawing.builtin_masks()
    kinds = {"surgical", "n95", "kn95", "cloth", "duckbill", "gas"}
    assert {m.kind for m in drawing.builtin_masks()} == kinds


def test_they_lie_on_the_mean_face(mask):
    eyes = mask.landmarks[39] - mask.landmarks[36], mask.landmarks[45]
    expected = layouts.MEAN_FACE[39, :2] - layouts.MEAN_FACE[36, :2]
    np.testing.assert_allclose(eyes[0], expected * drawing.SCALE, atol=1e-3)
    assert mask.pose.yaw == mask.pose.pitch == mask.pose.roll == 0


def test_they_are_symmetric(mask):
    alpha = mask.rgba[..., 3].astype(int)
    assert np.abs(alpha - alpha[:, ::-1]).mean() < 0.5


def test_edges_are_smooth_and_insides_opaque(mask):
    alpha = mask.rgba[..., 3]
    assert (alpha == 255).mean() > 0.25
    assert ((alpha > 0) & (alpha < 255)).sum() > 300


def test_sheets_are_shaded(mask):
    luma = mask.rgba[..., :3] @ light.LUMA
    assert luma[mask.rgba[..., 3] == 255].std() > 1.5


def test_kinds_differ_in_brightness():
    luma = {
        m.name: (m.rgba[..., :3] @ light.LUMA)[m.rgba[..., 3] == 255].mean()
        for m in drawing.builtin_masks()
    }
    assert luma["cloth_black"] < 50 < luma["surgical_blue"] < luma["surgical_white"]
