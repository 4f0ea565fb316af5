import numpy as np
import pytest

from maskarc import ablation, images
from maskarc.ablation import held_out
from maskarc.data import pairs, synthetic


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    people = ablation.Generated(identities=20, pairs=40, photos=3)
    return people.write(tmp_path_factory.mktemp("held_out"))


def test_generated_people_are_numbered_beyond_a_training(folder):
    listed = pairs.read_pairs(folder.pairs, folder.images)
    assert (len(listed), int(listed.is_same.sum())) == (40, 20)
    beyond = synthetic.SyntheticFaces(20, 3, seed=0, first_identity=1_000_000)
    for name in (listed.first[0], listed.second[-1]):
        drawn = beyond[beyond.names.index(name)]["image"]
        np.testing.assert_array_equal(
            images.read_image(f"{folder.images}/{name}"), drawn
        )


def test_a_second_writing_changes_nothing(folder, tmp_path):
    people = ablation.Generated(identities=20, pairs=40, photos=3)
    written = people.write(tmp_path)
    first = sorted(tmp_path.rglob("*.png"))[0]
    first.unlink()
    assert people.write(tmp_path) == written
    assert not first.exists()


def test_columns_are_in_the_order_of_the_conditions():
    photos = ablation.Folder(
        images="x", pairs="y", masked=("second", "none"), nearest=(True,)
    )
    assert held_out.columns("LFW", photos) == [
        "LFW, one masked",
        "LFW, bare",
        "LFW, 1-NN, masked",
    ]
    assert held_out.columns("M", ablation.Folder(images="x", nearest=(False,))) == [
        "M, 1-NN"
    ]


def test_only_the_photos_of_the_pairs_are_needed(folder):
    listed = pairs.read_pairs(folder.pairs)
    bare = ablation.Folder(images=folder.images, pairs=folder.pairs)
    assert set(bare.needed()) == {*listed.first, *listed.second}
    assert len(ablation.Folder(images=folder.images, nearest=(False,)).needed()) == 60


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"images": "nowhere"}, FileNotFoundError, "nowhere"),
        ({"pairs": "nowhere.csv"}, FileNotFoundError, "nowhere.csv"),
        ({"masked": ("first",)}, ValueError, "second"),
        ({"pairs": "", "nearest": ()}, ValueError, "nothing to score"),
        ({"masked": ()}, ValueError, "nothing to score"),
    ],
)
def test_refuses(folder, options, error, said):
    good = {"images": folder.images, "pairs": folder.pairs}
    with pytest.raises(error, match=said):
        ablation.Folder(**(good | options)).check()


def test_too_few_people_for_the_pairs():
    with pytest.raises(ValueError, match="more people"):
        ablation.Generated(identities=20, pairs=4000).check()
