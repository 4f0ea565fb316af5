"""One run from photos to tables, with a function as the model, and again without it."""

import dataclasses
import json
import pickle

import jax
import numpy as np
import pytest

from maskarc import images, inference, scoring
from maskarc.convert import own_file
from maskarc.data import crops, pairs, synthetic
from maskarc.evaluation import embedded, scored
from maskarc.scoring import side_by_side

MODEL = "tests.test_scoring:small_pictures"


def small_pictures(batch):
    """A model of sorts: the crop itself, coarsely."""
    coarse = batch.reshape(len(batch), 8, 14, 8, 14, 3).mean(axis=(2, 4, 5))
    return coarse.reshape(len(batch), -1) - coarse.mean(axis=(1, 2))[:, None]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Photos, landmarks and pairs of eight people."""
    root = tmp_path_factory.mktemp("people")
    faces = synthetic.SyntheticFaces(8, 4, seed=0)
    synthetic.write_folder(faces, root)
    pairs.write_pairs(
        root / "pairs.csv", synthetic.make_pairs(faces, 32, folds=4, seed=0)
    )
    return crops.Photos(root=str(root), landmarks=str(root / "landmarks.npz"))


@pytest.fixture(scope="module")
def run(people, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    result = scoring.evaluate_conditions(
        scoring.ModelChoice(source=MODEL),
        people,
        pairs=f"{people.root}/pairs.csv",
        output=output,
        draws=30,
        progress=False,
    )
    return output, result


def test_a_run_has_all_conditions(run, people):
    output, result = run
    assert set(result["conditions"]) == {"bare-bare", "bare-masked", "masked-masked"}
    assert all(c["pairs"] == 32 for c in result["conditions"].values())
    assert set(result["drop"]) == {"bare-masked", "masked-masked"}
    assert result["about"]["model"] == MODEL
    assert result["audit"]["people"] == 8
    assert json.loads((output / "result.json").read_text()) == result
    listed = pairs.read_pairs(f"{people.root}/pairs.csv")
    photos = len({*listed.first, *listed.second})
    assert {kind: found["ok"] for kind, found in result["images"].items()} == {
        "bare": photos,
        "masked": photos,
    }


def test_saved_embeddings_are_scored_alike(run, people, tmp_path):
    output, result = run
    saved = embedded.EmbeddedImages.load(output / "embeddings.npz")
    again = scoring.evaluate_conditions(
        saved,
        people,
        pairs=f"{people.root}/pairs.csv",
        output=tmp_path,
        draws=30,
        progress=False,
    )
    assert again == result


def test_saved_scores_are_tabulated_alike(run):
    output, result = run
    scores = scored.ScoredPairs.load(output / "scores.npz")
    again = scoring.score_again(scores, draws=30)
    assert again == {key: result[key] for key in again}


def test_one_condition_alone_scores_the_same(run, people, tmp_path):
    _, result = run
    alone = scoring.evaluate_pairs(
        scoring.ModelChoice(source=MODEL),
        people,
        pairs=f"{people.root}/pairs.csv",
        output=tmp_path,
        masked="second",
        progress=False,
    )
    together = result["conditions"]["bare-masked"]
    for key in ("accuracy", "auc", "eer", "threshold", "fold_accuracies"):
        assert alone[key] == together[key]


def test_a_bin_file_bare_and_masked(people, tmp_path):
    """Aligned crops out of a file, masked by the landmarks of the mean face."""
    names = images.list_images(people.root)[:8]
    opened = people.crops([(n, False) for n in names], size=112, keep_in=tmp_path)
    files = [images.encode_image(opened.read(i), "x.png") for i in range(8)]
    order = [0, 1, 4, 5, 1, 2, 0, 4, 1, 5, 2, 6]
    content = [files[i] for i in order], [True, True, True, False, False, False]
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps(content, 2))
    result = scoring.evaluate_conditions(
        scoring.ModelChoice(source=MODEL),
        crops.Photos(root=""),
        pairs=str(path),
        output=tmp_path / "out",
        chosen="bare-bare,bare-masked",
        draws=10,
        report_to=tmp_path / "page",
        progress=False,
    )
    assert {c["pairs"] for c in result["conditions"].values()} == {6}
    # Each of the six pairs is among the worst of its kind, in both conditions.
    text = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert text.count('<img src="data:image/jpeg') == 2 * 2 * 6
    images_ = embedded.EmbeddedImages.load(tmp_path / "out" / "embeddings.npz")
    assert images_.masked.sum() == 5 and (~images_.failed).all()
    assert np.isnan(images_.yaws).all()  # the mean face tells nothing of them
    # The bare crops went to the model as they are.
    first = images_.rows(images_.names[~images_.masked][:1].tolist(), False)[0]
    expected = [small_pictures(opened.read(i)[None])[0] for i in range(8)]
    cosines = [e @ images_.embeddings[first] / np.linalg.norm(e) for e in expected]
    assert max(cosines) == pytest.approx(1, abs=1e-4)


def test_landmarks_found_again_under_the_mask(people, tmp_path):
    """A detector that finds nobody under a mask fails the masked images alone."""
    photos = crops.Photos(
        root=people.root,
        landmarks=people.landmarks,
        detector="canonical",
        landmarks_on="masked",
    )
    names = images.list_images(people.root)[:2]
    opened = photos.crops(
        [(n, m) for n in names for m in (False, True)], size=112, keep_in=tmp_path
    )
    reused = people.crops([(names[0], True)], size=112, keep_in=tmp_path).read(0)
    # The mean face is elsewhere than the photo's own landmarks.
    assert np.abs(opened.read(1).astype(int) - reused).mean() > 5
    bare = people.crops([(names[0], False)], size=112, keep_in=tmp_path).read(0)
    np.testing.assert_array_equal(opened.read(0), bare)

    blind = dataclasses.replace(opened, detector=lambda image, name="": [])
    seen = [blind.look(i) for i in range(4)]
    assert [s.outcome for s in seen] == ["ok", "no_face"] * 2
    assert seen[1].mask and seen[1].image is None
    with pytest.raises(ValueError, match="'bare' or 'masked', got 'both'"):
        crops.Photos(root="", landmarks_on="both")


def test_identification_in_a_gallery(people, tmp_path):
    result = scoring.identify_gallery(
        scoring.ModelChoice(source=MODEL),
        people,
        output=tmp_path,
        enrolled_photos=2,
        strangers=0.25,
        draws=30,
        progress=False,
    )
    assert (result["people"], result["gallery"]) == (8, 6)
    for kind in ("bare", "masked"):
        assert (result[kind]["probes"], result[kind]["strangers"]) == (12, 8)
        assert result[kind]["cmc"][-1] == 1.0
        assert result[kind]["rank"]["1"] == result[kind]["cmc"][0]
        refused = result[kind]["open_set"][1]
        assert (refused["tpir"], refused["strangers_needed"]) == (None, 100)
    assert result["drop"]["estimate"] == pytest.approx(
        result["bare"]["rank"]["1"] - result["masked"]["rank"]["1"]
    )
    folder = scoring.identify_folder(
        scoring.ModelChoice(source=MODEL), people, output=tmp_path, progress=False
    )
    assert result["nearest_neighbour"]["bare"]["rate"] == folder["cosine"]["rate"]
    saved = embedded.EmbeddedImages.load(tmp_path / "embeddings.npz")
    again = scoring.identify_gallery(
        saved, people, output=tmp_path / "again", enrolled_photos=2, strangers=0.25,
        draws=30,
    )  # fmt: skip
    assert again == result
    # Masked probes are compared in masks, bare ones as they are.
    people_of = [name.rpartition("/")[0] for name in saved.names]
    _, numbers = np.unique(people_of, return_inverse=True)
    told = dataclasses.replace(saved, in_masks=np.eye(8, dtype=np.float32)[numbers])
    perfect = scoring.identify_gallery(
        told, people, output=tmp_path / "told", enrolled_photos=2, strangers=0.25,
        draws=30,
    )  # fmt: skip
    assert perfect["masked"]["rank"]["1"] == 1.0
    assert perfect["bare"] == result["bare"]


def test_bare_faces_in_masks_meet_masked_ones(people, tmp_path):
    options = {"pairs": f"{people.root}/pairs.csv", "draws": 10, "progress": False}
    result = scoring.evaluate_conditions(
        scoring.ModelChoice(source=MODEL, masked_views=True),
        people,
        output=tmp_path / "views",
        chosen="bare-bare,bare-masked",
        **options,
    )
    assert result["about"]["masked_views"] is True
    saved = embedded.EmbeddedImages.load(tmp_path / "views" / "embeddings.npz")
    scores = scored.ScoredPairs.load(tmp_path / "views" / "scores.npz")
    rows = np.flatnonzero(scores.labels["condition"] == "bare-masked")
    first = saved.faces[saved.rows(scores.first[rows], False)]
    second = saved.faces[saved.rows(scores.second[rows], True)]
    np.testing.assert_array_equal(scores.similarity[rows], first.paired(second))
    unlike = first.is_masked != second.is_masked
    assert unlike.mean() > 0.8
    cosines = np.einsum("nd,nd->n", first.embeddings, second.embeddings)
    assert np.abs(scores.similarity[rows] - cosines)[unlike].min() > 0


def test_embeddings_are_no_model(tmp_path):
    with pytest.raises(ValueError, match="holds embeddings, no model"):
        scoring.ModelChoice(source="run/embeddings.npz").open()


def test_no_folder(tmp_path):
    with pytest.raises(ValueError, match="say in which folder"):
        scoring.evaluate_pairs(
            MODEL, crops.Photos(root=""), pairs="all", output=tmp_path, progress=False
        )


def test_thresholds_let_through_so_many_impostors(people, tmp_path):
    """Against counting all pairs one by one."""
    names = sorted(images.list_images(people.root))
    choice = scoring.ModelChoice(source=MODEL)
    found = scoring.impostor_thresholds(
        choice, people, names, fars=(0.1, 0.02), keep_in=tmp_path, progress=False
    )
    needed = tuple((name, masked) for name in names for masked in (False, True))
    embedded_all = scoring.embed(choice, people, needed, keep_in=tmp_path)
    rows = {
        (name, masked): embedded_all.embeddings[embedded_all.rows([name], masked)[0]]
        for name, masked in needed
    }
    for condition, (first_masked, second_masked) in {
        "bare-bare": (False, False),
        "bare-masked": (False, True),
        "masked-masked": (True, True),
    }.items():
        scores = np.array(
            [
                rows[a, first_masked] @ rows[b, second_masked]
                for a in names
                for b in names
                if a.split("/")[0] != b.split("/")[0]
            ]
        )
        for far, threshold in found[condition]:
            accepted = (scores >= threshold + 1e-6).mean()
            assert accepted <= far
            assert (scores >= threshold - 1e-4).mean() > far - 1 / len(names)
    with pytest.raises(ValueError, match="takes 100000 pairs of different people"):
        scoring.impostor_thresholds(
            choice, people, names[:6], fars=(1e-5,), keep_in=tmp_path, progress=False
        )


def test_models_side_by_side(run):
    _, result = run
    text = side_by_side.table({"coarse": result, "again": result}, "bare-masked")
    header, _, first, second = text.splitlines()
    assert header.split(" | ")[1:3] == ["accuracy", "TAR at FAR 1e-2"]
    accuracy = result["conditions"]["bare-masked"]["intervals"]["accuracy"]
    assert f"{100 * accuracy['estimate']:.2f} %" in first
    assert first.startswith("| coarse") and second.startswith("| again")
    assert " – " in first  # sixteen impostors show no rate of 1e-3


def test_a_result_is_kept_and_not_taken_for_another(run, tmp_path):
    output, result = run
    kept = side_by_side.score_once(output, dict, about={"model": MODEL})
    assert kept == result
    with pytest.raises(ValueError, match=r"model was 'tests.*', now 'other'"):
        side_by_side.score_once(output, dict, about={"model": "other"})
    new = side_by_side.score_once(tmp_path / "none", lambda: {"new": 2}, about={})
    assert new == {"new": 2}


def test_results_of_other_weights_or_masks_are_other_results(people, tmp_path):
    weights = inference.load_weights("masked_r29")
    choice = scoring.ModelChoice(source=str(tmp_path / "a.safetensors"))

    def identity(**kept):
        own_file.save(choice.source, dataclasses.replace(weights, **kept))
        return scoring.identity(choice, people)

    first = identity()
    assert identity() == first and first["weights"]
    doubled = jax.tree.map(lambda leaf: 2 * np.asarray(leaf), weights.params)
    assert {n for n, v in identity(params=doubled).items() if v != first[n]} == {
        "weights"
    }
    assert identity(crop="upper")["crop"] != first["crop"]
    drawn = dataclasses.replace(people, masks="surgical_blue")
    other = scoring.identity(choice, drawn)
    assert other["mask_pictures"] != scoring.identity(choice, people)["mask_pictures"]
