"""From a source to training batches, through grain.

The order, the augmentation and the batches are a function of the seed and of the
step alone. So the position of a run is one number, the step; resuming is a slice;
and neither depends on how many threads or worker processes read.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import grain
import numpy as np

from maskarc.data import sources

Batch = dict[str, np.ndarray]


def batches(
    source: sources.Source,
    transforms: Sequence[grain.transforms.RandomMap],
    *,
    batch_size: int,
    seed: int,
) -> grain.MapDataset:
    """An endless, random-access sequence of shuffled batches; item n is for step n.

    Each pass over the source is shuffled anew; batches run on over its end.

    Args:
      source: elements to read.
      transforms: applied to each in order, each with a generator of its own.
      batch_size: B.
      seed: of the order and the augmentation.

    Raises:
      ValueError: the source has fewer elements than a batch, or a label outside
        0..num_classes−1 (checked where the source lists its labels).
    """
    if len(source) < batch_size:
        raise ValueError(
            f"the source has {len(source)} photos, fewer than one batch of "
            f"{batch_size}; lower batch_size"
        )
    labels = getattr(source, "labels", None)
    if labels is not None and not (
        np.min(labels) >= 0 and np.max(labels) < source.num_classes
    ):
        raise ValueError(f"labels must lie in 0..{source.num_classes - 1}")
    dataset = grain.MapDataset.source(source).seed(seed).shuffle().repeat()
    for transform in transforms:
        dataset = dataset.random_map(transform)
    return dataset.batch(batch_size, drop_remainder=True)


def iterate(
    dataset: grain.MapDataset,
    *,
    start: int = 0,
    read_threads: int = 2,
    worker_count: int = 0,
) -> Iterator[Any]:
    """Iterates over the batches from number `start` on, reading ahead.

    Args:
      dataset: from `batches`.
      start: first batch; a run that did n steps goes on with batch n.
      read_threads: threads that prepare batches; in each worker where there are any.
      worker_count: processes; 0 reads in this one. Workers pay where decoding is slow
        and cores are many.
    """
    ahead = grain.ReadOptions(
        num_threads=read_threads, prefetch_buffer_size=2 * max(read_threads, 1)
    )
    iterable = dataset[start:].to_iter_dataset(ahead)
    if worker_count > 0:
        iterable = iterable.mp_prefetch(
            grain.MultiprocessingOptions(num_workers=worker_count)
        )
    return iter(iterable)
