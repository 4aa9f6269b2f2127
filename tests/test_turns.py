"""Whoever waits for SQLite's write lock gets it in turn, and an attempt that cannot get it is not charged."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from pqkit import Queue
from pqkit.db.sqlite import write_lock
from pqkit.domain.outcomes import ended_by
from pqkit.domain.states import JobState
from pqkit.errors import DatabaseUnavailable, LockTimeout
from pqkit.queue import Leases
from pqkit.worker.executor import Run, execute
from tests.support import PATIENCE, wait_until
from tests.verbs import claim_one, end, sql

pytestmark = [pytest.mark.sqlite, pytest.mark.usefixtures("add")]
THREADS = 30


def test_sessions_of_thirty_threads_write_one_after_the_other(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long each holds the lock: nobody gives up before its turn has come."""
    all_wait = threading.Event()

    def book(number: int) -> None:
        with queue.session() as session:
            session.connection()
            assert all_wait.wait(PATIENCE)
            queue.enqueue("add", {"a": number}, session=session)
            session.commit()

    with ThreadPoolExecutor(THREADS) as pool:
        booked = [pool.submit(book, number) for number in range(THREADS)]
        wait_until(lambda: len(queue.database.turns._waiting) == THREADS - 1, what="all to wait")
        contenders = [event.is_set() for event in queue.database.turns._waiting]
        assert contenders == [True] + [False] * (THREADS - 2)  # a heartbeat competes with one of them
        all_wait.set()
        for each in booked:
            each.result(PATIENCE)
    assert sql(queue, "SELECT count(*) FROM ready") == [(THREADS,)]


def test_an_attempt_that_cannot_get_the_lock_goes_back_uncharged(
    queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "PATIENCE", 0.01)
    queue.enqueue("add", {"a": 1}, max_retries=0)
    claimed = claim_one(worker)
    with queue.session() as mine:
        mine.connection()
        error = _in_a_thread(lambda: _write(queue))
        other = _in_a_thread(lambda: queue.enqueue("add", {"a": 2}))
    assert isinstance(error, LockTimeout)
    assert isinstance(other, LockTimeout)
    end(worker, queue, claimed, ended_by(claimed, error))
    assert queue.state(claimed.job_id) is JobState.SCHEDULED
    assert sql(queue, "SELECT retries, crashes FROM delayed") == [(0, 0)]


def test_a_thread_that_would_wait_for_itself_is_told_so_at_once(queue: Queue) -> None:
    with queue.session() as mine:
        mine.connection()
        for again in (lambda: _write(queue), lambda: queue.enqueue("add", {"a": 1})):
            with pytest.raises(DatabaseUnavailable, match="of the same thread holds the write lock") as caught:
                again()
            assert not isinstance(caught.value, LockTimeout)
    _write(queue)
    assert queue.enqueue("add", {"a": 1}).id == 1


def test_coroutines_of_one_loop_do_not_wait_for_each_other(queue: Queue) -> None:
    async def beside() -> None:
        with queue.session() as mine:
            mine.connection()
            with pytest.raises(LockTimeout):
                _write(queue)

    asyncio.run(beside())
    _write(queue)


def test_a_handler_that_meets_it_ends_snoozed(queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_lock, "PATIENCE", 0.01)
    queue.enqueue("add", {"a": 1}, max_retries=0)
    run = Run(claim_one(worker), queue.database.now())
    assert run.task is not None
    monkeypatch.setattr(run.task, "function", lambda **_: _write(queue))
    with queue.session() as mine:
        mine.connection()
        (outcome,) = _returned(lambda: execute(run, None))
    assert (outcome.kind, outcome.charge) == ("snoozed", None)


def _write(queue: Queue) -> None:
    with queue.session() as session:
        session.execute(text("INSERT INTO queue (name, created_at) VALUES ('q', 1)"))
        session.commit()


def _returned(call: Any) -> list[Any]:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join(PATIENCE)
    return found


def _in_a_thread(call: Any) -> BaseException | None:
    def caught() -> BaseException | None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - it is what the test looks at
            return error
        return None

    return _returned(caught)[0]  # type: ignore[no-any-return]
