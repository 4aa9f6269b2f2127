"""Health of the database: software, sizes, commit times, and when its disk is full."""

from statistics import linear_regression
from typing import NamedTuple

from pqkit.db import Database, schema
from pqkit.domain.durations import SECOND
from pqkit.queries.time_series import Level, Span, levels

DAY = 86_400.0
BINS = 600.0
FEWEST = 3
FOR_EVER = 365 * DAY


class Health(NamedTuple):
    """Health figures of the database; a figure is None if it is unknown.

    ``software`` and ``schema`` are as they name themselves. ``database_size``, ``log_size`` and ``disk_free`` are
    bytes. ``commit`` and ``commit_most`` are seconds: the mean and the longest commit of the last ten minutes.
    ``full_in`` is seconds until the disk is full at the pace of the last day; None also if the disk does not fill.
    """

    software: str
    schema: str | None
    database_size: float | None
    log_size: float | None
    disk_free: float | None
    commit: float | None
    commit_most: float | None
    full_in: float | None


def health(database: Database) -> Health:
    """Return the health, from the samples of the last day and the database itself."""
    span = Span.last(DAY, BINS, database.now())
    known = [level for level in levels(database, span) if level.pending is not None]
    last = known[-1] if known else Level(span.until)
    sizes = (last.database_size, last.log_size, last.disk_free, last.commit, last.commit_most)
    return Health(database.software(), schema.version(database), *sizes, full_in(known))


def full_in(known: list[Level]) -> float | None:
    """Seconds until the disk is full, by linear regression; None if not within a year."""
    points = [(level.at / SECOND, level.disk_free) for level in known if level.disk_free is not None]
    if len(points) < FEWEST:
        return None
    slope, _ = linear_regression(*zip(*points, strict=True))
    left = -points[-1][1] / slope if slope < 0 else FOR_EVER
    return left if left < FOR_EVER else None
