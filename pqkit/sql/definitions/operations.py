"""Statements of the operators' actions."""

from sqlalchemy import and_, bindparam, case, delete, exists, func, literal, null, select, update

from pqkit.domain.queue_limits import QueueSettings
from pqkit.sql.definitions.builder import Declared, delete_by, equal, insert_row, up_to
from pqkit.sql.definitions.tables import ACTION, CLOSED, DELAYED, INTENT, JOB, LEASE, QUEUE, READY, TRAIL

DELAYED_COLUMNS = ("due_at", "job_id", "state", "attempt", "retries", "crashes", "error", "assigned_to")
AS_ASKED_COLUMNS = (
    *("task", "queue", "priority", "max_retries", "backoff", "timeout", "unique_key", "limit_key"),
    "args",
)
INSERT_ACTION = insert_row(ACTION, "at", "who", "verb", "job_id", "reason", "detail")
REPLACED_BY = Declared(
    select(ACTION.c.id).where(*equal(ACTION, "job_id", "who"), ACTION.c.verb == literal("replace")),
    ("the_job_id", "the_who"),
)
SEALED_COLUMNS = ("at", "who", "verb", "job_id", "reason", "detail")
INSERT_TRAIL = insert_row(TRAIL, "name", "actions", "checksum", "since", unless_there=True)
# The transaction that holds this lock is about to commit: it locks nothing else afterwards.
TRAIL_LOCKED = Declared(
    select(TRAIL.c.actions, TRAIL.c.checksum, TRAIL.c.since).where(*equal(TRAIL, "name")).with_for_update(),
    ("the_name",),
)
UNSEALED = Declared(
    select(ACTION.c.id, *(ACTION.c[name] for name in SEALED_COLUMNS))
    .where(ACTION.c.place.is_(None), ACTION.c.id > bindparam("after"))
    .order_by(ACTION.c.id),
    ("after",),
)
SEAL_ACTION = Declared(
    update(ACTION).where(*equal(ACTION, "id")).values(place=bindparam("its_place"), checksum=bindparam("seal")),
    ("its_place", "seal", "the_id"),
)
SET_TRAIL = Declared(
    update(TRAIL).where(*equal(TRAIL, "name")).values(actions=bindparam("sealed"), checksum=bindparam("seal")),
    ("sealed", "seal", "the_name"),
)
ACTIONS_SINCE = Declared(
    select(ACTION.c.id, ACTION.c.who, ACTION.c.verb, ACTION.c.job_id, ACTION.c.reason, ACTION.c.detail)
    .where(ACTION.c.id > bindparam("after"))
    .order_by(ACTION.c.id)
    .limit(up_to("most")),
    ("after", "most"),
)
PLACES_OF = Declared(
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
ASK_CANCEL = Declared(
    update(LEASE)
    .where(*equal(LEASE, "job_id"), LEASE.c.cancel_requested_at.is_(None))
    .values(cancel_requested_at=bindparam("now")),
    ("now", "the_job_id"),
)
ASSIGN = Declared(
    update(READY).where(*equal(READY, "queue", "priority", "job_id")).values(assigned_to=bindparam("to")),
    ("to", "the_queue", "the_priority", "the_job_id"),
)
SET_READY_PRIORITY = Declared(
    update(READY).where(*equal(READY, "queue", "priority", "job_id")).values(priority=bindparam("to")),
    ("to", "the_queue", "the_priority", "the_job_id"),
)
SET_JOB_PRIORITY = Declared(update(JOB).where(*equal(JOB, "id")).values(priority=bindparam("to")), ("to", "the_id"))
TAKE_DELAYED = Declared(
    delete(DELAYED)
    .where(*equal(DELAYED, "due_at", "job_id"))
    .returning(*(DELAYED.c[name] for name in DELAYED_COLUMNS)),
    ("the_due_at", "the_job_id"),
)
AS_ASKED = Declared(select(*(JOB.c[name] for name in AS_ASKED_COLUMNS)).where(*equal(JOB, "id")), ("the_id",))
PAUSE = Declared(
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
QUEUE_SETTINGS = Declared(
    select(*(QUEUE.c[name] for name in QueueSettings._fields)).where(*equal(QUEUE, "name")).with_for_update(),
    ("the_name",),
)
SET_QUEUE = Declared(
    update(QUEUE)
    .where(*equal(QUEUE, "name"))
    .values({name: bindparam(f"to_{name}") for name in ("limited", *QueueSettings._fields)} | {"rate_at": null()}),
    (*(f"to_{name}" for name in ("limited", *QueueSettings._fields)), "the_name"),
)
WAITING_IN_QUEUE = Declared(
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
RESULT_OF = Declared(
    select(
        CLOSED.c.state,
        CLOSED.c.result,
        CLOSED.c.error,
        exists().where(INTENT.c.job_id == CLOSED.c.job_id).label("files_pending"),
    ).where(*equal(CLOSED, "job_id")),
    ("the_job_id",),
)
HAS_INTENT = Declared(select(INTENT.c.job_id).where(*equal(INTENT, "job_id")), ("the_job_id",))
JOB_EXISTS = Declared(select(JOB.c.id).where(*equal(JOB, "id")), ("the_id",))
