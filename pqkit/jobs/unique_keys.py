"""Unique keys at insert: finds the holder, checks whether it counts, updates a waiting job."""

import json

from pqkit.db import Transaction
from pqkit.domain.states import NEVER, WAITING, JobState
from pqkit.errors import Refused
from pqkit.jobs import transitions
from pqkit.jobs.dependencies import refuse_lost_wait
from pqkit.jobs.spec import Order
from pqkit.jobs.transitions import Moved, Standing
from pqkit.sql import compiled as sql


def holder(tx: Transaction, order: Order, text: str, now: int) -> int | None:
    """Return the job that holds the order's key; None if none counts.

    A waiting holder is replaced if the order says so. Raises Refused if that job would not do what the order waits for.
    """
    while True:
        row = tx.row(sql.HOLDER, order.queue, order.unique_key)
        if row is None:
            return None
        if order.ties.unique_while != "waiting":
            refuse_lost_wait(tx, order, row[0])
            return int(row[0])
        job = transitions.find(tx, row[0])
        if job is None or job.state not in WAITING:
            if row[1]:
                refuse_lost_wait(tx, order, row[0])
                return _kept_by(order, row[0])
            tx.run(sql.TAKE_HOLD, row[0])
            return None
        refuse_lost_wait(tx, order, job.job_id)
        try:
            if order.ties.replaces:
                _replace(tx, job, order, text, now)
        except Moved:  # a worker has claimed it, or it has ended
            continue
        return job.job_id


def _kept_by(order: Order, job_id: int) -> int:
    if order.ties.replaces:
        raise Refused(f"job {job_id} keeps the unique key {order.unique_key!r} and does not wait any more")
    return job_id


def take(tx: Transaction, order: Order, job_id: int) -> bool:
    """Take the key for the new job; True if it now holds the key."""
    kept = int(order.ties.unique_while == "kept")
    return bool(tx.run(sql.INSERT_HOLD, order.queue, order.unique_key, job_id, kept))


def _replace(tx: Transaction, job: Standing, order: Order, text: str, now: int) -> None:
    """Give a waiting job this call's arguments and priority; postpone it if it is not due."""
    task = tx.row(sql.AS_ASKED, job.job_id)[0]
    if task != order.task:
        raise Refused(f"job {job.job_id} has the unique key {order.unique_key!r} and is one of the task {task}")
    if job.state is JobState.SCHEDULED and order.due_at is not None:
        job = _put_off(tx, job, order.due_at)
    transitions.set_priority(tx, job, order.priority)
    tx.run(sql.SET_ARGS, text, job.job_id)
    if order.ties.actor is not None:
        _record(tx, job, order.ties.actor, now)


def _record(tx: Transaction, job: Standing, actor: str, now: int) -> None:
    """Record once which actor changed the job; the next operator's verb seals the record."""
    if tx.row(sql.REPLACED_BY, job.job_id, actor) is None:
        detail = {"from": job.state, "unique_key": job.unique_key}
        tx.run(sql.INSERT_ACTION, now, actor, "replace", job.job_id, None, json.dumps(detail))


def _put_off(tx: Transaction, job: Standing, due_at: int) -> Standing:
    """Set a new due time; a job that waits for others is then due at the earliest."""
    if job.due_at == NEVER:
        transitions.there(tx.run(sql.SET_DEPENDENT_DUE, due_at, job.job_id))
        return job
    row = tx.row(sql.TAKE_DELAYED, job.due_at, job.job_id)
    transitions.there(row is not None)
    tx.run(sql.INSERT_DELAYED, due_at, *row[1:])
    return job._replace(due_at=due_at)
