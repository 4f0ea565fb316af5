"""CFP's folder and all pairs of a folder, on small ones in those layouts."""

import itertools

import numpy as np
import pytest

from maskarc.data import pairs as pair_lists
from maskarc.data import protocols
from maskarc.evaluation import audit


def cfp(root, *, people=4, splits=2):
    """A release with 2 frontal and 1 profile photo of each person."""
    lists = {"F": [], "P": []}
    for person in range(1, people + 1):
        for kind, folder, count in (("F", "frontal", 2), ("P", "profile", 1)):
            for number in range(1, count + 1):
                name = f"Data/Images/{person:03d}/{folder}/{number:02d}.jpg"
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(b"")
                lists[kind].append(f"../{name}")
    (root / "Protocol").mkdir()
    for kind, names in lists.items():
        text = "\r\n".join(f"{i} {name}" for i, name in enumerate(names, start=1))
        (root / "Protocol" / f"Pair_list_{kind}.txt").write_text(text)
    for split in range(1, splits + 1):
        a, b = 2 * split - 1, 2 * split  # people of this split
        for protocol, same, diff in (
            ("FF", [(2 * a - 1, 2 * a), (2 * b - 1, 2 * b)], [(2 * a, 2 * b)]),
            ("FP", [(2 * a, a), (2 * b, b)], [(2 * a, b)]),
        ):
            folder = root / "Protocol" / "Split" / protocol / f"{split:02d}"
            folder.mkdir(parents=True)
            for name, rows in (("same.txt", same), ("diff.txt", diff)):
                (folder / name).write_text("".join(f"{i},{j}\n" for i, j in rows))
    return root


def test_cfp(tmp_path):
    frontal = protocols.read_cfp(cfp(tmp_path), "FF")
    assert len(frontal) == 6
    assert frontal.first[0] == "Data/Images/001/frontal/01.jpg"
    assert frontal.second[0] == "Data/Images/001/frontal/02.jpg"
    profile = protocols.find_pairs("cfp_fp", tmp_path)
    assert profile.second[2] == "Data/Images/002/profile/01.jpg"
    for pairs in (frontal, profile):
        assert pairs.is_same.tolist() == [True, True, False] * 2
        assert pairs.fold.tolist() == [0, 0, 0, 1, 1, 1]
        # The names tell the people, so the labels can be checked.
        assert audit.audit_pairs(pairs).findings == {}


def test_cfp_that_is_not_whole(tmp_path):
    cfp(tmp_path)
    with pytest.raises(ValueError, match="unknown protocol 'PP'"):
        protocols.read_cfp(tmp_path, "PP")
    (tmp_path / "Data/Images/002/profile/01.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 photos .*002/profile/01\.jpg"):
        protocols.read_cfp(tmp_path, "FP")
    same = tmp_path / "Protocol/Split/FF/01/same.txt"
    same.write_text("1,99\n")
    with pytest.raises(ValueError, match=r"same\.txt:1: no photo has number 99"):
        protocols.read_cfp(tmp_path, "FF")
    same.write_text("1;2\n")
    with pytest.raises(ValueError, match="expected two numbers"):
        protocols.read_cfp(tmp_path, "FF")
    listed = tmp_path / "Protocol/Pair_list_F.txt"
    listed.write_text("1 ../../outside.jpg\n")
    with pytest.raises(ValueError, match="expected a number and a photo"):
        protocols.read_cfp(tmp_path, "FF")
    with pytest.raises(FileNotFoundError, match="CFP's release"):
        protocols.read_cfp(tmp_path / "nowhere", "FF")


def folder(people, photos):
    return [f"p{i:03d}/{j}.jpg" for i in range(people) for j in range(photos)]


def test_all_pairs_are_all():
    names = folder(5, 3)
    pairs = protocols.all_pairs(names)
    found = set(zip(pairs.first, pairs.second, strict=True))
    assert len(pairs) == len(found) == 15 * 14 // 2
    assert found == set(itertools.combinations(names, 2))
    same = [a.split("/")[0] == b.split("/")[0] for a, b in found]
    assert sum(same) == pairs.is_same.sum() == 5 * 3


@pytest.mark.parametrize("people", [20, 200])
def test_a_sample_is_seeded_and_holds_no_pair_twice(people):
    names = folder(people, 10)
    once, again, other = (
        protocols.all_pairs(names, most=600, seed=s) for s in (1, 1, 2)
    )
    assert len(once) == 600 and once.is_same.sum() == 300
    assert (once.first, once.second) == (again.first, again.second)
    assert once.first != other.first
    assert len({*zip(once.first, once.second, strict=True)}) == 600
    # No person is in two folds where there are people enough.
    assert len(np.unique(once.fold)) == (10 if people == 200 else 1)
    assert audit.audit_pairs(once).findings.keys() <= {"uneven_folds"}


def test_one_person_with_most_of_the_photos():
    """There are far fewer impostor pairs than pairs, and they are all found."""
    names = [f"a/{i}.jpg" for i in range(400)] + ["b/0.jpg", "c/0.jpg"]
    pairs = protocols.all_pairs(names, most=2000)
    assert pairs.is_same.sum() == 1000
    assert (~pairs.is_same).sum() == 400 + 400 + 1


