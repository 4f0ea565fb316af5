"""Balanced batches: who comes how often, and that the order needs no history."""

import collections
import dataclasses
import pickle

import numpy as np
import pytest

from maskarc.data import balance


@dataclasses.dataclass(frozen=True)
class Numbers:
    """A source whose element i is the number i."""

    labels: tuple
    num_classes: int = 1000

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return index


def long_tail(identities, rng):
    """Labels of a set where most have two photos and few have many, in any order."""
    counts = np.maximum(2, (60 / np.arange(1, identities + 1)).astype(int))
    return tuple(rng.permutation(np.repeat(np.arange(identities), counts)).tolist())


@pytest.mark.parametrize("count", [1, 2, 5, 12, 13, 70, 101])
@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_draws_are_fair_at_every_moment(count, size):
    if size > count:
        return
    turns = balance.Turns(count, size, (3, 1))
    seen = collections.Counter()
    for number in range(200):
        positions = range(number * size, (number + 1) * size)
        draw = [turns.at(position) for position in positions]
        assert len(set(draw)) == size
        assert [turns.earlier(position) for position in positions] == [
            seen[item] for item in draw
        ]
        seen.update(draw)
        often = [seen[item] for item in range(count)]
        assert max(often) - min(often) <= 2
    # Where the extras have gone round, all came equally often.
    rounds = count // np.gcd(count, size) if count % size else 1
    draws = rounds * -(-count // size)
    items = [turns.at(position) for position in range(draws * size)]
    assert len(set(collections.Counter(items).values())) == 1


def test_rounds_differ_and_follow_the_seed():
    turns = balance.Turns(20, 5, (0, 1))
    rounds = [tuple(turns.round(number)) for number in range(6)]
    assert len(set(rounds)) == 6
    assert rounds[0] != tuple(balance.Turns(20, 5, (1, 1)).round(0))


@pytest.mark.parametrize("photos_of_each", [1, 2, 3, 4])
def test_batches_of_a_long_tail(photos_of_each):
    labels = long_tail(29, np.random.default_rng(0))
    counts = collections.Counter(labels)
    source = balance.Balanced(Numbers(labels), 24, photos_of_each, seed=5)
    photos, people = collections.Counter(), collections.Counter()
    for batch in range(120):
        indices = [source[p] for p in range(24 * batch, 24 * (batch + 1))]
        in_batch = collections.defaultdict(list)
        for index in indices:
            in_batch[labels[index]].append(index)
        assert len(in_batch) == 24 // photos_of_each
        for label, chosen in in_batch.items():
            assert len(chosen) == photos_of_each
            assert len(set(chosen)) == min(photos_of_each, counts[label])
        photos.update(indices)
        people.update(list(in_batch))
    assert max(people.values()) - min(people.values()) <= 2
    assert set(people) == set(counts)
    for label, count in counts.items():
        own = [photos[i] for i in range(len(labels)) if labels[i] == label]
        assert max(own) - min(own) <= 2, (label, count)


def test_any_position_comes_without_the_earlier_ones():
    labels = long_tail(100, np.random.default_rng(1))
    source = balance.Balanced(Numbers(labels), 32, 4, seed=9)
    forward = [source.index(p) for p in range(2000)]
    fresh = pickle.loads(pickle.dumps(source))
    assert [fresh.index(p) for p in reversed(range(2000))] == forward[::-1]
    assert fresh.index(10**15) == source.index(10**15)
    other = balance.Balanced(Numbers(labels), 32, 4, seed=8)
    assert [other.index(p) for p in range(2000)] != forward


def test_what_cannot_be_balanced():
    with pytest.raises(ValueError, match="multiple of the 3 photos"):
        balance.Balanced(Numbers((0, 1, 2)), 8, 3)
    with pytest.raises(ValueError, match="3 identities cannot fill a batch of 4"):
        balance.Balanced(Numbers((0, 1, 2)), 8, 2)
    with pytest.raises(ValueError, match="lists its labels"):
        balance.Balanced([1, 2], 2, 1)
