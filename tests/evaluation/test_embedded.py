"""Embeddings of images: written, read, and refused where they are broken."""

import dataclasses

import numpy as np
import pytest

from maskarc import cohorts, landmarks, masked_views
from maskarc import images as image_files
from maskarc.data import crops as crop_lib
from maskarc.data import synthetic
from maskarc.evaluation import embedded
from maskarc.masks import mixture


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    synthetic.write_folder(synthetic.SyntheticFaces(2, 2, seed=0), root)
    table = landmarks.LandmarkTable.load(root / "landmarks.npz")
    names = [*table.names, "missing.png"]
    (root / names[1]).write_bytes(b"no photo")
    return crop_lib.FaceCrops(
        root=root,
        images=tuple((name, masked) for name in names for masked in (False, True)),
        table=table,
        masks=mixture.parse("cloth"),
    )


def by_mean(crops):
    return np.array([[crop.mean(), 3.0] for crop in crops])


def test_every_image_has_an_outcome(crops):
    images = embedded.embed_images(by_mean, crops, about={"x": 1}, progress=False)
    assert images.outcomes.tolist() == [
        *["ok"] * 2, *["unreadable"] * 2, *["ok"] * 4, *["no_face"] * 2
    ]  # fmt: skip
    good = ~images.failed
    np.testing.assert_allclose(
        np.linalg.norm(images.embeddings, axis=1), good, atol=1e-6
    )
    np.testing.assert_allclose(images.norms[good] * images.embeddings[good, 1], 3.0)
    assert images.about["x"] == 1 and images.about["embedding_seconds"] >= 0
    assert images.kinds.tolist()[:2] == ["", "cloth"]


def test_a_file_holds_everything(crops, tmp_path):
    images = embedded.embed_images(by_mean, crops, progress=False)
    images.save(tmp_path / "e.npz")
    again = embedded.EmbeddedImages.load(tmp_path / "e.npz")
    for name in ("names", "masked", "embeddings", "norms", "outcomes", "kinds", "yaws",
                 "looks_masked", "in_masks", "commonness"):  # fmt: skip
        np.testing.assert_array_equal(getattr(again, name), getattr(images, name))
    assert again.about == images.about


def test_plain_embeddings_of_others(tmp_path):
    rows = np.array([[3.0, 4.0], [np.nan, np.nan], [0, 0]])
    np.savez(tmp_path / "e.npz", names=np.array(["a", "b", "c"]), embeddings=rows)
    images = embedded.EmbeddedImages.load(tmp_path / "e.npz")
    np.testing.assert_allclose(images.embeddings[0], [0.6, 0.8], rtol=1e-6)
    assert images.failed.tolist() == [False, True, True]
    assert images.rows(["a"], False).tolist() == [0]
    with pytest.raises(ValueError, match="1 photos were not embedded masked"):
        images.rows(["a"], True)
    np.testing.assert_array_equal(images.in_masks, images.embeddings)
    assert not images.looks_masked.any()


def test_embeddings_of_the_command(tmp_path):
    np.savez(
        tmp_path / "e.npz",
        names=np.array(["a", "b", "c"]),
        embeddings=np.array([[3.0, 4.0], [1.0, 0.0], [np.nan, np.nan]]),
        masked=np.array([0.1, 0.9, np.nan]),
        in_masks=np.array([[0.0, 2.0], [1.0, 0.0], [np.nan, np.nan]]),
        commonness=np.array([0.1, -0.1, np.nan]),
    )
    images = embedded.EmbeddedImages.load(tmp_path / "e.npz")
    assert images.looks_masked.tolist() == [False, True, False]
    np.testing.assert_allclose(images.in_masks, [[0, 1], [1, 0], [0, 0]])
    np.testing.assert_allclose(images.commonness, [0.1, -0.1, 0])


