"""Reads schedules: all of them, their next slots, and the outcome of past slots."""

from itertools import islice
from typing import NamedTuple

from sqlalchemy import select

from pqkit.db import Database
from pqkit.domain.schedule_times import Schedule
from pqkit.domain.states import JobState
from pqkit.errors import NotFound
from pqkit.models import job_state
from pqkit.queries.job_views import PUBLIC, Told
from pqkit.redaction.redact import redact
from pqkit.sql.definitions.tables import SCHEDULE, SLOT


class SlotView(NamedTuple):
    """A decided slot: its job and that job's current state, or why there is none.

    ``state`` is None if the job was deleted. Slots skipped in a row share one view: ``slots`` of them, from ``at`` to
    ``until_at``.
    """

    at: int
    until_at: int
    slots: int
    job_id: int | None
    state: JobState | None
    reason: str | None
    made_at: int


def schedules(database: Database, *, told: Told = PUBLIC) -> list[Schedule]:
    """Return every schedule, by name; secrets are hidden unless ``told`` says otherwise."""
    columns = [SCHEDULE.c[name] for name in Schedule._fields]
    with database.look() as connection:
        found = [Schedule._make(row) for row in connection.execute(select(*columns).order_by(SCHEDULE.c.name))]
    return [
        one._replace(args=told.json(one.args), pause_reason=one.pause_reason and told.text(one.pause_reason))
        for one in found
    ]


def schedule(database: Database, name: str, *, told: Told = PUBLIC) -> Schedule:
    """Return the schedule of that name. Raises NotFound."""
    found = schedules(database, told=told)
    for one in found:
        if one.name == name:
            return one
    raise NotFound(f"there is no schedule {name!r} (there are: {', '.join(one.name for one in found) or 'none'})")


def slots(database: Database, name: str, limit: int = 20) -> list[SlotView]:
    """Return the last decided slots of a schedule, latest first."""
    asked = (
        select(
            SLOT.c.at, SLOT.c.until, SLOT.c["count"], SLOT.c.job_id, job_state.c.state, SLOT.c.reason, SLOT.c.made_at
        )
        .outerjoin_from(SLOT, job_state, job_state.c.id == SLOT.c.job_id)
        .where(SLOT.c.schedule == name)
        .order_by(SLOT.c.at.desc())
        .limit(limit)
    )
    with database.look() as connection:
        views = [SlotView._make(row) for row in connection.execute(asked)]
    return [
        view._replace(state=view.state and JobState(view.state), reason=view.reason and redact(view.reason))
        for view in views
    ]


def coming(schedule: Schedule, count: int = 5) -> list[int]:
    """Return the next slots of a schedule; none if it is over."""
    if schedule.next_at is None:
        return []
    return list(islice(schedule.timetable.after(schedule.next_at - 1), count))
