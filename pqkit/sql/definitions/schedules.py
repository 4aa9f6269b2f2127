"""Schedules and their slots."""

from sqlalchemy import bindparam, delete, func, literal_column, select, update

from pqkit.domain.schedule_times import Schedule
from pqkit.sql.definitions.builder import Declared, delete_by, equal, insert_row, up_to
from pqkit.sql.definitions.tables import CLOSED, JOB, LEASE, SCHEDULE, SLOT

_columns = [SCHEDULE.c[name] for name in Schedule._fields]
_changed = tuple(name for name in Schedule._fields if name not in {"name", "created_at"})
_ticked = (SCHEDULE.c.paused_at.is_(None), SCHEDULE.c.next_at.is_not(None))
INSERT_SCHEDULE = insert_row(SCHEDULE, *Schedule._fields, unless_there=True)
UPDATE_SCHEDULE = Declared(
    update(SCHEDULE).where(*equal(SCHEDULE, "name")).values({name: bindparam(f"to_{name}") for name in _changed}),
    (*(f"to_{name}" for name in _changed), "the_name"),
)
DELETE_SCHEDULE = delete_by(SCHEDULE, "name")
SCHEDULE_NAMED = Declared(select(*_columns).where(*equal(SCHEDULE, "name")).with_for_update(), ("the_name",))
next_tick = select(func.min(SCHEDULE.c.next_at)).where(*_ticked)
NEXT_TICK = Declared(next_tick)
SCHEDULES_DUE = Declared(
    select(*_columns)
    .where(*_ticked, SCHEDULE.c.next_at <= bindparam("now"))
    .order_by(SCHEDULE.c.next_at)
    .limit(up_to("most")),
    ("now", "most"),
)
# A schedule that was not changed since it was read; the lock keeps it so.
TICKABLE = Declared(
    select(SCHEDULE.c.next_at)
    .where(*equal(SCHEDULE, "name", "version"), SCHEDULE.c.paused_at.is_(None))
    .with_for_update(),
    ("the_name", "the_version"),
)
MOVE_SCHEDULE = Declared(
    update(SCHEDULE).where(*equal(SCHEDULE, "name")).values(next_at=bindparam("to")), ("to", "the_name")
)
INSERT_SLOT = insert_row(SLOT, "schedule", "at", "until", "count", "job_id", "reason", "made_at", unless_there=True)
SET_SLOT = Declared(
    update(SLOT)
    .where(*equal(SLOT, "schedule", "at"), SLOT.c.job_id.is_(None))
    .values(job_id=bindparam("job"), reason=bindparam("why")),
    ("job", "why", "the_schedule", "the_at"),
)
SLOTS_BETWEEN = Declared(
    select(SLOT.c.at, SLOT.c.job_id).where(
        *equal(SLOT, "schedule"), SLOT.c.at.between(bindparam("first"), bindparam("last"))
    ),
    ("the_schedule", "first", "last"),
)
# Jobs of the schedule's earlier slots that have not ended, latest first, and whether they run.
UNFINISHED_SLOTS = Declared(
    select(SLOT.c.job_id, LEASE.c.job_id.is_not(None).label("runs"))
    .select_from(
        SLOT.join(JOB, JOB.c.id == SLOT.c.job_id)
        .outerjoin(CLOSED, CLOSED.c.job_id == SLOT.c.job_id)
        .outerjoin(LEASE, LEASE.c.job_id == SLOT.c.job_id)
    )
    .where(
        *equal(SLOT, "schedule"), SLOT.c.at < bindparam("before"), SLOT.c.job_id.is_not(None), CLOSED.c.job_id.is_(None)
    )
    .order_by(SLOT.c.at.desc())
    .limit(up_to("most")),
    ("the_schedule", "before", "most"),
)
OLD_SLOT = Declared(
    select(SLOT.c.at)
    .where(*equal(SLOT, "schedule"))
    .order_by(SLOT.c.at.desc())
    .limit(literal_column("1"))
    .offset(up_to("kept")),
    ("the_schedule", "kept"),
)
SCHEDULE_NAMES = Declared(select(SCHEDULE.c.name))
FORGET_SLOTS = Declared(
    delete(SLOT).where(*equal(SLOT, "schedule"), SLOT.c.at < bindparam("before")), ("the_schedule", "before")
)
