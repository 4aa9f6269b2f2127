"""Every statement of the hot path and of the operators' verbs, written once in Core for every database.

``with_for_update(skip_locked=True)`` is dropped on SQLite, where ``BEGIN IMMEDIATE`` does its work.
"""

from sqlalchemy import and_, bindparam, case, exists, func, literal, literal_column, or_, select, update
from sqlalchemy.sql.elements import BindParameter, ColumnElement

from pqkit.models import table
from pqkit.sql import Statement, delete_by, equal, insert_row

JOB, READY, DELAYED, LEASE, CLOSED = (table(name) for name in ("job", "ready", "delayed", "lease", "closed"))
ATTEMPT, REFUSAL, HOLD, INTENT = (table(name) for name in ("attempt", "refusal", "unique_hold", "file_intent"))
WORKER, WORKER_TASK, QUEUE = (table(name) for name in ("worker", "worker_task", "queue"))
DUTY, ACTION, PROGRESS, LOG = (table(name) for name in ("duty", "action", "progress", "job_log"))

# Enqueue

JOB_COLUMNS = (
    "queue",
    "task",
    "args",
    "priority",
    "max_retries",
    "backoff",
    "timeout",
    "unique_key",
    "created_at",
)
INSERT_JOB = Statement(JOB.insert().returning(JOB.c.id), JOB_COLUMNS, JOB_COLUMNS)
INSERT_JOB_WITH_ID = insert_row(JOB, "id", *JOB_COLUMNS)
INSERT_READY = insert_row(
    READY, "queue", "priority", "job_id", "attempt", "retries", "crashes", "suspect", "assigned_to"
)
INSERT_DELAYED = insert_row(
    DELAYED, "due_at", "job_id", "state", "attempt", "retries", "crashes", "error", "assigned_to"
)
HOLDER = Statement(select(HOLD.c.job_id).where(*equal(HOLD, "queue", "unique_key")), ("the_queue", "the_unique_key"))
INSERT_HOLD = insert_row(HOLD, "queue", "unique_key", "job_id")
DELETE_HOLD = delete_by(HOLD, "job_id")
KNOWN_QUEUE = Statement(select(QUEUE.c.name).where(*equal(QUEUE, "name")), ("the_name",))
INSERT_QUEUE = insert_row(QUEUE, "name", "created_at")

# Claim


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


def _head(suspect: str) -> Statement:
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
    return Statement(core, _claim_params)


HEAD, SUSPECT_HEAD = _head("0"), _head("1")
DELETE_READY = delete_by(READY, "queue", "priority", "job_id")
INSERT_LEASE = insert_row(LEASE, "job_id", "attempt", "retries", "crashes", "suspect", "worker_id", "claimed_at")
NEXT_QUEUE = Statement(select(func.min(READY.c.queue)).where(READY.c.queue > bindparam("after")), ("after",))

# Finish: deleting the lease is the permission for everything else in the transaction.

HELD = ("job_id", "attempt", "worker_id")
DELETE_LEASE = delete_by(LEASE, *HELD)
INSERT_ATTEMPT = insert_row(
    ATTEMPT, "job_id", "attempt", "worker_id", "claimed_at", "started_at", "ended_at", "outcome", "error", "next_at"
)
INSERT_CLOSED = insert_row(CLOSED, "job_id", "state", "finished_at", "attempt", "retries", "crashes", "result", "error")
INSERT_REFUSAL = insert_row(REFUSAL, "at", "job_id", "attempt", "worker_id", "outcome")
INSERT_INTENT = insert_row(INTENT, "job_id", "staged", "target")
DELETE_INTENT = delete_by(INTENT, "job_id", "staged")
INTENTS = Statement(select(INTENT.c.job_id, INTENT.c.staged, INTENT.c.target).limit(bindparam("most")), ("most",))

# What an attempt reports; its lease decides whether it may. A handler whose session was its finish has let go of the
# lease already: its last lines are taken because that finish stands.

_held = exists().where(*equal(LEASE, *HELD))
_stands = exists().where(*equal(ATTEMPT, *HELD), ATTEMPT.c.outcome == "completed")
_reported: tuple[BindParameter[int], ...] = (bindparam("the_job_id"), bindparam("the_attempt"), bindparam("at"))
_held_params = tuple(f"the_{name}" for name in HELD)
DELETE_PROGRESS = delete_by(PROGRESS, "job_id")
REPORT_PROGRESS = Statement(
    PROGRESS.insert().from_select(
        ["job_id", "attempt", "at", "fraction", "note"],
        select(*_reported, bindparam("part"), bindparam("words")).where(_held),
    ),
    ("at", "part", "words", *_held_params),
)
REPORT_LINE = Statement(
    LOG.insert().from_select(
        ["job_id", "attempt", "at", "line"], select(*_reported, bindparam("words")).where(or_(_held, _stands))
    ),
    ("at", "words", *_held_params),
)

