"""From photos to answers, with dlib's network where it is installed."""

import argparse
import dataclasses
import json
import pathlib

import numpy as np
import pytest

from maskarc import cli, cohorts, images, landmarks, masked_views, recognizer
from maskarc.cli import verify
from maskarc.data import synthetic

ROOT = pathlib.Path(__file__).parents[1]
FACES = ROOT / "../shared/faces/mfr2_dev"


class MeanColour:
    """An embedder that needs no weights: the mean colour of the crop, centred."""

    image_size, crop, embed_dim = 112, "arcface", 3

    def embed(self, crops):
        rows = [crop.mean(axis=(0, 1)) - 100 for crop in crops]
        return np.array(rows, np.float32).reshape(-1, 3)


def is_blue(image, landmarks):
    """Blue faces count as masked."""
    return 0.9 if image[56, 56, 2] > 128 else 0.1


VIEWS = masked_views.MaskedViews(probability=is_blue)


@pytest.fixture
def simple():
    return recognizer.Recognizer(
        embedder=MeanColour(),
        detector=landmarks.create_detector("canonical"),
        views=VIEWS,
        thresholds={
            "bare-bare": ((0.1, 0.75), (0.01, 0.9)),
            "bare-masked": ((0.1, 0.8), (0.01, 0.85)),
            "masked-masked": ((0.1, 0.95), (0.01, 0.97)),
        },
    )


