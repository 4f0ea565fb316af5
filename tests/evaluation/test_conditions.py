"""Masks as conditions: who wears one where, each image once, labels by hand."""

import pathlib

import numpy as np
import pytest

from maskarc import landmarks
from maskarc.data import crops as crop_lib
from maskarc.data import pairs as pair_lists
from maskarc.data import synthetic
from maskarc.evaluation import conditions, embedded
from maskarc.masks import mixture

PEOPLE, PHOTOS = 4, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    synthetic.write_folder(synthetic.SyntheticFaces(PEOPLE, PHOTOS, seed=0), root)
    return root


@pytest.fixture(scope="module")
def interleaved(folder):
    """Genuine and impostor pairs in turn: the list that a naive masking gets wrong."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png"))
    rows = []
    for person in range(PEOPLE):
        own = names[PHOTOS * person :][:PHOTOS]
        rows.append((own[0], own[1], True))
        rows.append((own[0], names[(PHOTOS * (person + 1)) % len(names)], False))
    first, second, is_same = zip(*rows, strict=True)
    return pair_lists.Pairs(
        first=first, second=second, is_same=np.array(is_same), fold=np.arange(8) // 4
    )


def crops_of(folder, images, masks="surgical, n95@nose_out"):
    return crop_lib.FaceCrops(
        root=pathlib.Path(folder),
        images=images,
        table=landmarks.LandmarkTable.load(folder / "landmarks.npz"),
        masks=mixture.parse(masks),
        seed=1,
    )


def test_a_mask_is_where_the_condition_says(folder, interleaved):
    """The model here sees nothing but whether a crop is bare: [1, 0], or not: [0, 1].

    Masking the second half of the list, or of the images, gives pairs that are both
    bare and both masked among the mixed ones: their similarity would be 1, not 0.
    """
    needed = conditions.needed_images(interleaved, conditions.ALL)
    bare = [image for image in needed if not image[1]]
    known = {crops_of(folder, bare).read(i).tobytes() for i in range(len(bare))}
    calls = []

    def embed(crops):
        seen = [crop.tobytes() in known for crop in crops]
        calls.append(len(seen))
        return np.array([[1, 0] if is_bare else [0, 1] for is_bare in seen], float)

    images = embedded.embed_images(embed, crops_of(folder, needed), progress=False)
    scores = conditions.score(interleaved, images, conditions.ALL)
    assert scores.conditions == ["bare-bare", "bare-masked", "masked-masked"]
    for condition, expected in (
        ("bare-bare", 1.0),
        ("bare-masked", 0.0),
        ("masked-masked", 1.0),
    ):
        rows = scores.where(condition=condition)
        assert rows.pair.tolist() == list(range(len(interleaved)))
        assert rows.similarity.tolist() == [expected] * len(interleaved)
    # Each (photo, masked) once: all names are needed bare and masked.
    names = {*interleaved.first, *interleaved.second}
    assert calls == [2 * len(names)] == [len(set(needed))]


def test_what_was_put_on_whom(folder, interleaved, tmp_path):
    needed = conditions.needed_images(interleaved, ["bare-masked"])
    images = embedded.embed_images(
        lambda crops: np.ones((len(list(crops)), 2)),
        crops_of(folder, needed),
        progress=False,
    )
    images.write_masks(tmp_path / "masks.csv")
    rows = [r.split(",") for r in (tmp_path / "masks.csv").read_text().splitlines()[1:]]
    assert {(row[0], row[1] == "1") for row in rows} == set(needed)
    for _, masked, outcome, mask, kind, wear, yaw in rows:
        assert outcome == "ok" and -90 < float(yaw) < 90
        assert (mask != "") == (masked == "1")
        if masked == "1":
            assert {"surgical": "correct", "n95": "nose_out"}[kind] == wear
    again = embedded.embed_images(
        lambda crops: np.ones((len(list(crops)), 2)),
        crops_of(folder, needed[::-1]),
        progress=False,
    )
    # The same mask on the same face, in whatever order.
    assert again.masks.tolist() == images.masks[::-1].tolist()


def made(names, masked=(), **columns):
    """Images whose embeddings are by their place on a circle."""
    rows = [(n, False) for n in names] + [(n, True) for n in masked]
    count = len(rows)
    angles = np.arange(count) / count
    circle = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    return embedded.EmbeddedImages(
        names=np.array([n for n, _ in rows]),
        masked=np.array([m for _, m in rows]),
        embeddings=circle,
        looks_masked=columns.get("looks_masked", np.zeros(count, bool)),
        in_masks=columns.get("in_masks", circle),
        commonness=columns.get("commonness", np.zeros(count, np.float32)),
        norms=np.ones(count, np.float32),
        outcomes=columns.get("outcomes", np.full(count, "ok")),
        masks=columns.get("kinds", np.full(count, "")),
        kinds=columns.get("kinds", np.full(count, "")),
        wears=columns.get("wears", np.full(count, "")),
        yaws=np.asarray(columns.get("yaws", np.zeros(count)), np.float32),
    )


def listed(*rows):
    first, second, is_same = zip(*rows, strict=True)
    return pair_lists.Pairs(
        first=first,
        second=second,
        is_same=np.array(is_same),
        fold=np.zeros(len(rows), int),
    )


def test_real_masks_have_conditions_of_their_own():
    pairs = listed(("a/1", "a/2", True), ("a/3", "b/1", False), ("b/1", "a/3", False),
                   ("a/3", "a/4", True))  # fmt: skip
    real = {"a/3": "cloth", "a/4": "n95", "a/1": ""}
    needed = conditions.needed_images(pairs, conditions.ALL, real)
    # No mask is drawn over a real one.
    assert {n for n, masked in needed if masked} == {"a/1", "a/2"}
    images = made(["a/1", "a/2", "a/3", "a/4", "b/1"], ["a/1", "a/2"])
    scores = conditions.score(pairs, images, conditions.ALL, real)
    found = {c: scores.where(condition=c).pair.tolist() for c in scores.conditions}
    assert found == {
        "bare-bare": [0],
        "bare-masked": [0],
        "masked-masked": [0],
        "bare-real": [1, 2],
        "real-real": [3],
    }
    assert scores.where(condition="bare-real").labels["kind"].tolist() == ["cloth"] * 2
    assert scores.where(condition="real-real").labels["kind"].tolist() == ["mixed"]


def test_labels_of_pairs():
    names = ["a/1", "a/2", "b/1"]
    images = made(
        names,
        names,
        kinds=np.array(["", "", "", "cloth", "n95", "n95"]),
        wears=np.array(["", "", "", "low", "low", "high"]),
        yaws=np.radians([5, -20, np.nan, 5, -50, np.nan]),
    )
    pairs = listed(("a/1", "a/2", True), ("a/2", "b/1", False), ("b/1", "b/1", True))
    scores = conditions.score(pairs, images, ["bare-masked", "masked-masked"])
    mixed, both = (scores.where(condition=c).labels for c in scores.conditions)
    assert mixed["kind"].tolist() == ["n95", "n95", "n95"]
    assert both["kind"].tolist() == ["mixed", "n95", "n95"]
    assert both["wear"].tolist() == ["low", "mixed", "high"]
    assert mixed["yaw"].tolist() == ["45°–", "15–30°", "unknown"]


def test_a_failed_image_fails_its_pairs():
    outcomes = np.array(["ok", "no_face", "ok", "ok", "ok", "unfit"])
    names = ["a/1", "a/2", "b/1"]
    pairs = listed(("a/1", "a/2", True), ("a/1", "b/1", False))
    images = made(names, names, outcomes=outcomes)
    scores = conditions.score(pairs, images, ["bare-bare", "masked-masked"])
    assert scores.failed.tolist() == [True, False, False, True]
    assert (scores.similarity[scores.failed] == -1).all()
    assert conditions.outcomes(images) == {
        "bare": {"ok": 2, "no_face": 1, "unreadable": 0, "unfit": 0},
        "masked": {"ok": 2, "no_face": 0, "unreadable": 0, "unfit": 1},
    }


def test_names_and_what_is_missing():
    assert conditions.parse("all") == conditions.ALL
    assert conditions.parse("bare-masked, bare-bare") == ("bare-masked", "bare-bare")
    with pytest.raises(ValueError, match="unknown condition 'masked'"):
        conditions.parse("masked")
    pairs = listed(("a/1", "a/2", True))
    with pytest.raises(ValueError, match="no pair of the list is bare-real"):
        conditions.needed_images(pairs, ["bare-real"])
    with pytest.raises(ValueError, match="1 photos were not embedded masked"):
        conditions.score(pairs, made(["a/1", "a/2"]), ["bare-masked"])
