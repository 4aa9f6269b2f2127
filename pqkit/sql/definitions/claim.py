"""The claim: takes jobs that the worker may run from the head of a queue.

On SQLite the transaction's write lock keeps other claims away; on PostgreSQL row locks do.
"""

from typing import Any

from sqlalchemy import BigInteger, Select, and_, bindparam, delete, exists, func, literal_column, or_, select
from sqlalchemy.sql.elements import ColumnElement

from pqkit.sql.definitions import claim_postgresql
from pqkit.sql.definitions.builder import Declared, delete_by, equal, insert_row, up_to
from pqkit.sql.definitions.tables import JOB, LEASE, QUEUE, READY, WORKER_TASK


def paused(queue: ColumnElement[str], now: ColumnElement[int]) -> ColumnElement[bool]:
    """True if the queue allows no claims now."""
    return exists().where(QUEUE.c.name == queue, *_pause(now))


def held_back(queue: ColumnElement[str], now: ColumnElement[int]) -> ColumnElement[bool]:
    """True if a plain claim takes nothing from the queue now: it is paused or has limits."""
    return exists().where(QUEUE.c.name == queue, or_(QUEUE.c.limited == literal_column("1"), and_(*_pause(now))))


def _pause(now: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
    until = QUEUE.c.paused_until
    return QUEUE.c.paused_at.is_not(None), or_(until.is_(None), until > now)


def served(worker_id: ColumnElement[int]) -> ColumnElement[bool]:
    """True if the worker knows the ready job's task."""
    return exists().where(WORKER_TASK.c.worker_id == worker_id, WORKER_TASK.c.task == JOB.c.task)


def allowed(name: ColumnElement[str]) -> ColumnElement[bool]:
    """True if the ready job is for any worker, or assigned to the worker of that name."""
    return or_(READY.c.assigned_to.is_(None), READY.c.assigned_to == name)


_claim_params = ("in_queue", "now", "worker_name", "worker", "demand")


def _head() -> Select[Any]:
    key = (READY.c.queue, READY.c.priority, READY.c.job_id)
    life = (READY.c.attempt + literal_column("1"), READY.c.retries, READY.c.crashes, READY.c.suspect)
    return (
        select(*key, *life, bindparam("worker"), bindparam("now"), READY.c.since)
        .add_columns(*(JOB.c[name] for name in claim_postgresql.ASKED))
        .where(*_open(), served(bindparam("worker")))
        .limit(up_to("demand"))
    )


def _open() -> tuple[ColumnElement[bool], ...]:
    return ~held_back(bindparam("in_queue"), bindparam("now")), allowed(bindparam("worker_name"))


def _innocent_head(*, locked: bool) -> Declared:
    mine = (READY.c.queue == bindparam("in_queue"), READY.c.suspect == literal_column("0"))
    ordered = _head().where(*mine).order_by(READY.c.priority, READY.c.job_id)
    core = ordered.join_from(READY, JOB, JOB.c.id == READY.c.job_id)
    return Declared(core, _claim_params, postgresql=claim_postgresql.head(*mine, *_open(), locked=locked))


def _suspect_head(*, locked: bool) -> Declared:
    # By the keys of the partial index: SQLite uses it only if the index's own condition is a literal in the statement
    # and no other column is needed; otherwise it would scan the whole queue.
    found = READY.alias("found")
    same = [found.c[name] == READY.c[name] for name in ("queue", "priority", "job_id")]
    ordered = _head().where(found.c.queue == bindparam("in_queue"), found.c.suspect == literal_column("1"))
    core = ordered.join_from(found, READY, and_(*same)).join(JOB, JOB.c.id == READY.c.job_id)
    mine = (READY.c.queue == bindparam("in_queue"), READY.c.suspect == literal_column("1"))
    return Declared(
        core.order_by(found.c.priority, found.c.job_id),
        _claim_params,
        postgresql=claim_postgresql.head(*mine, *_open(), locked=locked),
    )


HEAD, SUSPECT_HEAD = _innocent_head(locked=True), _suspect_head(locked=True)
# The same without locks, for a check whether there is work: a lock would hide the job from a claim.
PEEK, SUSPECT_PEEK = _innocent_head(locked=False), _suspect_head(locked=False)
DELETE_READY = delete_by(READY, "queue", "priority", "job_id", alike=2)
INSERT_LEASE = insert_row(LEASE, "job_id", "attempt", "retries", "crashes", "suspect", "worker_id", "claimed_at")
# The same for consecutive ids in one queue, which are most of a backlog: a range instead of keys.
_run = (*equal(READY, "queue", "priority"), READY.c.job_id.between(bindparam("first"), bindparam("last")))
_run_params = ("the_queue", "the_priority", "first", "last")
LEASE_RUN = Declared(
    LEASE.insert().from_select(
        ["job_id", "attempt", "retries", "crashes", "suspect", "worker_id", "claimed_at"],
        select(READY.c.job_id, READY.c.attempt + literal_column("1"), READY.c.retries, READY.c.crashes)
        .add_columns(READY.c.suspect, bindparam("worker", type_=BigInteger), bindparam("now", type_=BigInteger))
        .where(*_run),
    ),
    ("worker", "now", *_run_params),
)
DELETE_READY_RUN = Declared(delete(READY).where(*_run), _run_params)
# Each queue that has ready jobs, by one index step for each name (a skip scan), however many jobs there are.
_first = (
    select(func.min(READY.c.queue).label("name")).where(READY.c.queue > bindparam("after")).cte("names", recursive=True)
)
_next = select(func.min(READY.c.queue)).where(READY.c.queue > _first.c.name).scalar_subquery()
_names = _first.union_all(select(_next).where(_first.c.name.is_not(None)))
QUEUES_WITH_WORK = Declared(
    select(_names.c.name).where(_names.c.name.is_not(None)).limit(up_to("most")), ("after", "most")
)
