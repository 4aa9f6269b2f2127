"""What a queue's limits say now."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from pqkit.db import Database
from pqkit.domain.queue_limits import QueueSettings
from pqkit.sql.definitions.tables import JOB, LEASE, QUEUE


class Held(NamedTuple):
    """A running job of the queue, its limit key, and since when it is claimed."""

    job_id: int
    key: str | None
    claimed_at: int


class LimitsView(NamedTuple):
    """A queue's settings, what runs, the longest first, and the moment from which its rate lets the next job start."""

    settings: QueueSettings
    held: list[Held]
    next_at: int | None

    def of_key(self, key: str | None) -> list[Held]:
        return [] if key is None else [held for held in self.held if held.key == key]


def limits(database: Database, name: str) -> LimitsView | None:
    """What limits a queue; None where nothing does."""
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
    """The limit key of a job."""
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
