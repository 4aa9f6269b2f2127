"""Forecasts of when queues drain, and their hit rate."""

from typing import NamedTuple

from sqlalchemy import func, select

from pqkit.db import Database
from pqkit.sql.definitions.tables import FORECAST

JUDGED = 200
COLUMNS = ("queue", "at", "pending", "earliest", "likely", "latest")


class Forecast(NamedTuple):
    """When a queue with ``pending`` jobs will drain: at the earliest, likely, at the latest.

    ``likely_at`` is None if it will not drain at this rate, ``latest_at`` is None if it may not.
    """

    queue: str
    made_at: int
    pending: int
    earliest_at: int | None
    likely_at: int | None
    latest_at: int | None


class Outlook(NamedTuple):
    """The newest undecided forecast of each queue, by name, and the hit rate.

    ``hit_rate`` is the share of hits among the latest ``judged`` decided forecasts; None if there are none.
    """

    forecasts: list[Forecast]
    judged: int
    hit_rate: float | None


def outlook(database: Database, *, queue: str | None = None) -> Outlook:
    """Return the outlook of all queues, or of one."""
    columns = [FORECAST.c[name] for name in COLUMNS]
    newest = select(func.max(FORECAST.c.id)).where(FORECAST.c.decided_at.is_(None)).group_by(FORECAST.c.queue)
    asked = select(*columns).where(FORECAST.c.id.in_(newest)).order_by(FORECAST.c.queue)
    judged = select(FORECAST.c.hit).where(FORECAST.c.decided_at.is_not(None), FORECAST.c.hit.is_not(None))
    if queue is not None:
        asked, judged = asked.where(FORECAST.c.queue == queue), judged.where(FORECAST.c.queue == queue)
    with database.look() as connection:
        forecasts = [Forecast._make(row) for row in connection.execute(asked)]
        hits = list(connection.scalars(judged.order_by(FORECAST.c.decided_at.desc()).limit(JUDGED)))
    return Outlook(forecasts, len(hits), sum(hits) / len(hits) if hits else None)
