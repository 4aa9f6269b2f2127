"""Current counts from the last sample, at a cost that does not grow with the jobs."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.samples import Depth, Pulse
from pqkit.domain.states import JobState
from pqkit.queries.overview import QueueView, counts, queues, view_of
from pqkit.sql.definitions.tables import DEPTH, DUTY, PULSE, QUEUE


class Standing(NamedTuple):
    """Jobs by state, and the queues, as of ``at``.

    ``pulse`` is the sample used; None if there was none and the jobs were counted just now.
    """

    at: int
    counts: dict[JobState, int]
    queues: list[QueueView]
    pulse: Pulse | None


def standing(database: Database) -> Standing | None:
    """Return the counts of the last sample.

    None if no worker does maintenance, which takes the samples, or if there is no sample yet.
    """
    with database.look() as connection:
        boot, now = database.lease_clock()
        duty = select(DUTY.c.until).where(DUTY.c.name == "maintenance", DUTY.c.boot_id == boot, DUTY.c.until > now)
        if connection.execute(duty).first() is None:
            return None
        last = select(func.max(PULSE.c.at)).where(PULSE.c.width == 1).scalar_subquery()
        columns = [PULSE.c[name] for name in Pulse._fields]
        row = connection.execute(select(*columns).where(PULSE.c.width == 1, PULSE.c.at == last)).first()
        if row is None:
            return None
        pulse = Pulse._make(row)
        columns = [DEPTH.c[name] for name in Depth._fields]
        rows = connection.execute(select(*columns).where(DEPTH.c.width == 1, DEPTH.c.at == pulse.at))
        depths = [Depth._make(row) for row in rows]
        return Standing(pulse.at, _counts(pulse, depths), _queues(connection, depths), pulse)


def count_now(database: Database) -> Standing:
    """Count every job, for when no worker takes samples."""
    return Standing(database.now(), counts(database), queues(database), None)


def _counts(pulse: Pulse, depths: list[Depth]) -> dict[JobState, int]:
    unfinished = ("pending", "scheduled", "retrying", "processing")
    ended = ("completed", "failed", "unprocessable", "canceled")
    return {
        **{JobState(name): sum(getattr(depth, name) for depth in depths) for name in unfinished},
        **{JobState(name): getattr(pulse, name) for name in ended},
    }


def _queues(connection: Connection, depths: list[Depth]) -> list[QueueView]:
    found = {depth.queue: depth for depth in depths if depth.queue}
    rows = {row.name: row for row in connection.execute(select(QUEUE))}
    views = []
    for name in sorted(found.keys() | rows.keys()):
        d = found.get(name)
        numbers = (d.pending, d.scheduled, d.retrying, d.processing) if d else (0, 0, 0, 0)
        age = d.oldest / SECOND if d and d.oldest is not None else None
        views.append(view_of(name, rows.get(name), numbers, age))
    return views
