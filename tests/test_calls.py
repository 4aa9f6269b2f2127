"""The hot paths make few calls for each job. They are counted and not timed, so that every machine finds the same."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pqkit import task
from pqkit.queue import Queue
from pqkit.worker.slots import Slots
from tests.conftest import a_worker
from tests.support import wait_until

JOBS = 400
# Calls for each job: a few more than there are.
ONE, MANY, RUN = 73, 8.0, 42


class Counter:
    """Counts calls of Python functions, and those that they make of functions in C."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, _frame: Any, event: str, _argument: Any) -> None:
        self.calls += event in {"call", "c_call"}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count in this thread, and in those that begin meanwhile."""
        before = sys.getprofile()
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(before)
            threading.setprofile(None)  # type: ignore[arg-type]


@pytest.fixture
def pair(queue: Queue) -> Any:
    """A task whose queue is known already."""

    @task
    def pair(a: int, b: int) -> None: ...

    queue.enqueue_many(pair, [])
    return pair


@pytest.mark.sqlite
def test_a_job_that_is_queued_alone_takes_few_calls(queue: Queue, pair: Any) -> None:
    counter = Counter()
    with counter.counting():
        for n in range(JOBS):
            queue.enqueue(pair, {"a": n, "b": 7})
    assert counter.calls / JOBS < ONE


@pytest.mark.sqlite
def test_a_job_that_is_queued_with_others_takes_fewer(queue: Queue, pair: Any) -> None:
    counter = Counter()
    with counter.counting():
        queue.enqueue_many(pair, [{"a": n, "b": 7} for n in range(JOBS)])
    assert counter.calls / JOBS < MANY


@pytest.mark.sqlite
def test_a_run_takes_few_calls_from_its_claim_to_its_end(queue: Queue, pair: Any) -> None:
    queue.enqueue_many(pair, [{"a": n, "b": 7} for n in range(JOBS)])
    worker, wake, counter = a_worker(queue, tasks=("pair",)), queue.database.wake(), Counter()
    slots = Slots(1, queue.database, wake, lambda *_: None, pytest.fail)
    with counter.counting():
        slots.start(worker.exchange([], JOBS, alone=True).claims)
    wait_until(lambda: slots.starved and not slots.running)
    with counter.counting():
        worker.exchange(slots.take().unwritten, 0, alone=True)
    slots.close()
    wake.close()
    assert counter.calls / JOBS < RUN
