"""Pending hook calls: written with each job's end, deleted after the hooks ran.

Every end is thus delivered at least once. The process that wrote the end makes the call, if it has a hook for it.
Another process makes the calls that it leaves behind, and those of ends that a process without hooks wrote.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from pqkit.db import Database, Transaction
from pqkit.db.hook_subscriptions import Hooked
from pqkit.domain.durations import SECOND
from pqkit.domain.hooks import Ended
from pqkit.domain.states import JobState
from pqkit.leasing.finished_attempt import Finished
from pqkit.sql import compiled as sql

BATCH = 200
TAKEN = 20
"""Calls taken over from other processes at once."""
HOLD = 60 * SECOND
STRANGE_AFTER = 10 * SECOND
"""After this time a process that does not know the task may deliver its end."""
KEPT = 7 * 86_400 * SECOND
Row = tuple[Any, ...]


def expect(tx: Transaction, finished: Sequence[Finished]) -> None:
    """Insert the calls for these ends, in the ends' own transaction."""
    states = tx.hooked.states(tx)
    if states:
        _write(tx, [_row(f) for f in finished if f.outcome.state in states])


def expect_of(tx: Transaction, job_id: int, state: JobState) -> None:
    """Insert the call for a job that was moved to ``closed`` without a run."""
    if state in tx.hooked.states(tx):
        _write(tx, tx.rows(sql.ENDED_JOB, job_id))


def _write(tx: Transaction, ends: Sequence[Row]) -> None:
    tx.run_many(sql.INSERT_HOOK_CALL, [(*end, *_held(tx.hooked, *end[-3:])) for end in ends])


def _held(hooked: Hooked, state: str, _error: str | None, ended_at: int) -> tuple[int, int]:
    """The caller that holds the call, and until when."""
    return (hooked.caller, ended_at + hooked.hold) if state in hooked.mine else (0, 0)


def _row(f: Finished) -> Row:
    claim, outcome = f.claim, f.outcome
    # Plain str: for each value of a str subclass, a driver looks for an adapter.
    state = outcome.state.value
    return claim.job_id, claim.task, claim.queue, claim.attempt, state, outcome.summary, f.ended_at


class Call(NamedTuple):
    """A pending call."""

    id: int
    end: Ended


class HookCalls:
    """The calls of one process."""

    def __init__(self, database: Database, caller: int) -> None:
        self._database, self._caller = database, caller

    def announce(self, states: Collection[JobState]) -> None:
        """Announce to all processes that write ends that hooks exist for these states."""
        now = self._database.now()
        with self._database.write() as tx:
            for state in sorted(states):
                tx.run(sql.SET_HOOK, state.value, now)

    def mine(self) -> list[Call]:
        """The calls that this process must make now."""
        rows = self._database.rows(sql.HOOK_CALLS_OF, self._caller, BATCH)
        return [Call(number, _ended(*end)) for number, *end in rows]

    def made(self, calls: Sequence[Call]) -> None:
        with self._database.write() as tx:
            tx.run_many(sql.DELETE_HOOK_CALL, [(call.id,) for call in calls])

    def take_over(self, states: Collection[JobState], tasks: Collection[str]) -> bool:
        """Take over some abandoned calls: those of ``tasks`` at once, others after a delay."""
        now = self._database.now()
        found = [(number, caller) for number, caller, end in self._left(now) if _fits(end, states, tasks, now)][:TAKEN]
        if not found:
            return False
        with self._database.write() as tx:
            taken = [tx.run(sql.TAKE_HOOK_CALL, self._caller, now + HOLD, *one, now) for one in found]
        return any(taken)

    def _left(self, now: int) -> Iterator[tuple[int, int, Ended]]:
        after = 0
        while rows := self._database.rows(sql.LEFT_HOOK_CALLS, after, now, BATCH):
            yield from ((number, caller, _ended(*end)) for number, caller, *end in rows)
            after = rows[-1][0]


def _ended(*end: Any) -> Ended:
    found = Ended(*end)
    return found._replace(state=JobState(found.state))


def _fits(end: Ended, states: Collection[JobState], tasks: Collection[str], now: int) -> bool:
    return end.state in states and (end.task in tasks or now - end.ended_at >= STRANGE_AFTER)


def forget_old(database: Database) -> None:
    """Drop calls that no process could make for a week."""
    before = database.now() - KEPT
    with database.write() as tx:
        tx.run(sql.FORGET_HOOKS, before)
        tx.run(sql.FORGET_HOOK_CALLS, before)
