"""How long jobs wait and run, from the roll-ups that workers keep: no job is counted."""

import json
from collections import Counter
from typing import NamedTuple

from sqlalchemy import select

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.histogram import quantile
from pqkit.sql.definitions.tables import ROLLUP


class Times(NamedTuple):
    """Runs that ended, and in seconds: how long half of them and 95 % of them waited at most, from when they were due,
    and how long they ran. None where none ended."""

    runs: int
    wait_p50: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p95: float | None


def times(database: Database, seconds: float = 60) -> Times:
    """Of the runs that ended in the last ``seconds``, up to the last heartbeats; crashes are not among them."""
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
    """A stored histogram, as ``pqkit.domain.histogram`` takes it."""
    return {int(index): count for index, count in json.loads(histogram).items()}
