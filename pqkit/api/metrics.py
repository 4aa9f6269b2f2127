"""The `/metrics` endpoint for Prometheus.

Its cost does not grow with the number of jobs: it reads the last sample and the roll-ups. Labels are bounded: states,
outcomes, and the names of at most 50 queues.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from pqkit import queries
from pqkit.api.authentication import needs
from pqkit.api.strict_requests import StrictRoute
from pqkit.auth import Principal
from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.histogram import bounds
from pqkit.queries import Metered, QueueView, Standing, WorkerView
from pqkit.queries.prometheus_counters import WIDEST
from pqkit.settings import settings

router = APIRouter(route_class=StrictRoute, tags=["health"])
MOST_QUEUES = 50
OTHERS = "(others)"
ENQUEUED = "enqueued"
BOUNDS = [2**power for power in range(10, 33, 2)]
"""Bucket bounds in microseconds, from 1 ms to over an hour; buckets of ``pqkit.domain.histogram`` end at them, so that
none is split."""
SETTLED = 2 * WIDEST
"""Microseconds after which no worker adds to a roll-up."""


@router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
def metrics(request: Request, _who: Annotated[Principal, Depends(needs("look"))]) -> PlainTextResponse:
    """The queue in the text format of Prometheus."""
    meter = cast("Meter", request.app.state.meter)
    return PlainTextResponse(generate_latest(meter.registry), media_type=CONTENT_TYPE_LATEST)


class Meter(Collector):
    """Counts from its own start, as Prometheus counters do.

    Old roll-ups are pruned, but the counters only grow.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mutex = threading.Lock()
        self._since: int | None = None
        self._settled: dict[str, Metered] = defaultdict(Metered)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def describe(self) -> list[Metric]:
        """Return nothing, so that a registration does not query the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        found = queries.standing(self._database) or queries.count_now(self._database)
        yield _gauge("jobs", "Jobs by state.", "state", dict(found.counts))
        yield from _queues(found.queues, self._database.now())
        yield from _workers(queries.workers(self._database))
        yield from _sizes(found)
        yield from _counted(self._counted())

    def _counted(self) -> dict[str, Metered]:
        with self._mutex:
            hour = self._database.now() // WIDEST * WIDEST
            since = hour if self._since is None else self._since
            if hour - since > SETTLED:
                _add(self._settled, queries.metered(self._database, since, hour - SETTLED))
                since = hour - SETTLED
            self._since = since
            whole: dict[str, Metered] = defaultdict(Metered)
            _add(whole, self._settled)
            _add(whole, queries.metered(self._database, since))
        return whole


def _add(to: dict[str, Metered], found: dict[str, Metered]) -> None:
    """Add counts by queue; beyond 50 queues, to ``(others)``."""
    for queue, each in sorted(found.items()):
        to[queue if queue in to or len(to) < MOST_QUEUES else OTHERS].add(each)


def _gauge(name: str, about: str, label: str | None, values: dict[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"pqkit_{name}", about, labels=[label] if label else [])
    for key, value in values.items():
        family.add_metric([str(key)] if label else [], value)
    return family


def _queues(found: list[QueueView], now: int) -> Iterator[Metric]:
    family = GaugeMetricFamily("pqkit_queue_jobs", "Unfinished jobs of a queue by state.", labels=["queue", "state"])
    shown, rest = found[:MOST_QUEUES], found[MOST_QUEUES:]
    others: Counter[str] = Counter()
    for state in ("pending", "scheduled", "retrying", "processing"):
        for view in shown:
            family.add_metric([view.name, state], getattr(view, state))
        others[state] = sum(getattr(view, state) for view in rest)
        if rest:
            family.add_metric([OTHERS, state], others[state])
    yield family
    ages = {view.name: view.oldest_pending_age or 0.0 for view in shown}
    if rest:
        ages[OTHERS] = max(view.oldest_pending_age or 0.0 for view in rest)
    yield _gauge("queue_oldest_pending_seconds", "How long the oldest pending job has waited.", "queue", ages)
    paused = {view.name: float(_is_paused(view, now)) for view in shown}
    yield _gauge("queue_paused", "1 while no worker may take jobs from the queue.", "queue", paused)


def _is_paused(view: QueueView, now: int) -> bool:
    return view.paused_at is not None and (view.paused_until is None or view.paused_until > now)


def _workers(found: list[WorkerView]) -> Iterator[Metric]:
    states = dict.fromkeys(("running", "stopping", "silent"), 0.0)
    for worker in found:
        age = worker.heartbeat_age
        silent = age is None or age > settings().rescue_after
        states["silent" if silent else "stopping" if worker.stopping else "running"] += 1
    yield _gauge("workers", "Living workers; a silent one has missed its heartbeats.", "state", dict(states))
    yield _gauge("slots", "Jobs that the living workers may run at once.", None, {None: sum(w.slots for w in found)})
    yield _gauge("slots_busy", "Jobs that they hold.", None, {None: sum(w.running for w in found)})


def _sizes(found: Standing) -> Iterator[Metric]:
    yield _gauge("sampled_timestamp_seconds", "When these numbers were taken.", None, {None: found.at / SECOND})
    if found.pulse is None:
        return
    pulse = found.pulse
    for name, about, value, unit in (
        ("commit_seconds", "How long a commit took, on average of the last sample.", pulse.commit_time, SECOND),
        ("commit_max_seconds", "How long the slowest commit of the last sample took.", pulse.commit_most, SECOND),
        ("database_bytes", "Size of the database.", pulse.database_size, 1),
        ("log_bytes", "Size of the write-ahead log.", pulse.log_size, 1),
        ("disk_free_bytes", "Free space where the database is.", pulse.disk_free, 1),
    ):
        if value is not None:
            yield _gauge(name, about, None, {None: value / unit})


def _counted(found: dict[str, Metered]) -> Iterator[Metric]:
    queued = CounterMetricFamily("pqkit_enqueued", "Jobs that came, since this process began.", labels=["queue"])
    ended = CounterMetricFamily("pqkit_runs", "Runs that ended, by outcome.", labels=["queue", "outcome"])
    waits = HistogramMetricFamily("pqkit_wait_seconds", "From when a job was due to its claim.", labels=["queue"])
    runs = HistogramMetricFamily("pqkit_run_seconds", "From a run's start to its end.", labels=["queue"])
    for queue, each in found.items():
        for outcome, count in sorted(each.counts.items()):
            if outcome == ENQUEUED:
                queued.add_metric([queue], count)
            else:
                ended.add_metric([queue, outcome], count)
        waits.add_metric([queue], _buckets(each.waits), each.waited / SECOND)
        runs.add_metric([queue], _buckets(each.runs), each.ran / SECOND)
    yield from (queued, ended, waits, runs)


def _buckets(counts: Counter[int]) -> list[tuple[str, float]]:
    ends = {index: bounds(index)[1] for index in counts}
    below = [
        (str(limit / SECOND), float(sum(counts[i] for i, end in ends.items() if end <= limit))) for limit in BOUNDS
    ]
    return [*below, ("+Inf", float(counts.total()))]
