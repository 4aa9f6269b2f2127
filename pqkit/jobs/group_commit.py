"""Group commit: concurrent inserts share one transaction and return once it is on disk."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from pqkit.db import Database, fork_safety
from pqkit.errors import DatabaseUnavailable
from pqkit.jobs.insert import Call, Inserted, Inserter

MOST_AT_ONCE = 1_000


class _Waiting:
    """One thread's inserts. Its lock is held until they are done, or until it must lead."""

    __slots__ = ("calls", "error", "inserted", "leads", "lock")

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls, self.leads = calls, False
        self.inserted: list[Inserted] | None = None
        self.error: Exception | None = None
        self.lock = threading.Lock()
        self.lock.acquire()

    @property
    def done(self) -> bool:
        return self.inserted is not None or self.error is not None

    def answer(self) -> list[Inserted]:
        if self.error is not None:
            raise self.error
        assert self.inserted is not None
        return self.inserted


class GroupCommit(fork_safety.AtFork):
    """Commits concurrent inserts in groups, with one disk sync for each group.

    A caller that finds no commit under way commits alone at once. Callers that arrive during a commit wait, and the
    first of them then commits for all.
    """

    _led: bool

    def __init__(self, database: Database, inserter: Inserter) -> None:
        self._database, self._inserter = database, inserter
        self.in_child()
        self.join_forks()

    def insert(self, calls: Sequence[Call]) -> list[Inserted]:
        """Insert and commit ``calls``, all or none. Raises the database's errors for these alone."""
        fork_safety.notice()
        with self._mutex:
            mine = _Waiting(calls) if self._led else None
            self._led = True
            if mine is not None:
                self._waiting.append(mine)
        return self._insert_alone(calls) if mine is None else self._insert_with_others(mine)

    def in_child(self) -> None:
        """Forget the parent's leader: it does not lead in the child."""
        self._mutex = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._led = False

    def _insert_alone(self, calls: Sequence[Call]) -> list[Inserted]:
        try:
            return self._commit_calls(calls)
        finally:
            with self._mutex:
                if self._waiting:
                    self._hand_over()
                else:
                    self._led = False

    def _insert_with_others(self, mine: _Waiting) -> list[Inserted]:
        try:
            mine.lock.acquire()
        except BaseException:
            self._give_up(mine)
            raise
        if not mine.done:
            self._lead()
        return mine.answer()

    def _lead(self) -> None:
        with self._mutex:
            group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        try:
            self._commit(group)
        finally:
            with self._mutex:
                self._hand_over()
            for each in group:
                each.lock.release()

    def _hand_over(self) -> None:
        self._led = bool(self._waiting)
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].lock.release()

    def _give_up(self, mine: _Waiting) -> None:
        """Withdraw the calls of an interrupted thread if not begun, and pass on its turn to lead."""
        with self._mutex:
            if mine in self._waiting:
                self._waiting.remove(mine)
                if mine.leads:
                    self._hand_over()

    def _commit(self, group: Sequence[_Waiting]) -> None:
        try:
            self._commit_together(group)
        except DatabaseUnavailable as error:
            _fail(group, str(error))
        except Exception as error:  # noqa: BLE001 - a failing call must not fail the others: commit each alone
            for each in group if len(group) > 1 else ():
                self._commit([each])
            group[0].error = group[0].error if group[0].done else error
        except BaseException:
            _fail(group, "the commit was interrupted; whether the job is queued is not known")
            raise

    def _commit_together(self, group: Sequence[_Waiting]) -> None:
        inserted, at = self._commit_calls([call for each in group for call in each.calls]), 0
        for each in group:
            each.inserted = inserted[at : at + len(each.calls)]
            at += len(each.calls)

    def _commit_calls(self, calls: Sequence[Call]) -> list[Inserted]:
        alone = self._database.places_alone and len(calls) == 1
        if alone and (one := self._inserter.insert_alone(*calls[0])) is not None:
            return [one]
        with self._database.write() as tx:
            return self._inserter.insert_all(tx, calls)


def _fail(group: Sequence[_Waiting], words: str) -> None:
    for each in group:
        each.error = DatabaseUnavailable(words)


class AsyncCommit(fork_safety.AtFork):
    """Group commit for coroutines: one loop turn's inserts go together through a single thread."""

    def __init__(self, group: GroupCommit) -> None:
        self._group = group
        self.in_child()
        self.join_forks()

    def in_child(self) -> None:
        """Start afresh: neither the thread nor its pending calls survive a fork."""
        self._thread = _one_thread()
        self._mutex = threading.Lock()
        self._pending: list[tuple[Call, asyncio.Future[Inserted]]] = []

    async def insert(self, call: Call) -> Inserted:
        fork_safety.notice()
        future = asyncio.get_running_loop().create_future()
        with self._mutex:
            self._pending.append((call, future))
            first = len(self._pending) == 1
        if first:
            self._thread.submit(self._commit)
        return await asyncio.shield(future)

    def close(self) -> None:
        """Wait for the pending inserts."""
        fork_safety.notice()
        self._thread.shutdown()
        self._thread = _one_thread()

    def _commit(self) -> None:
        with self._mutex:
            pending, self._pending = self._pending, []
        try:
            inserted = self._group.insert([call for call, _ in pending])
        except Exception as error:  # noqa: BLE001 - the awaiting coroutines get it
            alone = len(pending) == 1 or isinstance(error, DatabaseUnavailable)
            for call, future in pending:  # a failing call must not fail the others
                _answer(future, None, error) if alone else self._commit_alone(call, future)
        else:
            for (_, future), each in zip(pending, inserted, strict=True):
                _answer(future, each, None)

    def _commit_alone(self, call: Call, future: "asyncio.Future[Inserted]") -> None:
        try:
            _answer(future, self._group.insert([call])[0], None)
        except Exception as error:  # noqa: BLE001 - see _commit
            _answer(future, None, error)


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="enqueue")


def _answer(future: "asyncio.Future[Inserted]", inserted: Inserted | None, error: Exception | None) -> None:
    with suppress(RuntimeError):  # the loop is closed: no coroutine awaits the result, and other calls must go on
        future.get_loop().call_soon_threadsafe(_end, future, inserted, error)


def _end(future: "asyncio.Future[Inserted]", inserted: Inserted | None, error: Exception | None) -> None:
    if future.done():
        return
    if inserted is not None:
        future.set_result(inserted)
    else:
        assert error is not None
        future.set_exception(error)