@pytest.fixture
def photos(tmp_path):
    """Two red crops and a blue one, all sharp, and files that are no photos."""
    colours = {"a.png": (200, 60, 50), "b.jpg": (190, 60, 50), "c.png": (40, 40, 210)}
    squares = (np.indices((112, 112)) // 9).sum(axis=0) % 2
    for name, colour in colours.items():
        image = np.array(colour) + (squares[..., None] - 0.5) * 70
        images.write_image(tmp_path / name, image.astype(np.uint8))
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.png").write_text("not a photo")
    return tmp_path


def test_every_photo_has_an_outcome(simple, photos):
    names = sorted(path.name for path in photos.iterdir())
    results = simple.embed([photos / name for name in names])
    outcomes = {name: one.outcome for name, one in zip(names, results, strict=True)}
    assert outcomes == {
        "a.png": "ok", "b.jpg": "ok", "c.png": "ok",
        "empty.jpg": "unreadable", "text.png": "unreadable",
    }  # fmt: skip
    for one in results:
        is_ok = one.outcome == "ok"
        assert bool(one.reason) != is_ok
        assert np.isfinite(one.embedding).all() == is_ok
        if is_ok:
            assert np.linalg.norm(one.embedding) == pytest.approx(1, abs=1e-6)
            assert one.face_count == 1


def test_the_command_uses_the_same_model_as_the_class():
    parser = argparse.ArgumentParser()
    verify.add_arguments(parser)
    assert parser.parse_args(["a", "b"]).model == recognizer.DEFAULT


def test_answers_follow_the_threshold(simple, photos):
    same = simple.verify(photos / "a.png", photos / "b.jpg")
    assert same.is_same and same.similarity > 0.99 and same.threshold == 0.9
    assert same.wearing == "bare-bare" and same.masked == (0.1, 0.1)
    other = simple.verify(photos / "a.png", images.read_image(photos / "c.png"))
    assert other.is_same is False and other.similarity < 0
    assert other.wearing == "bare-masked" and other.threshold == 0.85
    assert simple.verify(photos / "c.png", photos / "c.png").threshold == 0.97
    with pytest.raises(ValueError, match=r"0\.5 for bare-bare .* one of 0\.1, 0\.01"):
        simple.verify(photos / "a.png", photos / "b.jpg", far=0.5)


def test_a_face_of_bad_quality_gets_no_verdict(simple, photos):
    dark = images.read_image(photos / "a.png") // 12
    reason = "too dark to compare: 6 grey levels from dark to bright, of at least 48"
    for pair in ((photos / "b.jpg", dark), (dark, photos / "b.jpg"), (dark, dark)):
        result = simple.verify(*pair)
        assert result.is_same is None and reason in result.reason
        assert result.threshold == 0.9 and np.isfinite(result.similarity)
        known = simple.verify(*pair, any_quality=True)
        assert known.is_same is not None and not known.reason
        assert known.similarity == result.similarity
    assert result.reason == "; ".join(
        f"the {which} image: the face is {reason}" for which in ("first", "second")
    )
    good, bad = simple.embed([photos / "a.png", dark])
    assert good.doubt == "" and bad.doubt == f"the face is {reason}"
    assert bad.outcome == "ok" and np.isfinite(bad.embedding).all()
    assert not simple.verify(photos / "a.png", photos / "c.png").reason


def test_what_is_worn_can_be_told(simple, photos):
    def threshold(**options):
        return simple.verify(photos / "a.png", photos / "b.jpg", **options).threshold

    assert threshold(wearing="bare-bare", far=0.1) == 0.75
    assert threshold(wearing="bare-masked") == 0.85
    assert threshold(wearing="masked-masked") == 0.97
    with pytest.raises(ValueError, match="expected one of bare-bare, bare-masked"):
        threshold(wearing="hats")


def test_a_bare_face_meets_a_masked_one_in_masks(simple, photos):
    bare, masked = photos / "a.png", photos / "c.png"
    result = simple.verify(bare, masked)
    assert simple.verify(masked, bare).similarity == pytest.approx(result.similarity)
    assert simple.verify(masked, bare).masked == (0.9, 0.1)
    plain = simple.verify(bare, masked, wearing="bare-bare").similarity
    assert abs(result.similarity - plain) > 0.001
    # The same by way of the embeddings, and of NumPy.
    first, second = simple.embed([bare, masked], against_masked=True)
    [[found]] = simple.similarities([first], [second])
    assert found == pytest.approx(result.similarity, abs=1e-6)
    image = images.read_image(bare)
    [face] = landmarks.create_detector("canonical")(image)
    views = VIEWS.crops(image, face.points, size=112, crop="arcface")
    assert len(views) == 2
    as_it_is, *rest = MeanColour().embed([image, *views])
    mean = sum(row / np.linalg.norm(row) for row in rest)
    expected = 0.4 * as_it_is / np.linalg.norm(as_it_is)
    expected += 0.6 * mean / np.linalg.norm(mean)
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(first.in_masks, expected, atol=1e-6)
    np.testing.assert_array_equal(second.in_masks, second.embedding)
    # Of each, how common it is among strangers is taken off.
    strangers = cohorts.Cohort(np.random.default_rng(0).standard_normal((20, 3)))
    wary = dataclasses.replace(simple, cohort=strangers)
    lower = result.similarity - sum(
        strangers.commonness(np.stack([first.in_masks, second.in_masks]))
    )
    assert wary.verify(bare, masked).similarity == pytest.approx(lower, abs=1e-6)
    again = wary.embed([bare, masked], against_masked=True)
    assert wary.similarities(again, again)[1, 0] == pytest.approx(lower, abs=1e-6)
    assert wary.verify(bare, bare).similarity == pytest.approx(1)
    # Not asked for, they are not made.
    [unasked] = simple.embed([bare])
    np.testing.assert_array_equal(unasked.in_masks, unasked.embedding)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 9, 9), np.uint8),
        np.zeros((9, 0, 3), np.uint8),
        np.full((112, 112, 3), -0.5),
        np.full((112, 112, 3), np.nan),
    ],
)
def test_an_array_that_is_no_photo_is_told(simple, photos, image):
    odd, whole = simple.embed([image, photos / "a.png"])
    assert odd.outcome == "unreadable" and whole.outcome == "ok"
    assert "expected" in odd.reason
    with pytest.raises(recognizer.NoFaceError, match="the second image: expected"):
        simple.verify(photos / "a.png", image)


def test_nobody_is_compared_with_nobody(simple, photos):
    [one] = simple.embed([photos / "a.png"])
    assert simple.similarities([], [one]).shape == (0, 1)
    assert simple.similarities([one], []).shape == (1, 0)


def test_only_what_embeds_faces_is_a_recogniser():
    with pytest.raises(ValueError, match="one number, and no embedding"):
        recognizer.Recognizer.load("mask_detector", detector="canonical")


def test_thresholds_are_of_crop_and_mirror_image():
    def known(**options):
        return recognizer.Recognizer.load(detector="canonical", **options).thresholds

    assert known().keys() == {"bare-bare", "bare-masked", "masked-masked"}
    assert not known(flip=False)


def test_a_photo_without_a_face_is_like_nobody(simple, photos):
    embedded = simple.embed([photos / "a.png", photos / "empty.jpg"])
    similarities = simple.similarities(embedded, embedded)
    assert similarities[0, 0] == pytest.approx(1)
    assert np.isnan(similarities[1]).all() and np.isnan(similarities[:, 1]).all()


