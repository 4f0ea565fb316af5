"""Our own weights files: exact, complete, and suspicious of what they read."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from jax import export
from safetensors import numpy as safe_numpy

from maskarc import cli, inference, models
from maskarc.convert import failure, own_file, stablehlo

OPTIONS = {"image_size": 32, "width": 4, "embed_dim": 8, "stem": "small"}
CROPS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def weights():
    backbone = models.create("resnet18", **OPTIONS)
    params, stats = backbone.init(jax.random.key(0))
    return own_file.Weights(
        backbone=backbone, params=params, stats=stats, crop="arcface"
    )


@pytest.fixture
def path(weights, tmp_path):
    own_file.save(tmp_path / "a.safetensors", weights)
    return tmp_path / "a.safetensors"


def embed(weights, crops=CROPS):
    return weights.backbone.apply(weights.params, weights.stats, crops)[0]


def test_what_is_saved_is_loaded(weights, path):
    loaded = own_file.load(path)
    assert loaded.backbone == weights.backbone and loaded.crop == "arcface"
    for a, b in zip(
        jax.tree.leaves((weights.params, weights.stats)),
        jax.tree.leaves((loaded.params, loaded.stats)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(embed(loaded), embed(weights))
    metadata = own_file.read_metadata(path)
    assert metadata["model"] == "resnet18" and "(x - 127.5) / 127.5" in str(metadata)


def test_strangers_come_along(weights, tmp_path):
    strangers = np.random.default_rng(0).standard_normal((12, 8)).astype(np.float32)
    with_them = dataclasses.replace(weights, cohort=strangers)
    own_file.save(tmp_path / "a.safetensors", with_them)
    loaded = own_file.load(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(loaded.cohort, strangers)
    assert with_them.digest() == loaded.digest() != weights.digest()
    other = dataclasses.replace(weights, cohort=strangers[:, :5])
    own_file.save(tmp_path / "b.safetensors", other)
    with pytest.raises(failure.WeightsError, match=r"expected a cohort \[C, 8\]"):
        own_file.load(tmp_path / "b.safetensors")


def test_half_the_size(weights, path, tmp_path):
    own_file.save(tmp_path / "half.safetensors", weights, half=True)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * path.stat().st_size
    loaded = own_file.load(tmp_path / "half.safetensors")
    assert loaded.params["conv1"]["kernel"].dtype == np.float32
    np.testing.assert_allclose(embed(loaded), embed(weights), rtol=0.05, atol=0.02)
    large = jax.tree.map(lambda leaf: 1e6 * np.ones_like(leaf), weights.params)
    broken = own_file.Weights(
        backbone=weights.backbone, params=large, stats=weights.stats, crop="arcface"
    )
    with pytest.raises(failure.WeightsError, match="infinity"):
        own_file.save(tmp_path / "b.safetensors", broken, half=True)


def rewritten(path, change):
    """The file with (arrays, metadata) changed in place."""
    arrays, metadata = dict(safe_numpy.load_file(path)), own_file.read_metadata(path)
    change(arrays, metadata)
    safe_numpy.save_file(arrays, path, metadata=metadata)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda a, m: a.pop("params/conv1/kernel"), "missing: params/conv1/kernel"),
        (lambda a, m: a.update(extra=np.ones(2)), "unexpected: extra"),
        (lambda a, m: a["stats/bn1/mean"].fill(np.nan), r"NaN.*stats/bn1/mean"),
        (lambda a, m: m.update(model="resnet999"), "unknown model"),
        (lambda a, m: m.update(options='{"width": 8}'), "of another shape"),
        (lambda a, m: m.update(options='{"rngs": 1}'), "unknown options"),
        (lambda a, m: m.update(options="{"), "Expecting property name"),
        (lambda a, m: m.pop("crop"), "crop"),
        (lambda a, m: m.update(version="99"), "version 1"),
        (lambda a, m: m.clear(), "not a weights file of maskarc"),
    ],
)
def test_other_content_is_refused(path, change, told):
    rewritten(path, change)
    with pytest.raises(failure.WeightsError, match=told):
        own_file.load(path)


def test_damaged_files(path):
    content = path.read_bytes()
    for data in (b"", b"no weights", content[: len(content) // 2]):
        path.write_bytes(data)
        with pytest.raises(failure.WeightsError, match=r"a\.safetensors"):
            own_file.load(path)
    with pytest.raises(FileNotFoundError):
        own_file.load(path.with_name("none.safetensors"))


def test_other_names_are_refused(weights, tmp_path):
    with pytest.raises(ValueError, match=r"\.safetensors"):
        own_file.save(tmp_path / "a.npz", weights)


def test_a_stablehlo_program_takes_any_batch(weights, tmp_path):
    stablehlo.save(tmp_path / "deep" / "a.stablehlo", weights)
    program = export.deserialize((tmp_path / "deep" / "a.stablehlo").read_bytes())
    for count in (1, 3):
        result = program.call(CROPS[:count])
        np.testing.assert_allclose(
            result, embed(weights, CROPS[:count]), rtol=1e-4, atol=1e-5
        )


def test_the_command(path, tmp_path, capsys):
    out = tmp_path / "b.safetensors"
    assert cli.main(["convert", str(path), str(out), "--half"]) == 0
    assert "resnet18, crop 'arcface'" in capsys.readouterr().out
    assert inference.Embedder.load(out).embed(CROPS).shape == (3, 8)
    assert cli.main(["convert", str(path), str(tmp_path / "a.npz")]) == 1
    assert ".stablehlo" in capsys.readouterr().err
    assert cli.main(["convert", str(tmp_path / "no"), str(out)]) == 1
    assert "dlib_resnet29" in capsys.readouterr().err
    (tmp_path / "some.pth").write_bytes(json.dumps({}).encode())
    assert cli.main(["convert", str(tmp_path / "some.pth"), str(out)]) == 1
    assert "say which architecture" in capsys.readouterr().err
