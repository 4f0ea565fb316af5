"""Galleries share out every photo once, the same way for the same seed."""

import numpy as np
import pytest

from maskarc.data import galleries

NAMES = [f"p{i:02d}/{j}.jpg" for i in range(20) for j in range(1 + i % 4)]


@pytest.mark.parametrize("enrolled", [1, 2])
def test_every_photo_once(enrolled):
    split = galleries.split_folder(NAMES, enrolled_photos=enrolled, strangers=0.25)
    assert sorted(split.gallery + split.probes) == sorted(NAMES)
    people, counts = np.unique(split.gallery_people, return_counts=True)
    assert (counts == enrolled).all()
    # Of 20 people 15 have 2 photos or more, 10 have 3 or more; a quarter are strangers.
    assert len(people) == {1: 12, 2: 8}[enrolled]
    for names, numbers in (
        (split.gallery, split.gallery_people),
        (split.probes, split.probe_people),
    ):
        assert [n.split("/")[0] for n in names] == [split.people[i] for i in numbers]
    # Everybody enrolled asks as well.
    assert set(people.tolist()) <= set(split.probe_people.tolist())


def test_the_seed_decides():
    once, again, other = (galleries.split_folder(NAMES, seed=s) for s in (1, 1, 2))
    assert once.gallery == again.gallery != other.gallery


@pytest.mark.parametrize(
    "options", [{"enrolled_photos": 0}, {"strangers": 1.0}, {"enrolled_photos": 9}]
)
def test_nobody_to_enrol(options):
    with pytest.raises(ValueError, match="expected"):
        galleries.split_folder(NAMES, **options)
