"""Batches are a function of seed and step: order, resume, threads, workers."""

import dataclasses
import itertools

import grain
import numpy as np
import pytest

from maskarc.data import pipeline


@dataclasses.dataclass(frozen=True)
class Numbers:
    """A source whose element i is the number i."""

    count: int = 50
    num_classes: int = 50
    labels: tuple | None = None

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return {"image": np.full((1, 1, 3), index, np.uint8), "label": np.int32(index)}


@dataclasses.dataclass(frozen=True)
class Noise(grain.transforms.RandomMap):
    """Adds a random number, which shows the randomness that a transform gets."""

    def random_map(self, element, rng):
        return {**element, "noise": rng.random()}


def run(count, *, seed=0, **options):
    dataset = pipeline.batches(Numbers(), [Noise()], batch_size=8, seed=seed)
    return list(itertools.islice(pipeline.iterate(dataset, **options), count))


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_every_photo_once_an_epoch_in_a_new_order():
    labels = np.concatenate([batch["label"] for batch in run(25)])  # 200 = 4 epochs
    epochs = labels.reshape(4, 50)
    for epoch in epochs:
        assert sorted(epoch) == list(range(50))
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_randomness_differs_between_epochs_and_elements():
    noise = np.concatenate([batch["noise"] for batch in run(25)])
    assert len(np.unique(noise)) == 200


def test_seed_sets_everything():
    assert_equal(run(10), run(10))
    assert not np.array_equal(run(1)[0]["label"], run(1, seed=1)[0]["label"])


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_resume_is_a_slice_whatever_the_threads(threads):
    assert_equal(run(20)[13:], run(7, start=13, read_threads=threads))


def test_resume_with_worker_processes_of_a_part():
    source = Numbers(labels=tuple(np.arange(50) // 3), num_classes=17)
    dataset = pipeline.batches(
        source, [Noise()], batch_size=8, seed=3, photos_of_each=2, process=(1, 2)
    )
    expected = [dataset[n] for n in range(13, 17)]
    batches = pipeline.iterate(dataset, start=13, worker_count=2)
    assert_equal(expected, list(itertools.islice(batches, 4)))


@pytest.mark.parametrize("photos_of_each", [0, 2])
@pytest.mark.parametrize("count", [2, 4])
def test_the_parts_of_the_processes_are_the_batch(photos_of_each, count):
    source = Numbers(labels=tuple(np.arange(50) // 3), num_classes=17)
    options = dict(batch_size=8, seed=3, photos_of_each=photos_of_each)
    whole = pipeline.batches(source, [Noise()], **options)
    parts = [
        pipeline.batches(source, [Noise()], process=(number, count), **options)
        for number in range(count)
    ]
    for n in (*range(20), 1000):
        joined = {
            name: np.concatenate([part[n][name] for part in parts])
            for name in ("image", "label", "noise")
        }
        assert_equal([whole[n]], [joined])
        assert len(parts[0][n]["label"]) == 8 // count


def test_processes_that_cannot_share_a_batch():
    for process in ((0, 3), (2, 2), (-1, 2)):
        with pytest.raises(ValueError, match="must be a multiple"):
            pipeline.batches(Numbers(), [], batch_size=8, seed=0, process=process)


def test_fewer_photos_than_a_batch():
    with pytest.raises(ValueError, match="lower batch_size"):
        pipeline.batches(Numbers(), [], batch_size=51, seed=0)


def test_labels_out_of_range():
    with pytest.raises(ValueError, match=r"0\.\.9"):
        pipeline.batches(Numbers(50, 10, (0, 10)), [], batch_size=8, seed=0)
