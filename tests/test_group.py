"""Group commit: threads and coroutines that enqueue together share transactions, and nobody is told too early."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest

from pqkit import Queue
from pqkit.domain.names import BadOrder
from pqkit.errors import DatabaseUnavailable
from pqkit.jobs import group_commit as group_module
from pqkit.jobs.group_commit import GroupCommit
from pqkit.jobs.insert import Inserter
from pqkit.jobs.spec import make_order
from tests.support import PATIENCE, wait_until
from tests.verbs import sql


def count_commits(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by one at each write transaction."""
    begun: list[int] = []
    write = queue.database.write

    def counted() -> Any:
        begun.append(1)
        return write()

    monkeypatch.setattr(queue.database, "write", counted)
    return begun


def hold_writes(queue: Queue) -> Any:
    """Hold the write lock, as another process would."""
    connection = queue.engine.connect()
    connection.begin()
    if queue.engine.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE job IN EXCLUSIVE MODE")
    return connection


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def test_threads_that_wait_for_the_same_moment_share_a_commit(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.enqueue("first")
    begun, holder = count_commits(queue, monkeypatch), hold_writes(queue)
    threads = [threading.Thread(target=queue.enqueue, args=("call", {"n": n})) for n in range(30)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(queue._group._waiting) == 29, what="29 threads behind the one that commits")
    holder.close()
    for thread in threads:
        thread.join()
    assert len(begun) == 2
    assert sql(queue, "SELECT count(*), count(DISTINCT CAST(args AS text)) FROM job WHERE task = 'call'") == [(30, 30)]
    assert sql(queue, "SELECT count(*) FROM ready") == [(31,)]


def test_nobody_returns_before_the_job_is_there(queue: Queue) -> None:
    def enqueue(n: int) -> bool:
        job = queue.enqueue("call", {"n": n})
        return sql(queue, f"SELECT args FROM job WHERE id = {job.id}") == [(f'{{"n":{n}}}',)]

    assert all(in_threads(16, enqueue))


def test_each_thread_gets_the_job_that_it_asked_for(queue: Queue) -> None:
    jobs = in_threads(24, lambda n: queue.enqueue("call", {"n": n}, queue=f"q{n % 3}", delay=60 if n % 2 else None))
    for n, job in enumerate(jobs):
        (found,) = sql(queue, f"SELECT args, queue, state FROM job_state WHERE id = {job.id}")
        assert found == (f'{{"n":{n}}}', f"q{n % 3}", "scheduled" if n % 2 else "pending")


def test_a_unique_key_holds_within_a_group(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = hold_writes(queue)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(queue.enqueue, "call", unique_key="one") for _ in range(8)]
        wait_until(lambda: len(queue._group._waiting) == 7, what="seven behind the first")
        holder.close()
        jobs = [job.result() for job in asked]
    assert len({job.id for job in jobs}) == 1
    assert sorted(job.existing for job in jobs) == [False] + [True] * 7


def test_an_error_goes_to_its_owner_and_the_others_are_queued(queue: Queue) -> None:
    good, bad = make_order("call", now=0), make_order("call", now=0)._replace(max_retries=-1)
    group = GroupCommit(queue.database, Inserter(queue.database))
    holder = hold_writes(queue)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(group.insert, [(good, "{}")])
        wait_until(lambda: group._led and not group._waiting, what="the first to commit")
        second, third = pool.submit(group.insert, [(bad, "{}")]), pool.submit(group.insert, [(good, "{}")])
        wait_until(lambda: len(group._waiting) == 2, what="two behind it")
        holder.close()
        assert first.result()[0].id
        assert third.result()[0].id
        with pytest.raises(queue.engine.dialect.dbapi.IntegrityError):
            second.result()
    assert sql(queue, "SELECT count(*) FROM job") == [(2,)]


def test_a_database_that_fails_fails_all_that_waited_for_it(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise DatabaseUnavailable("no disk")

    monkeypatch.setattr(queue.database, "write", broken)
    group = GroupCommit(queue.database, Inserter(queue.database))
    for _ in range(2):  # and the next who comes finds the lead free
        with pytest.raises(DatabaseUnavailable, match="no disk"):
            group.insert([(make_order("call", now=0), "{}")])


def test_the_lead_is_passed_on_when_its_thread_is_interrupted(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    group = GroupCommit(queue.database, Inserter(queue.database))
    call = (make_order("call", now=0), "{}")

    def interrupted(_tx: object, _calls: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(group._inserter, "insert_all", interrupted)
        with pytest.raises(KeyboardInterrupt):
            group.insert([call])
    assert len(group.insert([call])) == 1


def test_who_is_interrupted_while_waiting_takes_the_call_back(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        """A lock whose owner is interrupted while waiting for it."""

        def __init__(self) -> None:
            self.acquired = 0

        def acquire(self) -> None:
            self.acquired += 1
            if self.acquired > 1:
                raise KeyboardInterrupt

    database = GroupCommit(queue.database, Inserter(queue.database))
    database._led = True  # another commits just now
    with monkeypatch.context() as patched:
        patched.setattr(group_module, "threading", SimpleNamespace(Lock=Interrupted))
        with pytest.raises(KeyboardInterrupt):
            database.insert([(make_order("taken back", now=0), "{}")])
    database._led = False
    database.insert([(make_order("call", now=0), "{}")])
    assert sql(queue, "SELECT task FROM job") == [("call",)]


def test_a_child_of_a_fork_enqueues_for_itself(queue: Queue) -> None:
    queue.enqueue("before")
    queue._group._led = True  # as if another thread led at the moment of the fork
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):  # nothing of this fork may go on into the other tests
            queue.enqueue("child")
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(pid, 0)
    queue._group._led = False
    assert status == 0
    assert sql(queue, "SELECT task FROM job ORDER BY id") == [("before",), ("child",)]


def test_coroutines_share_commits_and_the_loop_goes_on(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, holder = count_commits(queue, monkeypatch), hold_writes(queue)

    async def many() -> list[int]:
        asked = [asyncio.ensure_future(queue.enqueue_async("call", {"n": n})) for n in range(200)]
        await asyncio.sleep(0)
        holder.close()  # the loop is free to do this while they wait
        return [(await job).id for job in asked]

    ids = asyncio.run(many())
    assert len(set(ids)) == 200
    assert len(begun) <= 3
    assert sql(queue, "SELECT count(*) FROM ready") == [(200,)]


def test_bad_arguments_are_refused_where_they_are_awaited(queue: Queue) -> None:
    async def bad() -> None:
        await queue.enqueue_async("call", {"n": float("nan")})

    with pytest.raises(ValueError, match="nan"):
        asyncio.run(bad())


def test_a_coroutine_that_is_cancelled_disturbs_nobody(queue: Queue) -> None:
    async def both() -> int:
        first = asyncio.ensure_future(queue.enqueue_async("call"))
        second = asyncio.ensure_future(queue.enqueue_async("call"))
        await asyncio.sleep(0)
        first.cancel()
        return (await second).id

    assert asyncio.run(both())


@contextmanager
def gathered(queue: Queue) -> Iterator[None]:
    """What coroutines queue meanwhile goes together."""
    go_on = threading.Event()
    queue._later._thread.submit(go_on.wait)
    try:
        yield
    finally:
        go_on.set()


def test_a_coroutine_whose_call_cannot_be_queued_fails_no_other(queue: Queue) -> None:
    async def main() -> list[Any]:
        with gathered(queue):
            calls = [queue.enqueue_async("call", {"n": n}, depends_on=[10**9] if n == 1 else []) for n in range(3)]
            asked = [asyncio.ensure_future(call) for call in calls]
            await asyncio.sleep(0)
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE)

    first, wrong, last = asyncio.run(main())
    assert isinstance(wrong, BadOrder)
    assert "no job 1000000000" in str(wrong)
    assert {job.id for job in (first, last)} == {job for (job,) in sql(queue, "SELECT id FROM job")}


def test_a_loop_that_was_closed_keeps_no_other_from_its_answer(queue: Queue) -> None:
    async def give_up() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(queue.enqueue_async("call", {"n": 1}), 0.01)

    async def ask() -> asyncio.Task[Any]:
        asked = asyncio.ensure_future(queue.enqueue_async("call", {"n": 2}))
        await asyncio.sleep(0)
        return asked

    async def answer(asked: asyncio.Task[Any]) -> Any:
        return await asyncio.wait_for(asked, PATIENCE)

    with asyncio.Runner() as other:
        with gathered(queue):
            asyncio.run(give_up())
            asked = other.run(ask())
        assert other.run(answer(asked)).id
