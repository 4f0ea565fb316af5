"""IJB and MegaFace against loops written out, and from small files in their layouts."""

import json

import numpy as np
import pytest

from maskarc import images, scoring
from maskarc.data import template_lists
from maskarc.evaluation import template_protocols
from tests.data.test_template_lists import write_feature, write_ijb


def made_lists(rng, people=30, templates=4, photos=3):
    """Every person in one of two galleries with the first template."""
    count = people * templates
    template = np.repeat(np.arange(count), photos)
    person = np.arange(count) // templates
    listed = np.flatnonzero(np.arange(count) % templates == 0)
    half = people // 2
    asked = np.flatnonzero(np.arange(count) % templates)
    pairs = rng.integers(count, size=(3000, 2))
    return person, template_lists.IjbLists(
        names=tuple(f"{i}.jpg" for i in range(len(template))),
        points=None,
        scores=rng.uniform(0.5, 1, len(template)).astype(np.float32),
        templates=template,
        media=rng.integers(0, 2, len(template)),
        pairs=pairs,
        is_same=person[pairs[:, 0]] == person[pairs[:, 1]],
        galleries={
            "G1": (listed[:half], person[listed[:half]]),
            "G2": (listed[half:], person[listed[half:]]),
        },
        probes=(asked, person[asked]),
    )


def brute_force_templates(lists, embeddings):
    pooled = []
    for t in np.unique(lists.templates):
        rows = lists.templates == t
        total = 0
        for m in np.unique(lists.media[rows]):
            chosen = rows & (lists.media == m)
            total = total + (embeddings * lists.scores[:, None])[chosen].mean(axis=0)
        pooled.append(total / np.linalg.norm(total))
    return np.array(pooled)


def test_ijb_against_loops():
    rng = np.random.default_rng(0)
    person, lists = made_lists(rng)
    centres = rng.standard_normal((30, 12))
    embeddings = centres[person[lists.templates]] + 1.2 * rng.standard_normal(
        (len(lists.names), 12)
    )
    result = template_protocols.score_ijb(lists, embeddings, fars=(0.1, 0.01, 1e-5))
    pooled = brute_force_templates(lists, embeddings)
    scores = (pooled[lists.pairs[:, 0]] * pooled[lists.pairs[:, 1]]).sum(axis=1)
    far = 0.01
    best = max(
        (scores >= t)[lists.is_same].mean()
        for t in scores
        if (scores >= t)[~lists.is_same].mean() <= far
    )
    points = result["verification"]["operating_points"]
    assert points[1]["tar"] == pytest.approx(best)
    assert points[2]["tar"] is None and points[2]["impostors_needed"] == 100_000
    whole = pooled[lists.probes[0]] @ pooled[np.arange(0, 120, 4)].T
    order = np.argsort(-whole, axis=1)
    owner = lists.probes[1][:, None]
    tables = result["identification"]
    for rank in (1, 5):
        expected = (order[:, :rank] == owner).any(axis=1).mean()
        assert tables["all"]["rank"][str(rank)] == pytest.approx(expected)
    assert 0.3 < tables["all"]["rank"]["1"] < 1
    assert (tables["G1"]["probes"], tables["G1"]["strangers"]) == (45, 45)
    assert tables["all"]["strangers"] == 0
    assert tables["all"]["open_set"][0]["tpir"] is None
    assert tables["G1"]["open_set"][0]["tpir"] > 0


def test_ijb_refuses_other_embeddings():
    _, lists = made_lists(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"expected embeddings \[360, D\]"):
        template_protocols.score_ijb(lists, np.ones((3, 4)))
    with pytest.raises(ValueError, match="zero or not finite"):
        template_protocols.score_ijb(lists, np.full((360, 4), np.nan))


def mean_colour(batch):
    """A model of sorts."""
    return batch.mean(axis=(1, 2)) - 100.0


