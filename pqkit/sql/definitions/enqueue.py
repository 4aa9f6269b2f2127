"""Statements of producers."""

from sqlalchemy import bindparam, delete, literal_column, select, update

from pqkit.sql.definitions.builder import Declared, OnPostgresql, delete_by, equal, found_by, insert_row
from pqkit.sql.definitions.tables import DELAYED, HOLD, JOB, QUEUE, READY, REQUEST, TRACE

JOB_COLUMNS = (
    "queue",
    "task",
    "args",
    "priority",
    "max_retries",
    "backoff",
    "timeout",
    "unique_key",
    "limit_key",
    "created_at",
)
INSERT_JOB = Declared(JOB.insert().returning(JOB.c.id), JOB_COLUMNS, JOB_COLUMNS)
INSERT_JOB_WITH_ID = insert_row(JOB, "id", *JOB_COLUMNS)
READY_COLUMNS = ("queue", "priority", "job_id", "attempt", "retries", "crashes", "suspect", "since")
INSERT_READY = insert_row(
    READY, "queue", "priority", "job_id", "attempt", "retries", "crashes", "suspect", "assigned_to", "since"
)
# A new job and its ``ready`` row in one statement without BEGIN and COMMIT: one round trip instead of four.
_values = {name: bindparam(name, type_=JOB.c[name].type) for name in JOB_COLUMNS}
_made = JOB.insert().values(_values).returning(*(JOB.c[name] for name in ("id", "queue", "priority", "created_at")))
_job = _made.cte("made")
_place = select(_job.c.queue, _job.c.priority, _job.c.id, *[literal_column("0")] * 4, _job.c.created_at)
PLACE_JOB = OnPostgresql(READY.insert().from_select(READY_COLUMNS, _place).returning(READY.c.job_id), JOB_COLUMNS)
INSERT_DELAYED = insert_row(
    DELAYED, "due_at", "job_id", "state", "attempt", "retries", "crashes", "error", "assigned_to"
)
HOLDER = Declared(
    select(HOLD.c.job_id, HOLD.c.kept).where(*equal(HOLD, "queue", "unique_key")), ("the_queue", "the_unique_key")
)
INSERT_HOLD = insert_row(HOLD, "queue", "unique_key", "job_id", "kept", unless_there=True)
# A job that has ended releases its unique key, unless it keeps the key until it is deleted.
_loose = HOLD.c.kept == literal_column("0")
DELETE_HOLD = Declared(
    delete(HOLD).where(*equal(HOLD, "job_id"), _loose),
    ("the_job_id",),
    many=delete(HOLD).where(*found_by(HOLD, "job_id"), _loose),
)
TAKE_HOLD = delete_by(HOLD, "job_id")
SET_ARGS = Declared(update(JOB).where(*equal(JOB, "id")).values(args=bindparam("to")), ("to", "the_id"))
KNOWN_QUEUE = Declared(select(QUEUE.c.max_retries, QUEUE.c.backoff).where(*equal(QUEUE, "name")), ("the_name",))
INSERT_QUEUE = insert_row(QUEUE, "name", "created_at", unless_there=True)
INSERT_REQUEST = insert_row(REQUEST, "key", "digest", "at", unless_there=True)
REQUEST_OF = Declared(select(REQUEST.c.digest, REQUEST.c.job_ids).where(*equal(REQUEST, "key")), ("the_key",))
ANSWER_REQUEST = Declared(
    update(REQUEST).where(*equal(REQUEST, "key")).values(job_ids=bindparam("ids")), ("ids", "the_key")
)
DELETE_OLD_REQUESTS = Declared(delete(REQUEST).where(REQUEST.c.at < bindparam("before")), ("before",))
INSERT_TRACE = insert_row(TRACE, "job_id", "parent")
TRACE_OF = Declared(select(TRACE.c.parent).where(*equal(TRACE, "job_id")), ("the_job_id",))
