"""PyTorch files against PyTorch's own arithmetic, and files that are refused."""

import pickle
import warnings
import zipfile

import jax
import numpy as np
import pytest

from maskarc import models
from maskarc.convert import failure, foreign, torch_state

torch = pytest.importorskip("torch", reason="extra 'torch' is not installed")

from tests.convert import torch_networks  # noqa: E402

pytestmark = pytest.mark.reference

RNG = np.random.default_rng(0)
CROPS = RNG.integers(0, 256, (2, 112, 112, 3), np.uint8)
# Name → its network in PyTorch; the smallest of each family, and the other block.
NETWORKS = {
    "resnet18": lambda w, x: torch_networks.resnet(w, x, (2, 2, 2, 2), False),
    "resnet50": lambda w, x: torch_networks.resnet(w, x, (3, 4, 6, 3), True),
    "iresnet18": lambda w, x: torch_networks.iresnet(w, x, (2, 2, 2, 2)),
    "mbf": lambda w, x: torch_networks.mobilefacenet(w, x, (1, 4, 6, 2), 2),
    "mbf_large": lambda w, x: torch_networks.mobilefacenet(w, x, (2, 8, 12, 4), 4),
}


def reference(name):
    """(state dict, the network's output) of random weights."""
    weights = torch_networks.Weights()
    x = torch.from_numpy(np.array(models.preprocess(CROPS))).permute(0, 3, 1, 2)
    with torch.no_grad():
        output = NETWORKS[name](weights, x)
    return weights.state, output.numpy()


@pytest.fixture(scope="module")
def iresnet18():
    return reference("iresnet18")


@pytest.mark.parametrize("name", ["iresnet18", "mbf"])
def test_embeddings_are_pytorchs(tmp_path, name):
    state, expected = reference(name)
    torch.save(state, tmp_path / "backbone.pth")
    backbone = models.create(name)
    loaded = torch_state.load(tmp_path / "backbone.pth")
    params, stats = torch_state.to_backbone(loaded, backbone)
    result, _ = jax.jit(backbone.apply)(params, stats, CROPS)
    assert np.abs(result - expected).max() < 1e-4 * np.abs(expected).max()


def test_adafaces_checkpoints(tmp_path):
    weights = torch_networks.Weights()
    x = torch.from_numpy(np.array(models.preprocess(CROPS))).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = torch_networks.adaface(weights, x, (2, 2, 2, 2)).numpy()
    state = {f"model.{k}": v for k, v in weights.state.items()}
    state["head.kernel"] = torch.zeros(512, 7)
    torch.save({"epoch": 1, "state_dict": state}, tmp_path / "adaface.ckpt")
    backbone = models.create("iresnet18")
    tensors = torch_state.load(tmp_path / "adaface.ckpt")
    params, stats = torch_state.to_backbone(tensors, backbone)
    result, _ = jax.jit(backbone.apply)(params, stats, CROPS)
    assert np.abs(result - expected).max() < 1e-4 * np.abs(expected).max()
    del tensors["body.3.res_layer.4.weight"]
    with pytest.raises(failure.WeightsError, match=r"missing: layer2\.1\.conv2"):
        torch_state.to_backbone(tensors, backbone)


@pytest.mark.parametrize("name", ["resnet18"])
def test_trunks_are_torchvisions(name):
    state, expected = reference(name)
    backbone = models.create(name)
    arrays = {key: value.numpy() for key, value in state.items()}
    trunk, stats = torch_state.to_backbone(arrays, backbone)
    assert "head" not in trunk and "head" not in stats
    head, head_stats = backbone.init(jax.random.key(0))
    params = {**head, **trunk}
    result = backbone.features(params, {**head_stats, **stats}, CROPS)
    expected = expected.transpose(0, 2, 3, 1)
    assert np.abs(result - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["resnet50", "mbf_large"])
def test_names_and_shapes_of_larger_networks(name):
    state, _ = reference(name)
    arrays = {key: value.numpy() for key, value in state.items()}
    params, _ = torch_state.to_backbone(arrays, models.create(name))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) > 1e6


