"""Counters since a moment, by queue, as meters add them up."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from sqlalchemy import select

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.queries.latency import histogram_of
from pqkit.sql.definitions.tables import ROLLUP

WIDEST = 3_600 * SECOND
"""Microseconds of the widest roll-up; a span of whole multiples splits no roll-up."""


@dataclass
class Metered:
    """Counts by outcome, including ``enqueued``, and wait and run times.

    ``waits`` and ``runs`` are histograms, ``waited`` and ``ran`` are microseconds in total.
    """

    counts: Counter[str] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)
    runs: Counter[int] = field(default_factory=Counter)
    waited: int = 0
    ran: int = 0

    def add(self, other: "Metered") -> None:
        self.counts.update(other.counts)
        self.waits.update(other.waits)
        self.runs.update(other.runs)
        self.waited += other.waited
        self.ran += other.ran


def metered(database: Database, since: int, until: int | None = None) -> dict[str, Metered]:
    """Sum up the roll-ups from ``since`` up to ``until``, by queue.

    Both are microseconds, multiples of ``WIDEST``.
    """
    columns = ("queue", "outcome", "count", "waited", "ran", "waits", "runs")
    asked = select(*(ROLLUP.c[name] for name in columns)).where(ROLLUP.c.width.in_((1, 60, 600, 3_600)))
    asked = asked.where(ROLLUP.c.at >= since, *([ROLLUP.c.at < until] if until is not None else []))
    found: dict[str, Metered] = defaultdict(Metered)
    with database.look() as connection:
        for queue, outcome, count, waited, ran, waits, runs in connection.execute(asked):
            one = Metered(Counter({outcome: count}), Counter(histogram_of(waits)), Counter(histogram_of(runs)))
            one.waited, one.ran = waited, ran
            found[queue].add(one)
    return found