# Workers

WORKER_COLUMNS = (
    "id",
    "name",
    "host",
    "pid",
    "process_start",
    "pid_space",
    "boot_id",
    "beat",
    "slots",
    "queues",
    "version",
    "started_at",
    "heartbeat_at",
    "memory",
)
INSERT_WORKER = insert_row(WORKER, *WORKER_COLUMNS)
INSERT_WORKER_TASK = insert_row(WORKER_TASK, "worker_id", "task")
DELETE_WORKER_TASKS = delete_by(WORKER_TASK, "worker_id")
_alive = (WORKER.c.id == bindparam("worker"), WORKER.c.ended_at.is_(None))
BEAT = Statement(
    update(WORKER)
    .where(*_alive)
    .values(
        boot_id=bindparam("boot"),
        beat=bindparam("clock"),
        heartbeat_at=bindparam("now"),
        memory=bindparam("rss"),
        stopping_at=case((bindparam("stops").is_(None), WORKER.c.stopping_at), else_=bindparam("stops")),
    ),
    ("boot", "clock", "now", "rss", "stops", "worker"),
)
CANCEL_ASKED = Statement(
    select(LEASE.c.job_id).where(*equal(LEASE, "worker_id"), LEASE.c.cancel_requested_at.is_not(None)),
    ("the_worker_id",),
)
END_WORKER = Statement(
    update(WORKER).where(*_alive).values(ended_at=bindparam("now"), end_reason=bindparam("why")),
    ("now", "why", "worker"),
)
BURY_WORKER = Statement(
    update(WORKER)
    .where(*_alive, WORKER.c.beat == bindparam("seen_beat"))
    .values(ended_at=bindparam("now"), end_reason=bindparam("why")),
    ("now", "why", "worker", "seen_beat"),
)
LIVING = Statement(
    select(
        WORKER.c.id,
        WORKER.c.name,
        WORKER.c.pid,
        WORKER.c.process_start,
        WORKER.c.pid_space,
        WORKER.c.boot_id,
        WORKER.c.beat,
    ).where(WORKER.c.ended_at.is_(None)),
)

# Maintenance

DUE = Statement(
    select(
        DELAYED.c.due_at,
        DELAYED.c.job_id,
        JOB.c.queue,
        JOB.c.priority,
        DELAYED.c.attempt,
        DELAYED.c.retries,
        DELAYED.c.crashes,
        DELAYED.c.assigned_to,
    )
    .join_from(DELAYED, JOB, JOB.c.id == DELAYED.c.job_id)
    .where(DELAYED.c.due_at <= bindparam("now"))
    .order_by(DELAYED.c.due_at, DELAYED.c.job_id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=DELAYED),
    ("now", "most"),
)
DELETE_DELAYED = delete_by(DELAYED, "due_at", "job_id")
NEXT_DUE = Statement(select(func.min(DELAYED.c.due_at)))
LEASES_OF = Statement(
    select(
        LEASE.c.job_id,
        JOB.c.queue,
        JOB.c.priority,
        LEASE.c.attempt,
        LEASE.c.retries,
        LEASE.c.crashes,
        LEASE.c.suspect,
        JOB.c.task,
        literal_column("''").label("args"),
        JOB.c.max_retries,
        JOB.c.backoff,
        JOB.c.timeout,
        JOB.c.unique_key,
        LEASE.c.worker_id,
        LEASE.c.claimed_at,
        LEASE.c.cancel_requested_at,
    )
    .join_from(LEASE, JOB, JOB.c.id == LEASE.c.job_id)
    .where(*equal(LEASE, "worker_id"))
    .order_by(LEASE.c.job_id)
    .limit(bindparam("most")),
    ("the_worker_id", "most"),
)
# A lease whose worker has no living registry row: ended, or never written.
ORPHANED_WORKERS = Statement(
    select(LEASE.c.worker_id)
    .distinct()
    .where(~exists().where(WORKER.c.id == LEASE.c.worker_id, WORKER.c.ended_at.is_(None)))
    .limit(bindparam("most")),
    ("most",),
)
DUTY_HELD = Statement(select(DUTY.c.worker_id, DUTY.c.boot_id, DUTY.c.until).where(*equal(DUTY, "name")), ("the_name",))
DELETE_DUTY = delete_by(DUTY, "name")
INSERT_DUTY = insert_row(DUTY, "name", "worker_id", "boot_id", "until")
EXPIRED = Statement(
    select(CLOSED.c.job_id)
    .where(*equal(CLOSED, "state"), CLOSED.c.finished_at < bindparam("before"))
    .order_by(CLOSED.c.finished_at)
    .limit(bindparam("most")),
    ("the_state", "before", "most"),
)