def test_ijb_from_a_release(tmp_path):
    meta = write_ijb(tmp_path / "IJBC" / "meta")
    lines = []
    for i in range(1, 7):
        picture = np.full((60, 60, 3), (40 * i, 250 - 30 * i, 90), np.uint8)
        images.write_image(tmp_path / "IJBC" / "loose_crop" / f"{i}.jpg", picture)
        lines.append(f"{i}.jpg 20 20 40 20 30 30 22 42 38 42 0.9\n")
    (meta / "ijbc_name_5pts_score.txt").write_text("".join(lines))
    choice = scoring.ModelChoice(
        source="tests.evaluation.test_template_protocols:mean_colour"
    )
    result = scoring.evaluate_ijb(
        choice, tmp_path / "IJBC", output=tmp_path / "out", progress=False
    )
    assert (result["photos"], result["templates"], result["failed_images"]) == (6, 4, 0)
    assert result["verification"]["pairs"] == 2
    # Templates 2 and 3 ask; 300 is in gallery 2 alone.
    assert result["identification"]["G1"]["strangers"] == 1
    assert json.loads((tmp_path / "out" / "ijbc.json").read_text()) == result


def megaface(seed=0):
    rng = np.random.default_rng(seed)
    people = [f"p{i % 8}" for i in range(40)]
    centres = rng.standard_normal((8, 6))
    probes = centres[np.arange(40) % 8] + 0.5 * rng.standard_normal((40, 6))
    distractors = rng.standard_normal((500, 6))
    return probes.astype(np.float32), people, distractors.astype(np.float32)


@pytest.mark.parametrize("masked", [False, True])
def test_megaface_against_loops(masked):
    probes, people, distractors = megaface()
    enrolled = probes[:, ::-1].copy() if masked else None
    result = template_protocols.score_megaface(
        probes, people, distractors, enrolled=enrolled, fars=(1e-2, 1e-3, 1e-6)
    )

    def unit(x):
        return x.astype(float) / np.linalg.norm(x, axis=1, keepdims=True)

    asked, others = unit(probes), unit(distractors)
    kept = unit(enrolled) if masked else asked
    genuine, hits = [], {1: 0, 10: 0}
    for i in range(40):
        for j in range(40):
            if i != j and people[i] == people[j]:
                genuine.append(asked[i] @ kept[j])
                better = (others @ asked[i] >= genuine[-1]).sum()
                for rank in hits:
                    hits[rank] += better < rank
    assert result["searches"] == len(genuine) == 8 * 5 * 4
    for rank, count in hits.items():
        assert result["rank"][str(rank)] == pytest.approx(count / len(genuine))
    impostors = np.sort((asked @ others.T).ravel())[::-1]
    for point in result["tar_at_far"][:2]:
        limit = impostors[round(point["far"] * len(impostors))]
        assert point["tar"] == pytest.approx((np.array(genuine) > limit).mean())
    assert result["tar_at_far"][2]["tar"] is None
    assert result["tar_at_far"][2]["impostors_needed"] == 1_000_000


def test_megaface_from_files(tmp_path):
    probes, people, distractors = megaface()
    listed = {"path": [f"{p}/{i}.jpg" for i, p in enumerate(people)], "id": people}
    (tmp_path / "probes.json").write_text(json.dumps(listed))
    others = {"path": [f"{i}.jpg" for i in range(len(distractors))]}
    (tmp_path / "distractors.json").write_text(json.dumps(others))
    for folder, names, rows in (
        ("probes", listed["path"], probes),
        ("distractors", others["path"], distractors),
    ):
        for name, row in zip(names, rows, strict=True):
            write_feature(tmp_path / folder / f"{name}_x.bin", row)
    read = template_protocols.score_megaface_files(
        probe_list=tmp_path / "probes.json",
        probes=tmp_path / "probes",
        distractor_list=tmp_path / "distractors.json",
        distractors=tmp_path / "distractors",
        ending="_x.bin",
    )
    assert read == template_protocols.score_megaface(probes, people, distractors)


def test_megaface_refuses():
    probes, people, distractors = megaface()
    with pytest.raises(ValueError, match="nobody"):
        template_protocols.score_megaface(probes[:8], people[:8], distractors)
    with pytest.raises(ValueError, match="NaN or infinity"):
        template_protocols.score_megaface(probes, people, distractors * np.nan)
    with pytest.raises(ValueError, match="and 3"):
        template_protocols.score_megaface(probes, people[:3], distractors)
