"""Statements of maintenance: finds and moves jobs, workers and roll-ups."""

from sqlalchemy import (
    BigInteger,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal_column,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from pqkit.sql.definitions.builder import Declared, by_lease_clock, delete_by, delete_by_key, equal, insert_row, up_to
from pqkit.sql.definitions.tables import CLOCK_STEP, DELAYED, DUTY, DUTY_FAILURE, JOB, LEASE, ROLLUP, WORKER
from pqkit.sql.definitions.workers import LIFE

DUE = Declared(
    select(
        DELAYED.c.due_at,
        DELAYED.c.job_id,
        JOB.c.queue,
        JOB.c.priority,
        DELAYED.c.attempt,
        DELAYED.c.retries,
        DELAYED.c.crashes,
        DELAYED.c.assigned_to,
        JOB.c.limit_key,
    )
    .join_from(DELAYED, JOB, JOB.c.id == DELAYED.c.job_id)
    .where(DELAYED.c.due_at <= bindparam("now"))
    .order_by(DELAYED.c.due_at, DELAYED.c.job_id)
    .limit(up_to("most"))
    .with_for_update(skip_locked=True, of=DELAYED),
    ("now", "most"),
)
DELETE_DELAYED = delete_by_key(DELAYED, "job_id", "due_at")
next_due = select(func.min(DELAYED.c.due_at))
NEXT_DUE = Declared(next_due)
LEASES_OF = Declared(
    select(
        JOB.c.queue,
        JOB.c.priority,
        LEASE.c.job_id,
        LEASE.c.attempt,
        LEASE.c.retries,
        LEASE.c.crashes,
        LEASE.c.suspect,
        LEASE.c.worker_id,
        LEASE.c.claimed_at,
        LEASE.c.claimed_at.label("since"),
        JOB.c.task,
        func.substr(cast(JOB.c.args, Text), 1, 1).label("args"),  # shows if they are encrypted
        JOB.c.max_retries,
        JOB.c.backoff,
        JOB.c.timeout,
        JOB.c.unique_key,
        JOB.c.limit_key,
        LEASE.c.cancel_requested_at,
    )
    .join_from(LEASE, JOB, JOB.c.id == LEASE.c.job_id)
    .where(*equal(LEASE, "worker_id"))
    .order_by(LEASE.c.job_id)
    .limit(up_to("most")),
    ("the_worker_id", "most"),
)
# The workers whose jobs may need a rescue: the living ones, and those with leases but without a living registry row,
# because it was ended or never written. Of the latter only the id is known.
_orphaned = (
    select(LEASE.c.worker_id)
    .distinct()
    .where(~exists().where(WORKER.c.id == LEASE.c.worker_id, WORKER.c.ended_at.is_(None)))
    .limit(up_to("most"))
    .subquery()
)
HOLDERS = by_lease_clock(
    lambda clock: union_all(
        select(*LIFE, clock).where(WORKER.c.ended_at.is_(None)),
        select(_orphaned.c.worker_id, *[null()] * len(LIFE)),
    ).order_by(literal_column("1")),
    *("clock", "most"),
)
# The holder of a duty and its end, the time now, and the living worker that holds it.
DUTY_HELD = by_lease_clock(
    lambda clock: (
        select(DUTY.c.worker_id, DUTY.c.boot_id, DUTY.c.until, *LIFE, clock)
        .join_from(DUTY, WORKER, and_(WORKER.c.id == DUTY.c.worker_id, WORKER.c.ended_at.is_(None)), isouter=True)
        .where(*equal(DUTY, "name"))
    ),
    *("clock", "the_name"),
)
RENEW_DUTY = by_lease_clock(
    lambda clock: (
        update(DUTY)
        .where(*equal(DUTY, "name", "worker_id", "boot_id"), DUTY.c.until > clock)
        .values(until=clock + bindparam("span", type_=BigInteger))
    ),
    *("clock", "span", "the_name", "the_worker_id", "the_boot_id"),
)
INSERT_DUTY = by_lease_clock(
    lambda clock: (
        insert(DUTY)
        .values(
            **{name: bindparam(f"its_{name}", type_=DUTY.c[name].type) for name in ("name", "worker_id", "boot_id")},
            until=clock + bindparam("span", type_=BigInteger),
        )
        .on_conflict_do_nothing()
    ),
    *("its_name", "its_worker_id", "its_boot_id", "clock", "span"),
)
DUTY_FAILURE_COLUMNS = ("worker_id", "duty", "at", "error", "resigned")
INSERT_DUTY_FAILURE = insert_row(DUTY_FAILURE, *DUTY_FAILURE_COLUMNS, unless_there=True)
RESIGNED_FOR = Declared(
    update(DUTY_FAILURE).where(*equal(DUTY_FAILURE, "worker_id", "duty")).values(resigned=literal_column("1")),
    ("the_worker_id", "the_duty"),
)
DELETE_DUTY_FAILURE = delete_by(DUTY_FAILURE, "worker_id", "duty")
FORGET_DUTY_FAILURES = Declared(delete(DUTY_FAILURE).where(DUTY_FAILURE.c.at < bindparam("before")), ("before",))
# The offsets of the wall clock from the monotonic clock, by the last heartbeats of this boot's living workers.
CLOCKS_AHEAD = Declared(
    select(WORKER.c.heartbeat_at - WORKER.c.beat).where(
        *equal(WORKER, "boot_id"), WORKER.c.ended_at.is_(None), WORKER.c.id != bindparam("but")
    ),
    ("the_boot_id", "but"),
)
LAST_CLOCK_STEP = Declared(
    select(CLOCK_STEP.c.id, CLOCK_STEP.c.boot_id, CLOCK_STEP.c.ahead, CLOCK_STEP.c.last_at)
    .order_by(CLOCK_STEP.c.id.desc())
    .limit(literal_column("1"))
)
CLOCK_STEP_COLUMNS = ("boot_id", "at", "ahead", "last_at")
CLOCK_STEPS = Declared(select(*(CLOCK_STEP.c[name] for name in CLOCK_STEP_COLUMNS)).order_by(CLOCK_STEP.c.id))
INSERT_CLOCK_STEP = insert_row(CLOCK_STEP, *CLOCK_STEP_COLUMNS)
CLOCK_SEEN = Declared(
    update(CLOCK_STEP).where(*equal(CLOCK_STEP, "id")).values(last_at=bindparam("reading")), ("reading", "the_id")
)
DELETE_DUTY = delete_by(DUTY, "name", "worker_id", "until")

# Roll-ups

ROLLUP_COLUMNS = tuple(column.name for column in ROLLUP.c if column.name != "id")
INSERT_ROLLUP = insert_row(ROLLUP, *ROLLUP_COLUMNS)
# The oldest rows of one width that ended before a given time, to be merged into wider ones.
FINE_ROLLUPS = Declared(
    select(ROLLUP.c.id, *(ROLLUP.c[name] for name in ROLLUP_COLUMNS))
    .where(*equal(ROLLUP, "width"), ROLLUP.c.at < bindparam("before"))
    .order_by(ROLLUP.c.at)
    .limit(up_to("most")),
    ("the_width", "before", "most"),
)
DELETE_ROLLUP = delete_by(ROLLUP, "id")
FORGET_ROLLUPS = Declared(
    delete(ROLLUP).where(*equal(ROLLUP, "width"), ROLLUP.c.at < bindparam("before")), ("the_width", "before")
)
