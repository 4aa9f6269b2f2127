"""Statements that sample counts once a second, merge samples into wider rows, and forecast."""

from typing import Any

from sqlalchemy import Integer, Select, Table, bindparam, delete, func, literal_column, or_, select, union_all, update
from sqlalchemy.sql.elements import ColumnElement

from pqkit.domain.samples import Depth, Pulse
from pqkit.sql.definitions.builder import Declared, equal, insert_row, up_to
from pqkit.sql.definitions.tables import CLOSED, DELAYED, DEPTH, FORECAST, JOB, LEASE, PULSE, QUEUE, READY, WORKER


def _part(name: str, **columns: ColumnElement[Any]) -> Select[Any]:
    """A part of the ``LOOK`` query; the columns that it does not fill are empty or 0."""
    said = {
        "queue": literal_column("''"),
        "state": literal_column("''"),
        **dict.fromkeys(("worker", "count", "more"), _zero),
    }
    return select(literal_column(f"'{name}'").label("part"), *(it.label(key) for key, it in (said | columns).items()))


_zero = literal_column("0", Integer)
_many = func.count()
_newest = select(PULSE.c.counted_to).where(PULSE.c.width == literal_column("1")).order_by(PULSE.c.at.desc())
_counted_to = func.coalesce(
    _newest.limit(literal_column("1")).scalar_subquery(),
    select(func.coalesce(func.max(PULSE.c.counted_to), _zero)).scalar_subquery(),
)
COUNTED_TO = Declared(select(_counted_to))
# All counts of a sample, from one snapshot and in one round trip.
LOOK = Declared(
    union_all(
        _part("ready", queue=READY.c.queue, count=_many, more=func.min(READY.c.since)).group_by(READY.c.queue),
        _part("delayed", queue=JOB.c.queue, state=DELAYED.c.state, count=_many)
        .join_from(DELAYED, JOB, JOB.c.id == DELAYED.c.job_id)
        .group_by(JOB.c.queue, DELAYED.c.state),
        _part("lease", queue=JOB.c.queue, worker=LEASE.c.worker_id, count=_many)
        .join_from(LEASE, JOB, JOB.c.id == LEASE.c.job_id)
        .group_by(JOB.c.queue, LEASE.c.worker_id),
        _part("closed", state=CLOSED.c.state, count=_many).group_by(CLOSED.c.state),
        _part("worker", worker=WORKER.c.id, count=WORKER.c.slots, more=WORKER.c.memory).where(
            WORKER.c.ended_at.is_(None)
        ),
        _part(
            "whole",
            worker=select(func.coalesce(func.max(JOB.c.id), _zero)).scalar_subquery(),
            count=_counted_to,
            more=select(_many).where(FORECAST.c.decided_at.is_(None)).scalar_subquery(),
        ),
    )
)
PAUSED_NOW = Declared(
    select(QUEUE.c.name).where(
        QUEUE.c.paused_at.is_not(None), or_(QUEUE.c.paused_until.is_(None), QUEUE.c.paused_until > bindparam("now"))
    ),
    ("now",),
)

# New jobs, up to the highest id of an earlier query: on PostgreSQL a lower id may be committed after a higher one.

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
