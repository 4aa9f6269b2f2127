"""What maintenance counts about once a second, how samples become wider rows, and forecasts."""

from sqlalchemy import Integer, Table, bindparam, delete, func, literal_column, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from pqkit.samples import Depth, Pulse
from pqkit.statements.declare import Declared, equal, insert_row, up_to
from pqkit.statements.tables import CLOSED, DELAYED, DEPTH, FORECAST, JOB, LEASE, PULSE, QUEUE, READY, WORKER

COUNT_READY = Declared(select(READY.c.queue, func.count(), func.min(READY.c.since)).group_by(READY.c.queue))
COUNT_DELAYED = Declared(
    select(JOB.c.queue, DELAYED.c.state, func.count())
    .join_from(DELAYED, JOB, JOB.c.id == DELAYED.c.job_id)
    .group_by(JOB.c.queue, DELAYED.c.state)
)
COUNT_LEASED = Declared(
    select(JOB.c.queue, LEASE.c.worker_id, func.count())
    .join_from(LEASE, JOB, JOB.c.id == LEASE.c.job_id)
    .group_by(JOB.c.queue, LEASE.c.worker_id)
)
COUNT_CLOSED = Declared(select(CLOSED.c.state, func.count()).group_by(CLOSED.c.state))
SLOTS_THERE = Declared(select(WORKER.c.id, WORKER.c.slots, WORKER.c.memory).where(WORKER.c.ended_at.is_(None)))
PAUSED_NOW = Declared(
    select(QUEUE.c.name).where(
        QUEUE.c.paused_at.is_not(None), or_(QUEUE.c.paused_until.is_(None), QUEUE.c.paused_until > bindparam("now"))
    ),
    ("now",),
)

# Jobs that came, up to the highest id of an earlier look: on PostgreSQL a lower id may be committed after a higher one.

LAST_JOB = Declared(select(func.coalesce(func.max(JOB.c.id), 0)))
_new = (
    select(JOB.c.id, JOB.c.created_at, JOB.c.queue, JOB.c.task)
    .where(JOB.c.id > bindparam("after"), JOB.c.id <= bindparam("until"))
    .order_by(JOB.c.id)
    .limit(up_to("most"))
    .subquery()
)
CAME = Declared(
    select(
        (_new.c.created_at // literal_column("1000000", Integer)).label("second"),
        _new.c.queue,
        _new.c.task,
        func.count(),
        func.max(_new.c.id),
    ).group_by(literal_column("1"), _new.c.queue, _new.c.task),
    ("after", "until", "most"),
)
COUNTED_TO = Declared(
    select(PULSE.c.counted_to).where(PULSE.c.width == 1).order_by(PULSE.c.at.desc()).limit(literal_column("1"))
)
COUNTED_TO_EVER = Declared(select(func.coalesce(func.max(PULSE.c.counted_to), 0)))

# Samples

INSERT_PULSE = insert_row(PULSE, *Pulse._fields)
INSERT_DEPTH = insert_row(DEPTH, *Depth._fields)


def _within(samples: Table) -> list[ColumnElement[bool]]:
    return [*equal(samples, "width"), samples.c.at >= bindparam("since"), samples.c.at < bindparam("until")]


_SPAN = ("the_width", "since", "until")
OLDEST_PULSE = Declared(select(func.min(PULSE.c.at)).where(*equal(PULSE, "width")), ("the_width",))
PULSES = Declared(select(*(PULSE.c[name] for name in Pulse._fields)).where(*_within(PULSE)).order_by(PULSE.c.at), _SPAN)
DEPTHS = Declared(select(*(DEPTH.c[name] for name in Depth._fields)).where(*_within(DEPTH)), _SPAN)
DELETE_PULSES = Declared(delete(PULSE).where(*_within(PULSE)), _SPAN)
DELETE_DEPTHS = Declared(delete(DEPTH).where(*_within(DEPTH)), _SPAN)

# Forecasts

PENDING_OF = Declared(
    select(DEPTH.c.at, DEPTH.c.queue, DEPTH.c.pending).where(
        DEPTH.c.width == literal_column("1"), DEPTH.c.at >= bindparam("since")
    ),
    ("since",),
)
PULSE_TIMES = Declared(
    select(PULSE.c.at)
    .where(PULSE.c.width == literal_column("1"), PULSE.c.at >= bindparam("since"))
    .order_by(PULSE.c.at),
    ("since",),
)
INSERT_FORECAST = insert_row(FORECAST, "at", "queue", "pending", "earliest", "likely", "latest")
OPEN_FORECASTS = Declared(
    select(
        FORECAST.c.id, FORECAST.c.at, FORECAST.c.queue, FORECAST.c.earliest, FORECAST.c.likely, FORECAST.c.latest
    ).where(FORECAST.c.decided_at.is_(None))
)
DECIDE_FORECAST = Declared(
    update(FORECAST).where(*equal(FORECAST, "id")).values(decided_at=bindparam("now"), hit=bindparam("came_so")),
    ("now", "came_so", "the_id"),
)
FORGET_FORECASTS = Declared(delete(FORECAST).where(FORECAST.c.decided_at < bindparam("before")), ("before",))