@pytest.mark.parametrize("name", ["iresnet18", "mbf"])
def test_pytorchs_own_onnx_export(tmp_path, name):
    pytest.importorskip("onnx", reason="extra 'onnx' is not installed")
    state, expected = reference(name)
    weights = torch_networks.Weights()
    weights.state = state

    class Network(torch.nn.Module):
        def forward(self, x):
            return NETWORKS[name](weights, x)

    path = tmp_path / "a.onnx"
    with warnings.catch_warnings(action="ignore"):
        example = torch.zeros(1, 3, 112, 112)
        torch.onnx.export(Network().eval(), (example,), path, dynamo=False)
    backbone = models.create(name)
    result, _ = jax.jit(backbone.apply)(*foreign.load(path, backbone), CROPS)
    assert np.abs(result - expected).max() < 1e-4 * np.abs(expected).max()


def test_training_checkpoints_are_searched(tmp_path, iresnet18):
    state, _ = iresnet18
    nested = {
        "epoch": 3,
        "state_dict_backbone": {f"module.{k}": v for k, v in state.items()},
    }
    torch.save(nested, tmp_path / "checkpoint.pt")
    loaded = torch_state.load(tmp_path / "checkpoint.pt")
    assert set(loaded) == set(state)


def test_safetensors(tmp_path, iresnet18):
    safetensors = pytest.importorskip("safetensors.numpy")
    arrays = {key: value.numpy() for key, value in iresnet18[0].items()}
    safetensors.save_file(arrays, tmp_path / "a.safetensors")
    loaded = torch_state.load(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(loaded["conv1.weight"], arrays["conv1.weight"])
    content = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[:-1000])
    with pytest.raises(failure.WeightsError, match=r"cut\.safetensors"):
        torch_state.load(tmp_path / "cut.safetensors")


def test_another_architecture_lists_both_sides(iresnet18):
    arrays = {key: value.numpy() for key, value in iresnet18[0].items()}
    with pytest.raises(failure.WeightsError) as error:
        torch_state.to_backbone(arrays, models.create("iresnet34"))
    assert "missing: layer1.2.bn1.bias" in str(error.value)
    arrays["extra.weight"] = arrays.pop("conv1.weight")
    with pytest.raises(failure.WeightsError) as error:
        torch_state.to_backbone(arrays, models.create("iresnet18"))
    assert "missing: conv1.weight" in str(error.value)
    assert "unexpected: extra.weight" in str(error.value)


def test_another_size_is_named(iresnet18):
    arrays = {key: value.numpy() for key, value in iresnet18[0].items()}
    with pytest.raises(failure.WeightsError, match=r"fc\.weight .* instead of"):
        torch_state.to_backbone(arrays, models.create("iresnet18", embed_dim=256))


def test_nan_is_refused(iresnet18):
    arrays = {key: value.numpy().copy() for key, value in iresnet18[0].items()}
    arrays["bn1.bias"][3] = np.nan
    with pytest.raises(failure.WeightsError, match=r"NaN.*bn1\.bias"):
        torch_state.to_backbone(arrays, models.create("iresnet18"))


class Trap:
    """Unpickling this writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    "write", [torch.save, lambda x, p: p.write_bytes(pickle.dumps(x))]
)
def test_code_in_a_file_is_not_executed(tmp_path, write):
    write({"conv1.weight": Trap(tmp_path / "sprung")}, tmp_path / "evil.pth")
    with pytest.raises(failure.WeightsError, match="nothing in it was executed"):
        torch_state.load(tmp_path / "evil.pth")
    assert not (tmp_path / "sprung").exists()


def test_damaged_files_are_named(tmp_path, iresnet18):
    torch.save(iresnet18[0], tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    for name, data in (
        ("cut.pth", content[: len(content) // 2]),
        ("empty.pth", b""),
        ("text.pth", b"not a network"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(failure.WeightsError, match=name):
            torch_state.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        torch_state.load(tmp_path / "none.pth")


def test_a_zip_bomb_is_refused_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(2**26))
    with pytest.raises(failure.WeightsError, match="archive of 67108864 bytes"):
        torch_state.load(tmp_path / "bomb.pth")


def test_a_file_without_a_network(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    with pytest.raises(failure.WeightsError, match="expected a state dict"):
        torch_state.load(tmp_path / "none.pth")
