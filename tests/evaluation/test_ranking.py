"""Ranks and open sets against brute force and sets scored by hand."""

import numpy as np
import pytest

from maskarc.evaluation import ranking


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def crowd(people=40, probes=200, strangers=60, spread=0.6, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((people + strangers, 16))
    who = rng.integers(people + strangers, size=probes)
    asked = unit(centres[who] + spread * rng.standard_normal((probes, 16)))
    enrolled = rng.permutation(people)
    gallery = unit(centres[enrolled] + spread * rng.standard_normal((people, 16)))
    return asked, who, gallery, enrolled


@pytest.mark.parametrize("block_bytes", [1, 4_000, 2**26])
def test_ranks_against_brute_force(block_bytes):
    probes, people, gallery, enrolled = crowd()
    ranked = ranking.rank_probes(
        probes, people, gallery, enrolled, block_bytes=block_bytes
    )
    whole = probes.astype(float) @ gallery.astype(float).T
    expected = []
    for row, person in zip(whole, people, strict=True):
        order = [enrolled[j] for j in np.argsort(-row)]
        expected.append(order.index(person) + 1 if person in order else 0)
    assert ranked.rank.tolist() == expected
    assert (ranked.has_mate == (people < 40)).all()
    np.testing.assert_array_equal(ranked.top[:, 0], whole.argmax(axis=1))
    np.testing.assert_allclose(
        ranked.top_similarity[:, 0], whole.max(axis=1), atol=1e-5
    )
    found = ranking.cmc(ranked, most=40)
    mated = np.array(expected)[people < 40]
    assert found[0] == np.mean(mated == 1) and found[-1] == 1.0
    assert 0.5 < found[0] < 1 and (np.diff(found) >= 0).all()


def test_open_set_against_brute_force():
    probes, people, gallery, enrolled = crowd(probes=600)
    ranked = ranking.rank_probes(probes, people, gallery, enrolled)
    whole = probes @ gallery.T
    best, hit = whole.max(axis=1), enrolled[whole.argmax(axis=1)] == people
    known = people < 40
    for point in ranking.open_set(ranked, (0.1, 0.02)):
        rates = [
            (hit & (best >= t))[known].mean()
            for t in np.append(best, 2.0)
            if (best[~known] >= t).mean() <= point.fpir
        ]
        assert point.tpir == pytest.approx(max(rates))
        assert (best[~known] >= point.threshold).mean() <= point.fpir


def test_open_set_refuses_what_strangers_cannot_show():
    ranked = ranking.rank_probes(*crowd())
    strangers = int((~ranked.has_mate).sum())
    [rough, fine] = ranking.open_set(ranked, (0.1, 1e-3))
    assert rough.tpir is not None and fine.tpir is None
    assert (fine.strangers, fine.strangers_needed) == (strangers, 1000)


def test_by_hand():
    gallery = np.eye(3, dtype=np.float32)
    probes = unit(np.array([[3.0, 2, 1], [1, 2, 3], [1, 1, 1], [0, 0, 0]]) + 1e-9)
    ranked = ranking.rank_probes(
        probes, np.array([1, 9, 2, 1]), gallery, np.array([1, 2, 3]),
        failed=np.array([False, False, False, True]), top=2,
    )  # fmt: skip
    # The third probe is as like all three: its mate comes last. The fourth failed.
    assert ranked.rank.tolist() == [1, 0, 3, 4]
    assert ranked.mate.tolist() == [0, -1, 1, 0]
    assert ranked.top[1].tolist() == [2, 1]
    assert ranked.top_similarity[3].tolist() == [-1, -1]
    np.testing.assert_allclose(ranking.cmc(ranked), [1 / 3, 1 / 3, 2 / 3])


def test_a_file_holds_everything(tmp_path):
    ranked = ranking.rank_probes(*crowd())
    ranked.save(tmp_path / "new" / "ranked.npz")
    again = ranking.RankedProbes.load(tmp_path / "new" / "ranked.npz")
    np.testing.assert_array_equal(again.top, ranked.top)
    assert ranking.open_set(again) == ranking.open_set(ranked)
    assert again.gallery == ranked.gallery == 40


@pytest.mark.parametrize(
    ("gallery_people", "probes", "message"),
    [
        ([1, 1], np.ones((3, 2)), "each person of the gallery once"),
        ([1], np.ones((3, 2)), "gallery_people"),
        ([1, 2], np.ones((3, 4)), r"\(3, 4\)"),
        ([1, 2], np.full((3, 2), np.nan), "NaN or infinity"),
    ],
)
def test_bad_input(gallery_people, probes, message):
    with pytest.raises(ValueError, match=message):
        ranking.rank_probes(
            probes, np.zeros(3, int), np.eye(2), np.array(gallery_people)
        )


def test_nobody_in_the_gallery():
    ranked = ranking.rank_probes(np.eye(2), np.array([8, 9]), np.eye(2), np.arange(2))
    for measure in (ranking.cmc, ranking.open_set):
        with pytest.raises(ValueError, match="people in the gallery, got none"):
            measure(ranked)
