"""The registry of workers."""

from sqlalchemy import BigInteger, bindparam, case, null, select, update

from pqkit.sql.definitions.builder import Declared, by_lease_clock, delete_by, equal, insert_row, up_to
from pqkit.sql.definitions.tables import JOB, LEASE, READY, WORKER, WORKER_TASK

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
    "machine_at",
)
INSERT_WORKER = insert_row(WORKER, *WORKER_COLUMNS, unless_there=True)
INSERT_WORKER_TASK = insert_row(WORKER_TASK, "worker_id", "task", unless_there=True)
DELETE_WORKER_TASKS = delete_by(WORKER_TASK, "worker_id")
_stops = bindparam("stops", type_=BigInteger)
_alive = (WORKER.c.id == bindparam("worker"), WORKER.c.ended_at.is_(None))
BEAT = by_lease_clock(
    lambda clock: (
        update(WORKER)
        .where(*_alive)
        .values(
            boot_id=bindparam("boot"),
            beat=clock,
            heartbeat_at=bindparam("now"),
            machine_at=bindparam("machine", type_=BigInteger),
            memory=bindparam("rss"),
            stopping_at=case((_stops.is_(None), WORKER.c.stopping_at), else_=_stops),
        )
    ),
    *("boot", "clock", "now", "machine", "rss", "stops", "worker"),
)
REVIVE_WORKER = by_lease_clock(
    lambda clock: (
        update(WORKER)
        .where(WORKER.c.id == bindparam("worker"), WORKER.c.ended_at.is_not(None))
        .values(
            boot_id=bindparam("boot"),
            beat=clock,
            heartbeat_at=bindparam("now"),
            machine_at=bindparam("machine", type_=BigInteger),
            stopping_at=null(),
            ended_at=null(),
            end_reason=null(),
        )
    ),
    *("boot", "clock", "now", "machine", "worker"),
)
CANCEL_ASKED = Declared(
    select(LEASE.c.job_id).where(*equal(LEASE, "worker_id"), LEASE.c.cancel_requested_at.is_not(None)),
    ("the_worker_id",),
)
END_WORKER = Declared(
    update(WORKER).where(*_alive).values(ended_at=bindparam("now"), end_reason=bindparam("why")),
    ("now", "why", "worker"),
)
REMOTE_LIFE = Declared(
    select(WORKER.c.name, WORKER.c.slots, WORKER.c.queues, WORKER.c.pid_space).where(
        *equal(WORKER, "id"), WORKER.c.ended_at.is_(None)
    ),
    ("the_id",),
)
TASKS_AT_HEAD = Declared(
    select(JOB.c.task)
    .select_from(READY.join(JOB, JOB.c.id == READY.c.job_id))
    .where(*equal(READY, "queue"), READY.c.assigned_to.is_(None))
    .order_by(READY.c.priority, READY.c.job_id)
    .limit(up_to("most")),
    ("the_queue", "most"),
)
# Locked before its leases are settled; its end is written after them, so that readers see the order of commits.
LOCK_WORKER = Declared(
    select(WORKER.c.id).where(*_alive, WORKER.c.beat == bindparam("seen_beat")).with_for_update(),
    ("worker", "seen_beat"),
)
BURY_WORKER = Declared(
    update(WORKER)
    .where(*_alive, WORKER.c.beat == bindparam("seen_beat"))
    .values(ended_at=bindparam("now"), end_reason=bindparam("why")),
    ("now", "why", "worker", "seen_beat"),
)
LIFE = tuple(
    WORKER.c[name]
    for name in ("id", "name", "pid", "process_start", "pid_space", "boot_id", "beat", "stopping_at", "machine_at")
)
