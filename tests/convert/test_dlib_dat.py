"""dlib's network against dlib itself, and damaged files."""

import importlib.util
import pathlib

import cv2
import jax
import numpy as np
import pytest

from maskarc import images, models
from maskarc.convert import dlib_dat, failure
from maskarc.data import synthetic


@pytest.fixture(scope="module")
def path():
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None:
        pytest.skip("extra 'dlib' is not installed")
    name = models.PRETRAINED["dlib_resnet29"].file
    return pathlib.Path(spec.submodule_search_locations[0], name)


@pytest.fixture(scope="module")
def content(path):
    return path.read_bytes()


def test_embeddings_are_dlibs(path):
    dlib = pytest.importorskip("dlib")
    faces = synthetic.SyntheticFaces(4, 1, size=150)
    chips = np.stack(
        [faces[index]["image"] for index in range(4)]
        + [np.random.default_rng(0).integers(0, 256, (150, 150, 3), np.uint8)]
        + [np.full((150, 150, 3), level, np.uint8) for level in (0, 255)]
    )
    backbone, params, stats = dlib_dat.load(path)
    result, _ = jax.jit(backbone.apply)(params, stats, chips)
    network = dlib.face_recognition_model_v1(str(path))
    expected = [network.compute_face_descriptor(np.ascontiguousarray(c)) for c in chips]
    np.testing.assert_allclose(result, np.array(expected), atol=1e-5, rtol=0)


def test_real_chips_give_dlibs_embeddings(path, faces):
    dlib = pytest.importorskip("dlib")
    names = images.list_images(faces / "mfr2_dev")[::12]
    chips = np.stack([
        cv2.resize(images.read_image(faces / "mfr2_dev" / name), (150, 150))
        for name in names
    ])  # fmt: skip
    backbone, params, stats = dlib_dat.load(path)
    result, _ = jax.jit(backbone.apply)(params, stats, chips)
    network = dlib.face_recognition_model_v1(str(path))
    expected = [network.compute_face_descriptor(chip) for chip in chips]
    np.testing.assert_allclose(result, np.array(expected), atol=1e-5, rtol=0)


def test_all_parameters_are_of_the_file(path):
    backbone, params, stats = dlib_dat.load(path)
    fresh, no_stats = jax.eval_shape(backbone.init, jax.random.key(0))
    assert jax.tree.structure(params) == jax.tree.structure(fresh)
    assert [x.shape for x in jax.tree.leaves(params)] == [
        x.shape for x in jax.tree.leaves(fresh)
    ]
    assert stats == no_stats == {}


def test_any_chip_size_will_do(path):
    _, params, stats = dlib_dat.load(path)
    small = models.create("dlib_resnet29", image_size=112)
    chip = synthetic.SyntheticFaces(1, 1, size=150)[0]["image"]
    full, _ = models.create("dlib_resnet29").apply(params, stats, chip[None])
    shrunk = cv2.resize(chip, (112, 112), interpolation=cv2.INTER_AREA)
    half, _ = small.apply(params, stats, shrunk[None])
    cosine = full[0] @ half[0] / np.linalg.norm(full) / np.linalg.norm(half)
    assert 0.5 < cosine < 1
    with pytest.raises(ValueError, match="103 pixels"):
        models.create("dlib_resnet29", image_size=64).init(jax.random.key(0))


@pytest.mark.parametrize("length", [0, 3, 300, 20_000, 22_000_000, -1])
def test_files_cut_off(content, tmp_path, length):
    (tmp_path / "cut.dat").write_bytes(content[:length])
    with pytest.raises(failure.WeightsError, match="cut off"):
        dlib_dat.load(tmp_path / "cut.dat")


def test_other_files(content, tmp_path):
    path = tmp_path / "other.dat"
    path.write_bytes(b"not dlib's" * 100)
    with pytest.raises(failure.WeightsError, match="not a file of dlib's"):
        dlib_dat.load(path)
    # A convolution of another stride: settings that the network does not have.
    changed = bytearray(content)
    at = content.index(b"\x01 \x01\x07\x01\x07\x01\x02\x01\x02")
    changed[at + 9] = 1
    path.write_bytes(bytes(changed))
    with pytest.raises(failure.WeightsError, match="layer 1 is"):
        dlib_dat.load(path)
    # A tensor that would be larger than the file is not allocated.
    at = content.index(b"con_4") + len("con_4") + 2
    huge = content[:at] + b"\x08" + b"\xff" * 7 + b"\x0f" + content[at + 3 :]
    path.write_bytes(huge)
    with pytest.raises(failure.WeightsError, match="cut off"):
        dlib_dat.load(path)


def test_nan(content, tmp_path):
    at = content.index(b"con_4") + 16  # its first number
    broken = content[:at] + b"\x00\x00\xc0\x7f" * 4 + content[at + 16 :]
    (tmp_path / "nan.dat").write_bytes(broken)
    with pytest.raises(failure.WeightsError, match=r"NaN.*conv1"):
        dlib_dat.load(tmp_path / "nan.dat")
