"""Calls of hooks that are still to be made: written with each end, and deleted when the hooks were called.

So every end is told at least once. A call is made by the process that wrote the end, where it has hooks for it; what
that one leaves behind, and what a process without hooks wrote, is made by another.
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
"""Calls of others that are taken over at once."""
HOLD = 60 * SECOND
STRANGE_AFTER = 10 * SECOND
"""From then on an end is told by a process that does not know its task."""
KEPT = 7 * 86_400 * SECOND
Row = tuple[Any, ...]


def expect(tx: Transaction, finished: Sequence[Finished]) -> None:
    """Write down the calls for these ends, in their transaction."""
    states = tx.hooked.states(tx)
    if states:
        _write(tx, [_row(f) for f in finished if f.outcome.state in states])


def expect_of(tx: Transaction, job_id: int, state: JobState) -> None:
    """The same for a job that stands in ``closed`` by no run of its own."""
    if state in tx.hooked.states(tx):
        _write(tx, tx.rows(sql.ENDED_JOB, job_id))


def _write(tx: Transaction, ends: Sequence[Row]) -> None:
    tx.run_many(sql.INSERT_HOOK_CALL, [(*end, *_held(tx.hooked, *end[-3:])) for end in ends])


def _held(hooked: Hooked, state: str, _error: str | None, ended_at: int) -> tuple[int, int]:
    """By whom, and until when."""
    return (hooked.caller, ended_at + hooked.hold) if state in hooked.mine else (0, 0)


def _row(f: Finished) -> Row:
    claim, outcome = f.claim, f.outcome
    # The bare text: a driver looks for an adapter for each value of a str's subclass.
    state = outcome.state.value
    return claim.job_id, claim.task, claim.queue, claim.attempt, state, outcome.summary, f.ended_at


class Call(NamedTuple):
    """A call that is to be made."""

    id: int
    end: Ended


class HookCalls:
    """The calls that one process makes."""

    def __init__(self, database: Database, caller: int) -> None:
        self._database, self._caller = database, caller

    def announce(self, states: Collection[JobState]) -> None:
        """Say to all that write ends that there are hooks for these states."""
        now = self._database.now()
        with self._database.write() as tx:
            for state in sorted(states):
                tx.run(sql.SET_HOOK, state.value, now)

    def mine(self) -> list[Call]:
        """What this process is to call now."""
        rows = self._database.rows(sql.HOOK_CALLS_OF, self._caller, BATCH)
        return [Call(number, _ended(*end)) for number, *end in rows]

    def made(self, calls: Sequence[Call]) -> None:
        with self._database.write() as tx:
            tx.run_many(sql.DELETE_HOOK_CALL, [(call.id,) for call in calls])

    def take_over(self, states: Collection[JobState], tasks: Collection[str]) -> bool:
        """Take some calls that nobody is about to make: of ``tasks`` at once, of others when nobody else did."""
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
    """Drop what nobody was there to call for a week."""
    before = database.now() - KEPT
    with database.write() as tx:
        tx.run(sql.FORGET_HOOKS, before)
        tx.run(sql.FORGET_HOOK_CALLS, before)
