"""How the database itself is doing: its software, sizes, commits, and when its disk is full."""

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
    """``software`` and ``schema`` as they name themselves; bytes of the database, its log and its free disk, seconds
    that commits took in the last ten minutes (mean and most), and seconds until the disk is full at the pace of the
    last day. None for what is not known; ``full_in`` also where the disk does not fill."""

    software: str
    schema: str | None
    database_size: float | None
    log_size: float | None
    disk_free: float | None
    commit: float | None
    commit_most: float | None
    full_in: float | None


def health(database: Database) -> Health:
    """From the samples of the last day, and what the database says of itself."""
    span = Span.last(DAY, BINS, database.now())
    known = [level for level in levels(database, span) if level.pending is not None]
    last = known[-1] if known else Level(span.until)
    sizes = (last.database_size, last.log_size, last.disk_free, last.commit, last.commit_most)
    return Health(database.software(), schema.version(database), *sizes, full_in(known))


def full_in(known: list[Level]) -> float | None:
    """Seconds until nothing is free, on the line that fits what was free best; None where it leads nowhere soon."""
    points = [(level.at / SECOND, level.disk_free) for level in known if level.disk_free is not None]
    if len(points) < FEWEST:
        return None
    slope, _ = linear_regression(*zip(*points, strict=True))
    left = -points[-1][1] / slope if slope < 0 else FOR_EVER
    return left if left < FOR_EVER else None
