"""Releases jobs whose dependencies have ended; cancels jobs whose dependencies failed."""

from typing import NamedTuple

from pqkit.db import Database, Transaction
from pqkit.domain.durations import SECOND
from pqkit.domain.states import NEVER, JobState
from pqkit.jobs.dependencies import Dependent
from pqkit.jobs.transitions import Standing, find
from pqkit.operations.operator import Operator
from pqkit.sql import compiled as sql

BATCH = LOOK = 500
LATELY = 60 * SECOND
FAILED = (JobState.FAILED, JobState.UNPROCESSABLE, JobState.CANCELED)


class Look(NamedTuple):
    """The progress of one job's dependencies.

    All up to ``passed`` have ended; ``over``: all have; ``failed`` is one that failed.
    """

    passed: int
    over: bool = False
    failed: int | None = None


class Dependents:
    """Maintenance of waiting jobs. Several processes may do it at once or be killed anywhere."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after = 0
        self._failed: dict[int, int] = {}

    def go_on(self) -> list[int]:
        """Check a few hundred waiting jobs; return those that were released."""
        with self._database.read() as tx:
            rows = tx.rows(sql.WAITING_DEPENDENTS, self._after, BATCH)
            waiting = [Dependent._make(row[:-1]) for row in rows]
            looks = [_look(tx, one) for one in waiting]
        self._after = waiting[-1].job_id if len(waiting) == BATCH else 0
        released = []
        for one, look, row in zip(waiting, looks, rows, strict=True):
            if look.failed is not None and one.on_fail == "cancel":
                self._failed[one.job_id] = look.failed
            if (look.over or look.passed != one.passed or row[-1] != NEVER) and self._go_on(one.job_id):
                released.append(one.job_id)
        return released

    def call_off(self) -> list[int]:
        """Cancel jobs whose dependency failed, and the other members of a batch.

        Returns the waiting jobs.
        """
        since = self._database.now() - LATELY
        with self._database.read() as tx:
            for state in FAILED:
                self._failed |= dict(tx.rows(sql.FAILED_MEMBERS, state.value, since))
        failed, self._failed = self._failed, {}
        for job_id, member in failed.items():
            members = self.unfinished(job_id) if self._is_batch(job_id) else []
            reason = f"job {member}, which job {job_id} waits for, has not completed"
            Operator(self._database, "pqkit").cancel([job_id, *members], reason=reason)
        return list(failed)

    def unfinished(self, job_id: int) -> list[int]:
        """The unfinished jobs that this one waits for."""
        found: list[int] = []
        with self._database.read() as tx:
            while rows := tx.rows(sql.UNFINISHED_DEPENDENCIES, job_id, found[-1] if found else 0, LOOK):
                found += [member for (member,) in rows]
        return found

    def _is_batch(self, job_id: int) -> bool:
        with self._database.write() as tx:
            row = tx.row(sql.DEPENDENT_LOCKED, job_id)
        return row is not None and Dependent._make(row).batch is not None

    def _go_on(self, job_id: int) -> bool:
        """Apply the last look if it still holds; True if the job's wait is over."""
        with self._database.write() as tx:
            row = tx.row(sql.DEPENDENT_LOCKED, job_id)
            if row is None:
                return False
            one, now, job = Dependent._make(row), self._database.now(), find(tx, job_id)
            look = _look(tx, one)
            if job is None or job.due_at != NEVER:  # an operator has canceled it, or run it at once
                tx.run(sql.RELEASE_DEPENDENT, now, job_id)
            elif look.over:
                _release(tx, one, job, now)
            elif look.passed != one.passed:
                tx.run(sql.SET_PASSED, look.passed, job_id)
            return look.over


def _look(tx: Transaction, one: Dependent) -> Look:
    passed = one.passed
    while True:
        rows = tx.rows(sql.NEXT_DEPENDENCIES, one.job_id, passed, LOOK)
        for awaited, state, there in rows:
            if there and state is None:
                return Look(passed)
            if state != JobState.COMPLETED and one.on_fail != "continue":
                return Look(passed, failed=awaited)
            passed = awaited
        if len(rows) < LOOK:
            return Look(passed, over=True)


def _release(tx: Transaction, one: Dependent, job: Standing, now: int) -> None:
    row = tx.row(sql.TAKE_DELAYED, NEVER, one.job_id)
    tx.run(sql.RELEASE_DEPENDENT, now, one.job_id)
    if row is None:
        return
    if one.due_at is not None and one.due_at > now:
        tx.run(sql.INSERT_DELAYED, one.due_at, *row[1:])
        return
    attempt, retries, crashes = row[3:6]
    place = (job.queue, job.priority, job.job_id)
    tx.run(sql.INSERT_READY, *place, attempt, retries, crashes, 0, job.assigned_to, now)
    tx.run(sql.MARK_KEY, *place)