# Operators

INSERT_ACTION = insert_row(ACTION, "at", "who", "verb", "job_id", "reason", "detail")
LAST_ACTION = Statement(select(func.coalesce(func.max(ACTION.c.id), 0)))
ACTIONS_SINCE = Statement(
    select(ACTION.c.id, ACTION.c.who, ACTION.c.verb, ACTION.c.job_id, ACTION.c.reason, ACTION.c.detail)
    .where(ACTION.c.id > bindparam("after"))
    .order_by(ACTION.c.id)
    .limit(bindparam("most")),
    ("after", "most"),
)
PLACES_OF = Statement(
    select(
        JOB.c.id,
        JOB.c.queue,
        JOB.c.priority,
        case(
            (READY.c.job_id.is_not(None), literal("pending")),
            (LEASE.c.job_id.is_not(None), literal("processing")),
            else_=func.coalesce(DELAYED.c.state, CLOSED.c.state),
        ).label("state"),
        func.coalesce(READY.c.attempt, LEASE.c.attempt, DELAYED.c.attempt, CLOSED.c.attempt),
        func.coalesce(READY.c.retries, LEASE.c.retries, DELAYED.c.retries, CLOSED.c.retries),
        func.coalesce(READY.c.crashes, LEASE.c.crashes, DELAYED.c.crashes, CLOSED.c.crashes),
        DELAYED.c.due_at,
        JOB.c.unique_key,
        func.coalesce(READY.c.assigned_to, DELAYED.c.assigned_to),
    )
    .select_from(
        JOB.outerjoin(
            READY,
            and_(READY.c.queue == JOB.c.queue, READY.c.priority == JOB.c.priority, READY.c.job_id == JOB.c.id),
        )
        .outerjoin(LEASE, LEASE.c.job_id == JOB.c.id)
        .outerjoin(DELAYED, DELAYED.c.job_id == JOB.c.id)
        .outerjoin(CLOSED, CLOSED.c.job_id == JOB.c.id)
    )
    .where(*equal(JOB, "id")),
    ("the_id",),
)
DELETE_CLOSED = delete_by(CLOSED, "job_id")
DELETE_JOB = delete_by(JOB, "id")
ASK_CANCEL = Statement(
    update(LEASE)
    .where(*equal(LEASE, "job_id"), LEASE.c.cancel_requested_at.is_(None))
    .values(cancel_requested_at=bindparam("now")),
    ("now", "the_job_id"),
)
ASSIGN = Statement(
    update(READY).where(*equal(READY, "queue", "priority", "job_id")).values(assigned_to=bindparam("to")),
    ("to", "the_queue", "the_priority", "the_job_id"),
)
PAUSE = Statement(
    update(QUEUE)
    .where(*equal(QUEUE, "name"))
    .values(
        paused_at=bindparam("now"),
        paused_until=bindparam("until"),
        paused_by=bindparam("who"),
        pause_reason=bindparam("why"),
    ),
    ("now", "until", "who", "why", "the_name"),
)
WAITING_IN_QUEUE = Statement(
    select(
        select(func.count()).select_from(READY).where(READY.c.queue == bindparam("in_queue")).scalar_subquery()
        + select(func.count())
        .select_from(DELAYED.join(JOB, JOB.c.id == DELAYED.c.job_id))
        .where(JOB.c.queue == bindparam("in_queue"))
        .scalar_subquery()
        + select(func.count())
        .select_from(LEASE.join(JOB, JOB.c.id == LEASE.c.job_id))
        .where(JOB.c.queue == bindparam("in_queue"))
        .scalar_subquery()
    ),
    ("in_queue",),
)
DELETE_QUEUE = delete_by(QUEUE, "name")
RESULT_OF = Statement(
    select(
        CLOSED.c.state,
        CLOSED.c.result,
        CLOSED.c.error,
        exists().where(INTENT.c.job_id == CLOSED.c.job_id).label("files_pending"),
    ).where(*equal(CLOSED, "job_id")),
    ("the_job_id",),
)
JOB_EXISTS = Statement(select(JOB.c.id).where(*equal(JOB, "id")), ("the_id",))
