"""Time series from roll-ups and samples; the cost depends on the bins, not on the jobs."""

from collections import Counter, defaultdict
from statistics import fmean
from typing import Any, NamedTuple

from sqlalchemy import Integer, literal_column, select

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.histogram import quantile
from pqkit.queries.latency import histogram_of
from pqkit.sql.definitions.tables import DEPTH, PULSE, ROLLUP

QUANTILES = (0.5, 0.95, 0.99)
ENDED = ("completed", "failed", "timed_out", "crashed", "canceled")


class Span(NamedTuple):
    """A span from ``since`` up to ``until``, in bins of ``step``.

    All are microseconds; the moments are UTC and multiples of ``step``.
    """

    since: int
    until: int
    step: int

    @classmethod
    def last(cls, seconds: float, step: float, now: int) -> "Span":
        """Return the last ``seconds`` in bins of ``step`` seconds, including the one of ``now``."""
        wide = round(step * SECOND)
        until = now // wide * wide + wide
        return cls(until - -(-round(seconds * SECOND) // wide) * wide, until, wide)

    def bins(self) -> range:
        return range(self.since, self.until, self.step)


class Flow(NamedTuple):
    """Rates and times of a bin that begins at ``at``.

    Rates are enqueued jobs and ended attempts per second. Times are the longest waits and runs, in seconds, of 50, 95
    and 99 % of the attempts that ended; None if none ended.
    """

    at: int
    enqueued: float
    completed: float
    failed: float
    timed_out: float
    crashed: float
    canceled: float
    wait_p50: float | None
    wait_p95: float | None
    wait_p99: float | None
    run_p50: float | None
    run_p95: float | None
    run_p99: float | None


class Level(NamedTuple):
    """Sampled levels of a bin that begins at ``at``; None if nothing was sampled.

    The first are unfinished jobs by state, and the age of the oldest pending one in seconds. The others are of the
    whole: busy and existing slots, workers, bytes, and seconds of a commit.
    """

    at: int
    pending: float | None = None
    scheduled: float | None = None
    retrying: float | None = None
    processing: float | None = None
    oldest: float | None = None
    busy: float | None = None
    slots: float | None = None
    workers: float | None = None
    memory: float | None = None
    commit: float | None = None
    commit_most: float | None = None
    database_size: float | None = None
    log_size: float | None = None
    disk_free: float | None = None


def flow(database: Database, span: Span, *, queue: str | None = None, task: str | None = None) -> list[Flow]:
    """Return every bin of the span, from the roll-ups."""
    asked = select(ROLLUP.c.at, ROLLUP.c.outcome, ROLLUP.c["count"], ROLLUP.c.waits, ROLLUP.c.runs)
    asked = asked.where(ROLLUP.c.width.in_(_widths(span)), ROLLUP.c.at >= span.since, ROLLUP.c.at < span.until)
    for column, wanted in ((ROLLUP.c.queue, queue), (ROLLUP.c.task, task)):
        asked = asked.where(column == wanted) if wanted is not None else asked
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    waits: dict[int, Counter[int]] = defaultdict(Counter)
    runs: dict[int, Counter[int]] = defaultdict(Counter)
    with database.look() as connection:
        for at, outcome, count, waited, ran in connection.execute(asked):
            place = at // span.step * span.step
            counts[place][outcome] += count
            waits[place].update(histogram_of(waited))
            runs[place].update(histogram_of(ran))
    return [_flow(at, span.step / SECOND, counts[at], waits[at], runs[at]) for at in span.bins()]


def _flow(at: int, seconds: float, counts: Counter[str], waits: Counter[int], runs: Counter[int]) -> Flow:
    rates = (counts[name] / seconds for name in ("enqueued", *ENDED))
    return Flow(at, *rates, *(quantile(waits, q) for q in QUANTILES), *(quantile(runs, q) for q in QUANTILES))


def levels(database: Database, span: Span, *, queue: str | None = None) -> list[Level]:
    """Return every bin of the span, from the samples."""
    with database.look() as connection:
        pulses = [dict(row) for row in connection.execute(_samples(PULSE, span)).mappings()]
        asked = _samples(DEPTH, span)
        asked = asked if queue is None else asked.where(DEPTH.c.queue == queue)
        depths = [dict(row) for row in connection.execute(asked).mappings()]
    pulses_in: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for pulse in pulses:
        pulses_in[pulse["place"]].append(pulse)
    depths_in: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for depth in depths:
        depths_in[depth["place"]].append(depth)
    return [_level(at, pulses_in[at], depths_in[at]) if at in pulses_in else Level(at) for at in span.bins()]


def _samples(samples: Any, span: Span) -> Any:
    step = literal_column(str(span.step), Integer)
    place = ((samples.c.at // step) * step).label("place")
    columns = [column for column in samples.c if column.name not in {"id", "width", "queue", "counted_to"}]
    within = (samples.c.width.in_(_widths(span)), samples.c.at >= span.since, samples.c.at < span.until)
    return select(place, *columns).where(*within).order_by(samples.c.at)


def _widths(span: Span) -> list[int]:
    """Widths of the rows that fit into a bin."""
    return [width for width in (1, 60, 600, 3_600) if width == 1 or width * SECOND <= span.step]


def _level(at: int, pulses: list[dict[str, Any]], depths: list[dict[str, Any]]) -> Level:
    weights = {pulse["at"]: pulse["samples"] for pulse in pulses}
    whole, last = sum(weights.values()), pulses[-1]
    states = {
        name: sum(depth[name] * weights.get(depth["at"], 0) for depth in depths) / whole
        for name in ("pending", "scheduled", "retrying", "processing")
    }
    oldest = max((depth["oldest"] for depth in depths if depth["oldest"] is not None), default=0) / SECOND
    means = {n: sum(p[n] * p["samples"] for p in pulses) / whole for n in ("busy", "slots", "workers", "memory")}
    commits = [pulse["commit_time"] / SECOND for pulse in pulses if pulse["commit_time"] is not None]
    most = [pulse["commit_most"] / SECOND for pulse in pulses if pulse["commit_most"] is not None]
    sizes = {name: last[name] for name in ("database_size", "log_size", "disk_free")}
    commit = fmean(commits) if commits else None
    return Level(at, **states, oldest=oldest, **means, commit=commit, commit_most=max(most, default=None), **sizes)
