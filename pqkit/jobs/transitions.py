"""A job's position, and its moves inside the transaction of an operator's verb."""

from collections.abc import Sequence
from typing import NamedTuple

from pqkit.db import Transaction
from pqkit.domain.states import JobState, Place
from pqkit.leasing import pending_hooks
from pqkit.sql import compiled as sql

NOT_IN_PLACE = "its files are not in place yet: see the worker's log, or try again in a second"


class Standing(NamedTuple):
    """A job's current row, as the operators' verbs read it."""

    job_id: int
    queue: str
    priority: int
    state: JobState
    attempt: int
    retries: int
    crashes: int
    due_at: int | None
    unique_key: str | None
    assigned_to: str | None


class Moved(Exception):
    """The job left its place after it was read: on PostgreSQL other writers run concurrently."""


def find(tx: Transaction, job_id: int) -> Standing | None:
    row = tx.row(sql.PLACES_OF, job_id)
    return None if row is None else Standing(*row)._replace(state=JobState(row[3]))


def resubmit(tx: Transaction, job: Standing, now: int) -> str | None:
    if tx.row(sql.HAS_INTENT, job.job_id):  # or they might replace the files of the next run
        return NOT_IN_PLACE
    needs_key = job.unique_key is not None and job.state.final
    if needs_key and not tx.run(sql.INSERT_HOLD, job.queue, job.unique_key, job.job_id, 0):
        holder = _holder(tx, job)
        if holder != job.job_id:  # otherwise the job has kept its own key
            return f"its unique key is held by job {holder}"
    try:
        leave(tx, job)
    except Moved:
        if needs_key:
            tx.run(sql.DELETE_HOLD, job.job_id)
        raise
    tx.run(sql.INSERT_READY, job.queue, job.priority, job.job_id, job.attempt, 0, 0, 0, job.assigned_to, now)
    tx.run(sql.MARK_KEY, job.queue, job.priority, job.job_id)
    return None


def close(tx: Transaction, job: Standing, state: JobState, now: int, error: str) -> str | None:
    leave(tx, job)
    tx.run(sql.INSERT_CLOSED, job.job_id, state, now, job.attempt, job.retries, job.crashes, None, error)
    if job.unique_key is not None:
        tx.run(sql.DELETE_HOLD, job.job_id)
    pending_hooks.expect_of(tx, job.job_id, state)
    return None


def _holder(tx: Transaction, job: Standing) -> int:
    holder = tx.row(sql.HOLDER, job.queue, job.unique_key)
    if holder is None or (holder[0] == job.job_id and not holder[1]):
        raise Moved  # the key has come free in between, or another operator has resubmitted this job
    return int(holder[0])


def set_priority(tx: Transaction, job: Standing, priority: int) -> None:
    if job.state is JobState.PENDING:
        there(tx.run(sql.SET_READY_PRIORITY, priority, job.queue, job.priority, job.job_id))
    else:
        # Insert a new row, so that a stage that read earlier does not restore the old priority.
        row = tx.row(sql.TAKE_DELAYED, job.due_at, job.job_id)
        there(row is not None)
        tx.run(sql.INSERT_DELAYED, *row)
    tx.run(sql.SET_JOB_PRIORITY, priority, job.job_id)


def put_back(tx: Transaction, job: Standing, was: Sequence[object]) -> None:
    """Undo a resubmit that no worker has claimed: restore ``was`` (columns of ``closed``)."""
    leave(tx, job)
    tx.run(sql.INSERT_CLOSED, job.job_id, *was)
    if job.unique_key is not None:
        tx.run(sql.DELETE_HOLD, job.job_id)


def ask_cancel(tx: Transaction, job: Standing, now: int) -> str | None:
    if tx.run(sql.ASK_CANCEL, now, job.job_id):
        return None
    row = tx.row(sql.PLACES_OF, job.job_id)
    there(row is not None and row[3] == JobState.PROCESSING)
    return "it was asked to cancel already"


def leave(tx: Transaction, job: Standing) -> None:
    match job.state.place:
        case Place.READY:
            there(tx.run(sql.DELETE_READY, job.queue, job.priority, job.job_id))
        case Place.DELAYED:
            there(tx.run(sql.DELETE_DELAYED, job.job_id, job.due_at))
        case Place.CLOSED:
            there(tx.run(sql.DELETE_CLOSED, job.job_id))
        case Place.LEASE:
            raise AssertionError("only the fence ends a lease")


def there(rows: int) -> None:
    if not rows:
        raise Moved
