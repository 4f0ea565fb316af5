"""maskarc.landmarks.fan: the real face-alignment package with made-up weights.

The package's own networks, 2DFAN with one of its four stacks, are loaded with weights
that make them follow coloured spots, from where the package keeps its downloads.
"""

import functools
import importlib.util
import pathlib
import sys

import numpy as np
import pytest

from maskarc import landmarks
from maskarc.landmarks import fan

pytestmark = pytest.mark.reference

# Where the three spots are, red, green, blue, in a photo of 256×256.
SPOTS = np.array([[100, 92], [156, 84], [132, 148]])
# Which landmarks follow which spot.
FOLLOWS = np.repeat([0, 1, 2], [17, 19, 32])


def photo() -> np.ndarray:
    image = np.zeros([256, 256, 3], np.uint8)
    y, x = np.mgrid[:256, :256]
    for channel, (column, row) in enumerate(SPOTS):
        square = (x - column) ** 2 + (y - row) ** 2
        image[..., channel] = 255 * np.exp(-square / (2 * 8**2))
    return image


@pytest.fixture(scope="module")
def torch_home(tmp_path_factory):
    """A PyTorch hub folder with weights for 2DFAN4, blazeface and s3fd."""
    if importlib.util.find_spec("face_alignment") is None:
        pytest.skip("needs face_alignment (maskarc[fan])")
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("torch")
        patch.setenv("TORCH_HOME", str(folder))
        patch.setenv("NUMBA_DISABLE_JIT", "1")
        checkpoints = folder / "hub" / "checkpoints"
        checkpoints.mkdir(parents=True)
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # quicker where others use the processors too
        _write_fan(checkpoints)
        _write_blazeface(checkpoints)
        _write_s3fd(checkpoints)
        one_stack = functools.partial(_one_stack, sys.modules["face_alignment"].api.FAN)
        patch.setattr("face_alignment.api.FAN", one_stack)
        yield checkpoints
        fan._network.cache_clear()
        torch.set_num_threads(threads)


def _one_stack(network, stacks: int):
    assert stacks == 4
    return network(1)


def _zeros(network) -> dict:
    """Weights of a network, all 0 and small on disk."""
    import torch

    return {k: torch.zeros(()).expand(v.shape) for k, v in network.state_dict().items()}


def _write_fan(folder: pathlib.Path) -> None:
    """Lets the three colours through all layers to the heat maps."""
    import torch
    from face_alignment.models import FAN

    weights = _zeros(FAN(1))
    for name, value in weights.items():
        if name.endswith(("running_var", "bn1.weight", "downsample.0.weight")) or (
            "bn_end" in name and name.endswith(".weight")
        ):
            weights[name] = torch.ones(value.shape)

    def passing(name: str, outputs: list[int], inputs: list[int]) -> None:
        weights[name] = weights[name].clone()
        middle = weights[name].shape[-1] // 2
        weights[name][outputs, inputs, middle, middle] = 1

    colours = [0, 1, 2]
    passing("conv1.weight", colours, colours)
    passing("conv2.downsample.2.weight", colours, colours)
    passing("conv4.downsample.2.weight", colours, colours)
    passing("conv_last0.weight", colours, colours)
    passing("l0.weight", list(range(68)), FOLLOWS.tolist())
    torch.save(weights, folder / "2DFAN4-11f355bf06.pth.tar")


def _write_blazeface(folder: pathlib.Path) -> None:
    """Two faces everywhere: 128 and 64 pixels wide, the first surer."""
    import torch
    from face_alignment.detection.blazeface import net_blazeface

    weights = _zeros(net_blazeface.BlazeFace())
    for stride, score in ((8, 4.0), (16, 2.0)):
        anchors = {8: 2, 16: 6}[stride]
        weights[f"classifier_{stride}.bias"] = torch.full([anchors], score)
        size = torch.zeros(16)
        size[2:4] = 128.0
        weights[f"regressor_{stride}.bias"] = size.repeat(anchors)
    torch.save(weights, folder / "blazeface.pth")
    near, far = [0.5, 0.5, 0.5, 0.5], [0.85, 0.85, 0.25, 0.25]
    np.save(folder / "anchors.npy", np.array([near] * 512 + [far] * 384))


def _write_s3fd(folder: pathlib.Path) -> None:
    """A face in each cell of the coarsest map; all overlap in a small photo."""
    import torch
    from face_alignment.detection.sfd import net_s3fd

    weights = _zeros(net_s3fd.s3fd())
    for name in weights:
        if name.endswith("conf.bias"):
            background = torch.zeros(weights[name].shape)
            background[0 if len(background) == 2 else slice(3)] = 20
            weights[name] = background
    weights["conv7_2_mbox_conf.bias"] = torch.tensor([0.0, 3.0])
    torch.save(weights, folder / "s3fd-619a316812.pth")


def assert_follows_the_spots(face: landmarks.Face) -> None:
    assert face.layout == "68"
    assert face.points.dtype == np.float32
    # A cell of the heat map is about 4 pixels.
    assert np.abs(face.points - SPOTS[FOLLOWS]).max() <= 4


def test_blazeface(torch_home):
    detector = landmarks.create_detector("fan", face_detector="blazeface")
    first, second = detector(photo())
    np.testing.assert_allclose(first.box, [64, 64, 192, 192], atol=0.5)
    assert first.score == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-3)
    assert second.score == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-3)
    np.testing.assert_allclose(second.box[2:] - second.box[:2], [64, 64], atol=0.5)
    assert_follows_the_spots(first)


def test_sfd_and_flipping(torch_home):
    detector = landmarks.create_detector("fan", flip_input=True)
    [face] = detector(photo()[::4, ::4])
    assert face.score == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-3)
    # s3fd's largest anchor.
    np.testing.assert_allclose(face.box[2:] - face.box[:2], [512, 512], atol=0.5)
    assert face.layout == "68"


def test_no_face_is_an_empty_list(torch_home):
    import torch

    fan._network.cache_clear()
    path = torch_home / "blazeface.pth"
    weights = torch.load(path, weights_only=True)
    for stride in (8, 16):
        weights[f"classifier_{stride}.bias"] -= 20
    torch.save(weights, path)
    detector = landmarks.create_detector("fan", face_detector="blazeface")
    assert detector(photo()) == []


def test_missing_package(monkeypatch):
    fan._network.cache_clear()
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(ImportError, match=r"pip install 'maskarc\[fan\]'"):
        landmarks.create_detector("fan")
