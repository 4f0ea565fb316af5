"""From a source to training batches, through grain.

The order, the augmentation and the batches are a function of the seed and of the
step alone. So the position of a run is one number, the step; resuming is a slice;
and neither depends on how many threads or worker processes read.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from multiprocessing import resource_tracker
from typing import Any

import numpy as np

from maskarc import extras
from maskarc.data import balance, joined, sources

with extras.needed("train"):
    import grain

Batch = dict[str, np.ndarray]


def batches(
    source: sources.Source,
    transforms: Sequence[grain.transforms.RandomMap],
    *,
    batch_size: int,
    seed: int,
    photos_of_each: int = 0,
    process: tuple[int, int] = (0, 1),
) -> grain.MapDataset:
    """An endless, random-access sequence of shuffled batches; item n is for step n.

    Each pass over the source is shuffled anew; batches run on over its end.

    Args:
      source: elements to read.
      transforms: applied to each in order, each with a generator of its own.
      batch_size: B, of all processes together.
      seed: of the order and the augmentation.
      photos_of_each: K, for batches of B/K identities with K photos each, all
        identities equally often (`balance.Balanced`); 0 for all photos equally often.
      process: (number, count) of this process. Its items are the number-th of `count`
        equal parts of each batch, cut along B: those of all processes, one after the
        other, are exactly the batch of one process.

    Raises:
      ValueError: the source has fewer elements than a batch, or a label outside
        0..num_classes−1, but −1 for none (checked where the source lists its labels);
        the processes cannot share a batch equally; or as `balance.Balanced` raises it.
    """
    number, count = process
    if batch_size % count or not 0 <= number < count:
        raise ValueError(
            f"batch_size {batch_size} must be a multiple of the {count} processes, and "
            f"the process one of 0..{count - 1}, got {number}"
        )
    if len(source) < batch_size and not photos_of_each:
        raise ValueError(
            f"the source has {len(source)} photos, fewer than one batch of "
            f"{batch_size}; lower batch_size"
        )
    labels = getattr(source, "labels", None)
    if labels is not None and not (
        np.min(labels) >= joined.UNKNOWN and np.max(labels) < source.num_classes
    ):
        raise ValueError(
            f"labels must lie in 0..{source.num_classes - 1}, or be {joined.UNKNOWN} "
            "for people who are not known"
        )
    if photos_of_each:
        balanced = balance.Balanced(source, batch_size, photos_of_each, seed=seed)
        dataset = grain.MapDataset.source(balanced).seed(seed)
    else:
        dataset = grain.MapDataset.source(source).seed(seed).shuffle().repeat()
    for transform in transforms:
        dataset = dataset.random_map(transform)
    return dataset.batch(batch_size // count, drop_remainder=True)[number::count]


def iterate(
    dataset: grain.MapDataset,
    *,
    start: int = 0,
    read_threads: int = 2,
    worker_count: int = 0,
) -> Generator[Any, None, None]:
    """Iterates over the batches from number `start` on, reading ahead.

    Close it after use: worker processes are stopped then.

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
        workers = grain.MultiprocessingOptions(num_workers=worker_count)
        iterable = iterable.mp_prefetch(workers, _obey_parent)
    with contextlib.closing(iter(iterable)) as iterator:
        with _workers_spared() if worker_count > 0 else contextlib.nullcontext():
            first = next(iterator)
        yield first
        yield from iterator


@contextlib.contextmanager
def _workers_spared() -> Iterator[None]:
    """Keeps Ctrl-C from processes that are started meanwhile, until `_obey_parent`.

    They inherit what is blocked here; this process's other threads take the signal.
    """
    # It unblocks the signal when it is started.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _obey_parent(index: int, count: int) -> None:
    """In a worker: ends with the process that it reads for, and not before.

    A terminal's Ctrl-C reaches workers as well, but it is for that process to stop
    them; and nothing else would end them where it is killed.
    """
    del index, count
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
