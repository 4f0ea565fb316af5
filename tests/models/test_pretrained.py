import jax
import pytest

from maskarc import models
from maskarc.convert import failure
from maskarc.models import pretrained


def test_every_record_is_complete():
    for name, record in models.PRETRAINED.items():
        assert record.model in models.MODELS, name
        assert record.licence and record.training_data and record.published
        assert bool(record.package) == bool(record.sha256)


def test_unknown_names_are_answered_with_the_known():
    with pytest.raises(ValueError, match="dlib_resnet29"):
        models.load_pretrained("facenet")


def test_files_that_no_package_holds_are_asked_for():
    with pytest.raises(ValueError, match=r"published at .*non-commercial"):
        models.load_pretrained("arcface_r50_ms1mv3")
    with pytest.raises(FileNotFoundError):
        models.load_pretrained("arcface_r50_ms1mv3", "no_such_file.pth")


def test_a_wrong_hash_is_refused(tmp_path):
    (tmp_path / "a.dat").write_bytes(b"something else")
    with pytest.raises(failure.WeightsError, match="SHA-256"):
        models.load_pretrained("dlib_resnet29", tmp_path / "a.dat")


def test_the_packages_own_weights_need_nothing_else():
    record = models.PRETRAINED["masked_r29"]
    backbone, params, stats = models.load_pretrained("masked_r29")
    assert (backbone.name, backbone.image_size, backbone.embed_dim) == (
        record.model, 150, 128,
    )  # fmt: skip
    assert stats == {}
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    # Convolutions with their factors and offsets, and 256 × 128, counted by hand.
    assert count == 5_571_168 + 7_104 + 32_768
    assert set(record.thresholds) == {"bare-bare", "bare-masked", "masked-masked"}
    for by_rate in record.thresholds.values():
        [(rare, high), (rarer, higher)] = by_rate
        assert (rare, rarer) == (1e-2, 1e-3) and high < higher < 1


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(pretrained.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"maskarc\[dlib\]"):
        models.load_pretrained("dlib_resnet29")