def test_without_thresholds_there_is_no_verdict(photos):
    blank = recognizer.Recognizer(
        embedder=MeanColour(),
        detector=landmarks.create_detector("canonical"),
        views=VIEWS,
    )
    result = blank.verify(photos / "a.png", photos / "b.jpg")
    assert result.is_same is None and result.similarity > 0.9
    assert result.reason == "no threshold is known of this model, used so"


def test_photos_that_cannot_be_compared_are_named(simple, photos):
    with pytest.raises(recognizer.NoFaceError, match=r"empty\.jpg"):
        simple.verify(photos / "a.png", photos / "empty.jpg")
    with pytest.raises(recognizer.NoFaceError, match=r"none\.jpg"):
        simple.verify(photos / "none.jpg", photos / "a.png")
    faceless = recognizer.Recognizer(
        embedder=MeanColour(), detector=lambda image, name="": [], views=VIEWS
    )
    with pytest.raises(recognizer.NoFaceError, match=r"the first image: no face"):
        faceless.verify(np.zeros((9, 9, 3), np.uint8), photos / "a.png")


def test_no_photos_are_no_embeddings(simple):
    assert simple.embed([]) == []


def test_saved_embeddings_need_no_pickle(simple, photos, tmp_path):
    names = ["a.png", "empty.jpg"]
    embedded = simple.embed([photos / name for name in names])
    recognizer.save_embeddings(tmp_path / "deep" / "e.npz", names, embedded)
    with np.load(tmp_path / "deep" / "e.npz", allow_pickle=False) as saved:
        assert saved["names"].tolist() == names
        assert saved["outcomes"].tolist() == ["ok", "unreadable"]
        assert saved["embeddings"].shape == (2, 3) and saved["boxes"].shape == (2, 4)
        assert saved["in_masks"].shape == (2, 3)
        assert saved["commonness"].shape == (2,)
        assert saved["doubts"].tolist() == ["", ""]
        np.testing.assert_allclose(saved["masked"], [0.1, np.nan])
    with pytest.raises(ValueError, match=r"\.npz"):
        recognizer.save_embeddings(tmp_path / "e.txt", names, embedded)


@pytest.fixture(scope="module")
def has_mesh():
    try:
        landmarks.create_detector("mesh")
    except ImportError as error:
        pytest.skip(str(error))


def test_generated_people_by_the_command(has_mesh, tmp_path, capsys):
    faces = synthetic.SyntheticFaces(2, 2, size=224)
    for index in range(4):
        images.write_image(tmp_path / f"{index}.png", faces[index]["image"])
    paths = [str(tmp_path / f"{index}.png") for index in range(3)]
    assert cli.main(["verify", paths[0], paths[0], "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["is_same"] and result["similarity"] == pytest.approx(1, abs=1e-5)
    assert not result["reason"]
    dark = tmp_path / "dark.png"
    images.write_image(dark, faces[0]["image"] // 12)
    assert cli.main(["verify", paths[0], str(dark)]) == 0
    told = capsys.readouterr().out.splitlines()[-1]
    assert told.startswith(f"cannot tell: {dark}: the face is too dark to compare")
    assert "; similarity 0." in told
    assert cli.main(["verify", paths[0], str(dark), "--any-quality"]) == 0
    assert "threshold" in capsys.readouterr().out
    assert cli.main(["embed", str(tmp_path), "--output", str(tmp_path / "e.npz"),
                     "--quiet"]) == 0  # fmt: skip
    told = capsys.readouterr().out
    assert "5 files: 5 ok" in told
    assert "dark.png: ok, but the face is too dark to compare" in told
    assert cli.main(["verify", paths[0], str(tmp_path / "none.png")]) == 1
    assert "none.png" in capsys.readouterr().err
    assert cli.main(["verify", *paths[:2], "--model", "nobody"]) == 1
    assert "dlib_resnet29" in capsys.readouterr().err


@pytest.mark.skipif(not FACES.is_dir(), reason="the development faces are absent")
def test_real_people_bare_and_masked(has_mesh):
    recognise = recognizer.Recognizer.load()
    folders = sorted(path for path in FACES.iterdir() if path.is_dir())[:8]
    firsts = [sorted(folder.glob("*.png"))[0] for folder in folders]
    seconds = [sorted(folder.glob("*.png"))[1] for folder in folders]
    embedded = recognise.embed([*firsts, *seconds])
    unit = np.stack([one.embedding for one in embedded])
    similarity = unit[:8] @ unit[8:].T
    own = np.diag(similarity)
    others = similarity[~np.eye(8, dtype=bool)]
    assert own.mean() > others.mean() + 0.02
