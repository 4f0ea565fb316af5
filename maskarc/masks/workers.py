"""Work spread over processes: bounded, orderly to stop, and safe from dying workers."""

import concurrent.futures
import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from maskarc.opencv import cv2

T = TypeVar("T")
R = TypeVar("R")

# Tasks handed out ahead, for each worker.
_AHEAD = 4
# So many of the tasks under way that kill a worker on their own are no accident.
_MOST_DEATHS = 3


class WorkersDieError(RuntimeError):
    """One worker process after another dies; the message says what to look at."""


def run(
    function: Callable[[T], R],
    tasks: Iterable[T],
    *,
    workers: int,
    lost: Callable[[T], R],
) -> Iterator[R]:
    """Yields function(task) for each task, in the order in which they are done.

    One worker means this process. More are new processes (spawned, so the calling
    script needs ``if __name__ == "__main__":``), each with one thread. Where a worker
    dies, of memory or by a signal, the tasks under way are tried again one by one.

    Args:
      function: of a module, so that it can be sent to the workers.
      tasks: may be many; they are taken as they are needed.
      workers: ≥ 1.
      lost: the result of a task that kills the worker that is alone with it.

    Raises:
      WorkersDieError: several of the tasks under way did.
      ValueError: fewer than one worker.
      Exception: what the function raises; the tasks under way are finished first.
    """
    if workers < 1:
        raise ValueError(f"expected 1 worker or more, got {workers}")
    if workers == 1:
        yield from map(function, tasks)
        return
    remaining = iter(tasks)
    while suspects := (
        yield from _run_pool(function, remaining, workers, _AHEAD * workers)
    ):
        deaths = 0
        alone = iter(suspects)
        while killers := (yield from _run_pool(function, alone, 1, 1)):
            deaths += 1
            if deaths == _MOST_DEATHS:
                raise WorkersDieError(
                    "one worker process after another died: is there enough memory "
                    "(fewer workers need less), and does the calling script have "
                    'if __name__ == "__main__"? Repeat the command to go on'
                )
            yield from map(lost, killers)


def _run_pool(
    function: Callable[[T], R], tasks: Iterator[T], workers: int, ahead: int
) -> Generator[R, None, list[T]]:
    """Yields results until the tasks end or a worker dies; `ahead` tasks are under way.

    Returns:
      The tasks that were under way when a worker died; empty if none did.
    """
    pool = concurrent.futures.ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare,
    )
    running: dict[concurrent.futures.Future[R], T] = {}
    try:
        while True:
            for task in itertools.islice(tasks, ahead - len(running)):
                try:
                    with _without_interrupts():
                        running[pool.submit(function, task)] = task
                except BrokenProcessPool:
                    return [*running.values(), task]
            if not running:
                return []
            done, _ = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in done:
                try:
                    result = future.result()
                except BrokenProcessPool:
                    return list(running.values())
                del running[future]
                yield result
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Holds Ctrl-C back: new processes have it held back for good.

    The parent handles it, also while they are still importing.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare() -> None:
    """Makes a new process a worker: one thread, and no life of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    cv2.setNumThreads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # for PyTorch, which is imported later
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """Ends this process when its parent is killed: nobody waits for its results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