def test_a_sample_is_fair():
    """Every impostor pair is as likely as any other, whoever has how many photos."""
    names = [f"a/{i}.jpg" for i in range(30)] + [f"p{i}/0.jpg" for i in range(30)]
    seen = np.zeros(2)
    for seed in range(40):
        pairs = protocols.all_pairs(names, most=100, seed=seed)
        firsts = [n for n, s in zip(pairs.first, pairs.is_same, strict=True) if not s]
        with_a = sum(n.startswith("a/") for n in firsts)
        seen += with_a, len(firsts) - with_a
    # 30 · 30 pairs are with a, 30 · 29 / 2 without.
    assert seen[0] / seen.sum() == pytest.approx(900 / 1335, abs=0.04)


def test_all_pairs_of_too_little():
    with pytest.raises(ValueError, match="1 photos of 1 people"):
        protocols.all_pairs(["a/1.jpg"])
    with pytest.raises(ValueError, match="3 photos of 3 people"):
        protocols.all_pairs(folder(3, 1))


def test_find_pairs(tmp_path):
    for name in folder(3, 2):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert len(protocols.find_pairs("all", tmp_path)) == 15
    assert len(protocols.find_pairs("all:6", tmp_path)) == 6
    listed = tmp_path / "pairs.csv"
    listed.write_text("first,second,is_same\np000/0.jpg,p000/1.jpg,1\n")
    assert protocols.find_pairs(str(listed), tmp_path).first == ("p000/0.jpg",)


def test_flat_lists_of_calfw_and_agedb(tmp_path):
    """Two lines a pair: ten folds take both kinds in order; one line: in order."""
    genuine = [f"A_B{i}_0001.jpg {i + 1}\nA_B{i}_0002.jpg {i + 1}\n" for i in range(10)]
    other = [f"A_B{i}_0001.jpg 0\nC_D{i}_0001.jpg 0\n" for i in range(10)]
    path = tmp_path / "pairs_CALFW.txt"
    path.write_text("".join(genuine + other))
    pairs = pair_lists.read_pairs(path)
    assert pairs.is_same.tolist() == [True] * 10 + [False] * 10
    assert pairs.fold.tolist() == [*range(10), *range(10)]
    assert (pairs.first[0], pairs.second[0]) == ("A_B0_0001.jpg", "A_B0_0002.jpg")
    assert audit.audit_pairs(pairs).findings == {}
    path.write_text(
        "".join(f"{i}_AnnLee_3{i}_f.jpg 7_Bo_40_m.jpg -1\n" for i in range(10))
    )
    pairs = pair_lists.read_pairs(path)
    assert not pairs.is_same.any()
    assert pairs.fold.tolist() == [*range(10)]
    assert len(np.unique(pairs.persons())) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a_1.jpg 1\n", "an even number of lines"),
        ("a_1.jpg 1\na_2.jpg 0\n", r"\.txt:2: expected the label 1"),
        ("a_1.jpg b_1.jpg x\n", r"\.txt:1: expected 1 .* as label: 'x'"),
        ("a_1.jpg b_1.jpg 1\na_1.jpg b_1.jpg 2\n", r"\.txt:2: expected 1 .* '2'"),
        ("a_1.jpg b_1.jpg -7\n", "expected 1 .* '-7'"),
        ("a_1.jpg -1\na_2.jpg -1\na_1.jpg x\na_2.jpg x\n", r"\.txt:3: expected 1"),
        ("a_1.jpg b_1.jpg 1\na_1.jpg 1\n", r"\.txt:2: expected 'photo photo label'"),
        ("a_1.jpg ../b_1.jpg 1\n", "below the root"),
    ],
)
def test_flat_lists_with_faults(tmp_path, text, message):
    path = tmp_path / "pairs.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        pair_lists.read_pairs(path)


def test_mask_labels_of_mfr2(tmp_path):
    for name in ("Ann/Ann_0001.png", "Ann/Ann_0002.png", "Bo/Bo_0011.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    path = tmp_path / "labels.txt"
    path.write_text("Ann, 1, surgical_blue\nAnn, 2, no-mask\nBo, 11, N95\nCy, 1, N95\n")
    assert protocols.read_mask_labels(path, tmp_path) == {
        "Ann/Ann_0001.png": "surgical_blue",
        "Ann/Ann_0002.png": "",
        "Bo/Bo_0011.jpg": "N95",
    }
    path.write_text("Ann, one, N95\n")
    with pytest.raises(ValueError, match=r"labels\.txt:1: expected 'Person, 1, mask"):
        protocols.read_mask_labels(path, tmp_path)
    path.write_text("Cy, 1, N95\n")
    with pytest.raises(ValueError, match="none of its photos"):
        protocols.read_mask_labels(path, tmp_path)
    with pytest.raises(FileNotFoundError, match="no list of masks"):
        protocols.read_mask_labels(tmp_path / "none.txt", tmp_path)


def test_the_real_masks_of_mfr2(faces):
    root = faces / "mfr2_dev"
    labels = protocols.read_mask_labels(root / "mfr2_labels.txt", root)
    assert len(labels) == 136
    assert list(labels.values()).count("") == 50
    assert list(labels.values()).count("cloth_textured") == 26
