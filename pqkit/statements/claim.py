"""The claim: whom a ready job is for, and cutting off the head of its queue."""

from sqlalchemy import bindparam, exists, func, literal_column, or_, select
from sqlalchemy.sql.elements import ColumnElement

from pqkit.statements.declare import Declared, delete_by, insert_row
from pqkit.statements.tables import JOB, LEASE, QUEUE, READY, WORKER_TASK


def paused(queue: ColumnElement[str], now: ColumnElement[int]) -> ColumnElement[bool]:
    """The queue takes no claims now."""
    until = QUEUE.c.paused_until
    return exists().where(QUEUE.c.name == queue, QUEUE.c.paused_at.is_not(None), or_(until.is_(None), until > now))


def served(worker_id: ColumnElement[int]) -> ColumnElement[bool]:
    """The worker knows the ready job's task."""
    return exists().where(WORKER_TASK.c.worker_id == worker_id, WORKER_TASK.c.task == JOB.c.task)


def allowed(name: ColumnElement[str]) -> ColumnElement[bool]:
    """The ready job is for anybody, or assigned to the worker of that name."""
    return or_(READY.c.assigned_to.is_(None), READY.c.assigned_to == name)


_claim_params = ("in_queue", "now", "worker_name", "worker", "demand")


def _head(suspect: str) -> Declared:
    # A literal, not a parameter: SQLite takes a partial index only where it can see the index's own condition.
    columns = (READY.c.retries, READY.c.crashes, READY.c.suspect, JOB.c.task, JOB.c.args, JOB.c.max_retries)
    core = (
        select(READY.c.job_id, READY.c.queue, READY.c.priority, READY.c.attempt + 1, *columns)
        .add_columns(JOB.c.backoff, JOB.c.timeout, JOB.c.unique_key)
        .join_from(READY, JOB, JOB.c.id == READY.c.job_id)
        .where(
            READY.c.queue == bindparam("in_queue"),
            READY.c.suspect == literal_column(suspect),
            ~paused(bindparam("in_queue"), bindparam("now")),
            allowed(bindparam("worker_name")),
            served(bindparam("worker")),
        )
        .order_by(READY.c.priority, READY.c.job_id)
        .limit(bindparam("demand"))
        .with_for_update(skip_locked=True, of=READY)
    )
    return Declared(core, _claim_params)


HEAD, SUSPECT_HEAD = _head("0"), _head("1")
DELETE_READY = delete_by(READY, "queue", "priority", "job_id")
INSERT_LEASE = insert_row(LEASE, "job_id", "attempt", "retries", "crashes", "suspect", "worker_id", "claimed_at")
NEXT_QUEUE = Declared(select(func.min(READY.c.queue)).where(READY.c.queue > bindparam("after")), ("after",))
