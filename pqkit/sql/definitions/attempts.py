"""Ends and reports of attempts, always under the fence."""

from dataclasses import replace

from sqlalchemy import BigInteger, Float, Integer, Text, bindparam, delete, exists, literal_column, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from pqkit.sql.definitions.builder import Declared, delete_by, delete_by_key, equal, found_by, insert_row, up_to
from pqkit.sql.definitions.tables import ATTEMPT, CLOSED, INTENT, LEASE, LOG, PROGRESS, REFUSAL

# Finish: deleting the lease permits everything else in the transaction.

HELD = ("job_id", "attempt", "worker_id")
DELETE_LEASE = delete_by_key(LEASE, *HELD)
# The same for jobs with consecutive ids: it deletes one row for each id from the first to the last.
DELETE_LEASE_RUN = Declared(
    delete(LEASE).where(LEASE.c.job_id.between(bindparam("first"), bindparam("last")), *equal(LEASE, *HELD[1:])),
    ("first", "last", "the_attempt", "the_worker_id"),
)
INSERT_ATTEMPT = insert_row(
    ATTEMPT, "job_id", "attempt", "worker_id", "claimed_at", "started_at", "ended_at", "outcome", "error", "next_at"
)
# Most runs end without an error or a result, and each value that need not be passed makes a batch faster.
INSERT_ATTEMPT_PLAIN = insert_row(
    ATTEMPT, "job_id", "attempt", "worker_id", "claimed_at", "started_at", "ended_at", outcome="completed"
)
INSERT_CLOSED_PLAIN = insert_row(CLOSED, "job_id", "finished_at", "attempt", "retries", "crashes", state="completed")
INSERT_CLOSED = insert_row(CLOSED, "job_id", "state", "finished_at", "attempt", "retries", "crashes", "result", "error")
INSERT_REFUSAL = insert_row(REFUSAL, "at", "job_id", "attempt", "worker_id", "outcome")
INSERT_INTENT = insert_row(INTENT, "job_id", "staged", "target")
# The name of a staged file contains its job: no other job's intent has one of these names.
DELETE_INTENT = replace(
    delete_by(INTENT, "job_id", "staged"),
    many=delete(INTENT).where(*found_by(INTENT, "job_id"), *found_by(INTENT, "staged")),
)
_after_job = bindparam("after_job", type_=BigInteger)
INTENTS = Declared(
    select(INTENT.c.job_id, INTENT.c.staged, INTENT.c.target)
    .where(tuple_(INTENT.c.job_id, INTENT.c.staged) > tuple_(_after_job, bindparam("after_staged")))
    .order_by(INTENT.c.job_id, INTENT.c.staged)
    .limit(up_to("most")),
    ("after_job", "after_staged", "most"),
)
# Reports of an attempt; they need its lease. A handler that finished with its own session has given up the lease
# already: its last log lines are accepted because that finish stands.

_held = exists().where(*equal(LEASE, *HELD))
STANDS = Declared(
    select(ATTEMPT.c.outcome).where(*equal(ATTEMPT, *HELD), ATTEMPT.c.outcome != literal_column("'crashed'")),
    tuple(f"the_{name}" for name in HELD),
)
WAS_HELD = Declared(select(ATTEMPT.c.outcome).where(*equal(ATTEMPT, *HELD)), tuple(f"the_{name}" for name in HELD))
_stands = exists().where(*equal(ATTEMPT, *HELD), ATTEMPT.c.outcome == "completed")
_held_params = tuple(f"the_{name}" for name in HELD)
_reported = (
    bindparam("the_job_id", type_=BigInteger),
    bindparam("the_attempt", type_=Integer),
    bindparam("at", type_=BigInteger),
)
_said = (bindparam("part", type_=Float), bindparam("words", type_=Text))
DELETE_PROGRESS = delete_by(PROGRESS, "job_id")
REPORT_PROGRESS = Declared(
    insert(PROGRESS)
    .from_select(["job_id", "attempt", "at", "fraction", "note"], select(*_reported, *_said).where(_held))
    .on_conflict_do_nothing(),  # another attempt's note came first: the next heartbeat overwrites it
    ("at", "part", "words", *_held_params),
)
REPORT_LINE = Declared(
    LOG.insert().from_select(
        ["job_id", "attempt", "at", "line"], select(*_reported, _said[1]).where(or_(_held, _stands))
    ),
    ("at", "words", *_held_params),
)
