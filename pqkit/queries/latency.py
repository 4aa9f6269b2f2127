"""Wait and run times of jobs, from the roll-ups that workers keep; it counts no jobs."""

import json
from collections import Counter
from typing import NamedTuple

from sqlalchemy import select

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.histogram import quantile
from pqkit.sql.definitions.tables import ROLLUP


class Times(NamedTuple):
    """Number of ended runs, and their wait and run times in seconds.

    p50 and p95 are the longest times of 50 % and 95 % of the runs. The wait starts when the job is due. None if no run
    ended.
    """

    runs: int
    wait_p50: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p95: float | None


def times(database: Database, seconds: float = 60) -> Times:
    """Return the times of the runs that ended in the last ``seconds``.

    It covers runs up to the last heartbeats, without crashes.
    """
    since = database.now() - round(seconds * SECOND)
    recent = select(ROLLUP.c.waits, ROLLUP.c.runs).where(ROLLUP.c.width.in_((1, 60, 600, 3_600)), ROLLUP.c.at >= since)
    waits: Counter[int] = Counter()
    runs: Counter[int] = Counter()
    with database.look() as connection:
        for waited, ran in connection.execute(recent):
            waits.update(histogram_of(waited))
            runs.update(histogram_of(ran))
    return Times(runs.total(), quantile(waits, 0.5), quantile(waits, 0.95), quantile(runs, 0.5), quantile(runs, 0.95))


def histogram_of(histogram: str) -> dict[int, int]:
    """Decode a stored histogram, as ``pqkit.domain.histogram`` takes it."""
    return {int(index): count for index, count in json.loads(histogram).items()}
