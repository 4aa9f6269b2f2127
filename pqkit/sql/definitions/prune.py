"""Statements with which retention reads, deletes and seals ended jobs."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    String,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.sql.elements import ColumnElement

from pqkit.sql.definitions.builder import Declared, delete_by_key, equal, insert_row, up_to
from pqkit.sql.definitions.tables import (
    ACTION,
    ATTEMPT,
    CLOSED,
    DEPENDENCY,
    DEPENDENT,
    INTENT,
    JOB,
    LOG,
    QUEUE,
    REFUSAL,
    SEAL,
    WORKER,
)


def _one_of(column: ColumnElement[Any], parameter: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Conditions, on SQLite and on PostgreSQL, that the column has a value of a JSON list.

    PostgreSQL looks up each value of an array in an index; for IN with a subquery it may scan the whole table.
    """
    values = bindparam(parameter, type_=String)
    of_array = func.json_array_elements_text(cast(values, JSON))
    on_sqlite = select(func.json_each(values).table_valued("value", name="listed").c.value)
    on_postgresql = func.array(select(cast(of_array, column.type)).scalar_subquery())
    return column.in_(on_sqlite), column == any_(on_postgresql)


def _rows_of(key: ColumnElement[int], *order: ColumnElement[int]) -> Declared:
    """All columns of the rows whose key is in a JSON list."""
    whole = select(key.table).order_by(*(order or (key,)))
    on_sqlite, on_postgresql = (whole.where(one) for one in _one_of(key, "ids"))
    return Declared(on_sqlite, ("ids",), postgresql=on_postgresql)


_expired = (
    select(CLOSED.c.job_id, CLOSED.c.finished_at)
    .join_from(CLOSED, JOB, JOB.c.id == CLOSED.c.job_id)
    .where(
        *equal(CLOSED, "state"),
        CLOSED.c.finished_at < bindparam("before"),
        tuple_(CLOSED.c.finished_at, CLOSED.c.job_id)
        > tuple_(bindparam("after_at", type_=BigInteger), bindparam("after_job", type_=BigInteger)),
        ~exists().where(INTENT.c.job_id == CLOSED.c.job_id),
        ~exists().where(
            DEPENDENCY.c.on_job_id == CLOSED.c.job_id,
            DEPENDENT.c.job_id == DEPENDENCY.c.job_id,
            DEPENDENT.c.released_at.is_(None),
        ),
    )
    .order_by(CLOSED.c.finished_at, CLOSED.c.job_id)
    .limit(up_to("most"))
)
_params = ("the_state", "before", "after_at", "after_job", "queues", "most")
_these, _these_on_postgresql = _one_of(JOB.c.queue, "queues")
# Expired jobs in the queues of a JSON list, or in all others.
EXPIRED_IN = Declared(_expired.where(_these), _params, postgresql=_expired.where(_these_on_postgresql))
EXPIRED = Declared(_expired.where(~_these), _params, postgresql=_expired.where(~_these_on_postgresql))
# A job that was resubmitted since the query has left ``closed``, or has ended again at another time.
DELETE_ENDED = delete_by_key(CLOSED, "job_id", "state", "finished_at")
JOBS_OF = _rows_of(JOB.c.id)
CLOSED_OF = _rows_of(CLOSED.c.job_id)
RUNS_OF = _rows_of(ATTEMPT.c.job_id, ATTEMPT.c.job_id, ATTEMPT.c.attempt)
ACTIONS_OF = _rows_of(ACTION.c.job_id, ACTION.c.job_id, ACTION.c.id)
LINES_OF = _rows_of(LOG.c.job_id, LOG.c.job_id, LOG.c.id)
LIVES_OF = _rows_of(WORKER.c.id)
pauses = (
    select(ACTION.c.at, ACTION.c.verb, ACTION.c.detail)
    .where(or_(*(ACTION.c.verb == verb for verb in ("pause", "resume", "delete_queue"))))
    .order_by(ACTION.c.id)
)
PAUSES = Declared(pauses)

SEAL_COLUMNS = (
    "at",
    "who",
    "jobs",
    "runs",
    "ids",
    "states",
    "facts",
    "file",
    "start",
    "size",
    "digest",
    "previous",
    "checksum",
)
INSERT_SEAL = insert_row(SEAL, *SEAL_COLUMNS, unless_there=True)
LAST_SEAL = Declared(select(SEAL.c.checksum).order_by(SEAL.c.id.desc()).limit(literal_column("1")))

QUEUES_WITH_KEEPS = Declared(
    select(QUEUE.c.name, QUEUE.c.keep_completed, QUEUE.c.keep_dead).where(
        or_(QUEUE.c.keep_completed.is_not(None), QUEUE.c.keep_dead.is_not(None))
    )
)
FORGET_REFUSALS = Declared(delete(REFUSAL).where(REFUSAL.c.at < bindparam("before")), ("before",))
FORGET_WORKERS = Declared(delete(WORKER).where(WORKER.c.ended_at < bindparam("before")), ("before",))
