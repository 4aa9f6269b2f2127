"""The claim's look at the head of a queue, as PostgreSQL needs it."""

from typing import Any

from sqlalchemy import BigInteger, Select, any_, bindparam, func, literal_column, select, true
from sqlalchemy.sql.elements import ColumnElement

from pqkit.statements.declare import up_to
from pqkit.statements.tables import JOB, READY, WORKER_TASK

_PLACE = ("queue", "priority", "job_id", "retries", "crashes", "suspect", "since")
ASKED = ("task", "args", "max_retries", "backoff", "timeout", "unique_key", "limit_key")


def head(*conditions: ColumnElement[bool], locked: bool) -> Select[Any]:
    """The first rows of ``ready`` whose job this worker knows, with what it needs to run them.

    Nothing here may be planned by statistics, which are wrong about tables that fill and empty by the minute: a join
    with ``job`` would now and then read all of it. So the task is a subquery of its own for each row, and the rest is
    fetched row by row (LATERAL with a LIMIT) for those that were cut off.

    The lock on the worker's tasks makes a claim and the burial of its worker exclude each other: who buries deletes
    them, so it waits for the claim to end and sees its leases.
    """
    place, worker = _cut(conditions, locked=locked), bindparam("worker", type_=BigInteger)
    of_job = select(*(JOB.c[name] for name in ASKED)).where(JOB.c.id == place.c.job_id).limit(literal_column("1"))
    job = of_job.lateral("asked")
    key, budget = (place.c.queue, place.c.priority, place.c.job_id), (place.c.retries, place.c.crashes, place.c.suspect)
    now = bindparam("now", type_=BigInteger)
    columns = (*key, place.c.attempt, *budget, worker, now, place.c.since, *(job.c[name] for name in ASKED))
    return select(*columns).join_from(place, job, true()).order_by(place.c.priority, place.c.job_id)


def _cut(conditions: tuple[ColumnElement[bool], ...], *, locked: bool) -> Any:
    task = select(JOB.c.task).where(JOB.c.id == READY.c.job_id).scalar_subquery()
    known = select(WORKER_TASK.c.task).where(WORKER_TASK.c.worker_id == bindparam("worker"))
    columns = [READY.c[name] for name in _PLACE]
    cut = select(*columns, (READY.c.attempt + literal_column("1")).label("attempt"))
    if locked:
        known = known.with_for_update(read=True, key_share=True)
        cut = cut.with_for_update(skip_locked=True)
    knows = task == any_(func.array(known.scalar_subquery()))
    return cut.where(*conditions, knows).order_by(READY.c.priority, READY.c.job_id).limit(up_to("demand")).cte("head")
