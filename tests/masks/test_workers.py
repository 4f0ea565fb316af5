"""Workers: every task has a result, whoever dies."""

import os
import signal

import pytest

from maskarc.masks import workers


def lost(task):
    return "lost"


def run(function, tasks, count):
    return list(workers.run(function, tasks, workers=count, lost=lost))


@pytest.mark.parametrize("count", [1, 2])
def test_every_task_has_its_result(count):
    assert sorted(run(abs, range(-50, 0), count)) == list(range(1, 51))
    assert run(abs, [], count) == []


def test_a_task_that_kills_its_worker_is_lost_and_no_other():
    tasks = [signal.SIGCHLD] * 9 + [signal.SIGKILL] + [signal.SIGCHLD] * 9
    results = run(signal.raise_signal, tasks, 2)
    assert sorted(results, key=str) == [None] * 18 + ["lost"]


def test_workers_that_all_die_are_an_error():
    with pytest.raises(workers.WorkersDieError, match="enough memory"):
        run(signal.raise_signal, [signal.SIGKILL] * 20, 2)


def test_an_error_of_the_function_comes_through():
    with pytest.raises(FileNotFoundError, match="absent"):
        run(os.stat, ["/absent"] * 30, 2)
    with pytest.raises(ValueError, match="1 worker or more"):
        run(abs, [1], 0)
