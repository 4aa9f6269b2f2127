"""The current status of a queue's limits."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from pqkit.db import Database
from pqkit.domain.queue_limits import QueueSettings
from pqkit.sql.definitions.tables import JOB, LEASE, QUEUE


class Held(NamedTuple):
    """A running job of the queue, its limit key, and when it was claimed."""

    job_id: int
    key: str | None
    claimed_at: int


class LimitsView(NamedTuple):
    """A queue's settings, its running jobs, and when its rate lets the next job start.

    ``held`` begins with the longest run; ``next_at`` is None if the rate holds nothing back now.
    """

    settings: QueueSettings
    held: list[Held]
    next_at: int | None

    def of_key(self, key: str | None) -> list[Held]:
        return [] if key is None else [held for held in self.held if held.key == key]


def limits(database: Database, name: str) -> LimitsView | None:
    """Return the limits of a queue, or None if it has none."""
    now = database.now()
    with database.look() as connection:
        columns = [QUEUE.c[field] for field in QueueSettings._fields]
        row = connection.execute(
            select(*columns, QUEUE.c.rate_at).where(QUEUE.c.name == name, QUEUE.c.limited == 1)
        ).first()
        if row is None:
            return None
        settings = QueueSettings._make(row[:-1])
        held = _held(connection, name)
    waits = settings.free(row[-1], now) <= 0
    return LimitsView(settings, held, settings.next_at(row[-1], now) if waits else None)


def key_of(database: Database, job_id: int) -> str | None:
    """Return the limit key of a job."""
    with database.look() as connection:
        return connection.execute(select(JOB.c.limit_key).where(JOB.c.id == job_id)).scalar()


def _held(connection: Connection, name: str) -> list[Held]:
    asked = (
        select(LEASE.c.job_id, JOB.c.limit_key, LEASE.c.claimed_at)
        .join_from(LEASE, JOB, JOB.c.id == LEASE.c.job_id)
        .where(JOB.c.queue == name)
        .order_by(LEASE.c.claimed_at)
    )
    return [Held._make(row) for row in connection.execute(asked)]
