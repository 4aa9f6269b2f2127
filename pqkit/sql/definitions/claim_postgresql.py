"""The claim's query of the head of a queue, as PostgreSQL needs it."""

from typing import Any

from sqlalchemy import BigInteger, Select, any_, bindparam, func, literal_column, select, true
from sqlalchemy.sql.elements import ColumnElement

from pqkit.sql.definitions.builder import up_to
from pqkit.sql.definitions.tables import JOB, READY, WORKER_TASK

ASKED = ("task", "args", "max_retries", "backoff", "timeout", "unique_key", "limit_key")


def head(*conditions: ColumnElement[bool], locked: bool) -> Select[Any]:
    """The first rows of ``ready`` with a task that this worker knows, and what a run needs.

    No plan may depend on statistics, which are wrong about tables that fill and empty within minutes: a join with
    ``job`` would sometimes scan all of it. So the job is fetched row by row (LATERAL with a LIMIT).

    The lock on the worker's tasks makes a claim and the burial of its worker exclude each other: the burial deletes the
    tasks, so it waits for the claim to end and sees its leases.
    """
    job = select(*(JOB.c[name] for name in ASKED)).where(JOB.c.id == READY.c.job_id).limit(literal_column("1"))
    asked, worker = job.lateral("asked"), bindparam("worker", type_=BigInteger)
    known = select(WORKER_TASK.c.task).where(WORKER_TASK.c.worker_id == bindparam("worker"))
    place = (READY.c.queue, READY.c.priority, READY.c.job_id, READY.c.attempt + literal_column("1"))
    budget = (READY.c.retries, READY.c.crashes, READY.c.suspect)
    columns = (*place, *budget, worker, bindparam("now", type_=BigInteger), READY.c.since, *asked.c)
    cut = select(*columns).join_from(READY, asked, true())
    if locked:
        known = known.with_for_update(read=True, key_share=True)
        cut = cut.with_for_update(skip_locked=True, of=READY)
    knows = asked.c.task == any_(func.array(known.scalar_subquery()))
    return cut.where(*conditions, knows).order_by(READY.c.priority, READY.c.job_id).limit(up_to("demand"))