def test_bare_images_in_masks_too(crops):
    def mean_parts(crops):
        return np.array([crop.mean(axis=(0, 1)) for crop in crops])

    photo = image_files.read_image(crops.root / crops.images[0][0])

    def probability(image, points):
        return float((image != photo).any())

    views = masked_views.MaskedViews(probability=probability)
    one = dataclasses.replace(crops, images=crops.images[:2], views=views)
    looked = [one.look(0), one.look(1)]
    assert [crop.looks_masked for crop in looked] == [False, True]
    assert [len(crop.views) for crop in looked] == [2, 0]
    images = embedded.embed_images(mean_parts, one, progress=False)
    assert images.looks_masked.tolist() == [False, True]
    bare, *rest = mean_parts([looked[0].image, *looked[0].views])
    np.testing.assert_allclose(
        images.in_masks[0], masked_views.add_views(bare, np.array(rest)), rtol=1e-5
    )
    np.testing.assert_array_equal(images.in_masks[1], images.embeddings[1])
    similarity = images.faces[np.array([0])].paired(images.faces[np.array([1])])
    assert similarity == pytest.approx(images.in_masks[0] @ images.embeddings[1])
    strangers = cohorts.Cohort(np.random.default_rng(0).standard_normal((20, 3)))
    known = embedded.embed_images(mean_parts, one, strangers=strangers, progress=False)
    np.testing.assert_allclose(
        known.commonness, strangers.commonness(known.in_masks), rtol=1e-5
    )
    lower = known.faces[np.array([0])].paired(known.faces[np.array([1])])
    assert lower == pytest.approx(similarity - known.commonness.sum())
    plain = images.without_views()
    np.testing.assert_array_equal(plain.in_masks, images.embeddings)
    assert not plain.looks_masked.any() and plain.about["masked_views"] is False


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"names": np.array(["a"])}, "missing: embeddings"),
        (
            {"names": np.array(["a"]), "embeddings": np.ones((2, 3))},
            r"names \[M\] and embeddings \[M, D\]",
        ),
        (
            {"names": np.array(["a"]), "embeddings": np.full((1, 3), np.nan)},
            "no embedding is finite",
        ),
        (
            {"names": np.array(["a"], object), "embeddings": np.ones((1, 3))},
            r"not an \.npz of plain arrays",
        ),
    ],
)
def test_other_files(tmp_path, columns, message):
    np.savez(tmp_path / "e.npz", **columns)
    with pytest.raises(ValueError, match=message):
        embedded.EmbeddedImages.load(tmp_path / "e.npz")


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "zero or not finite, the first"), (0.0, "the model is broken")],
)
def test_a_broken_model_is_an_error(crops, value, message):
    def broken(crops):
        rows = by_mean(crops)
        rows[2] = value
        return rows

    with pytest.raises(ValueError, match=message):
        embedded.embed_images(broken, crops, progress=False)
    with pytest.raises(ValueError, match=r"expected embeddings \[6, D\]"):
        embedded.embed_images(lambda c: by_mean(c)[:3], crops, progress=False)


def test_no_usable_photo(crops):
    none = crop_lib.FaceCrops(
        root=crops.root, images=(("missing.png", False),), table=crops.table
    )
    with pytest.raises(ValueError, match="none of the 1 photos"):
        embedded.embed_images(by_mean, none, progress=False)


def test_fused_views_have_the_mean_of_their_cosines(crops):
    def by_parts(crops):
        return np.array([crop.mean(axis=(0, 1)) for crop in crops])

    views = [
        embedded.embed_images(model, crops, progress=False)
        for model in (by_mean, by_parts)
    ]
    fused = embedded.fuse(views)
    assert fused.embeddings.shape == (10, 5)
    cosines = [view.embeddings @ view.embeddings.T for view in views]
    np.testing.assert_allclose(
        fused.embeddings @ fused.embeddings.T,
        (cosines[0] + cosines[1]) / 2,
        atol=1e-6,
    )
    np.testing.assert_array_equal(fused.outcomes, views[0].outcomes)
    shuffled = dataclasses.replace(views[1], names=views[1].names[::-1])
    with pytest.raises(ValueError, match="not of the same images"):
        embedded.fuse([views[0], shuffled])
