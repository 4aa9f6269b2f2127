"""Offered against served load: a ramp past saturation, and the cost of a job.

The cost is measured as backlogs and arguments grow. Only ratios are judged, because machines differ: half of the
workers' capacity must be served, and more than the capacity cannot be.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import quantiles
from typing import NamedTuple

import psutil

from pqkit.domain.durations import SECOND
from pqkit.domain.states import JobState
from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness.fleet import Fleet, Member
from pqkit.lab.harness.noop_tasks import noop
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import at_rest, counts
from pqkit.queries.time_range import Span, runs

TASKS = "pqkit.lab.harness.noop_tasks,pqkit.lab.harness.workloads"
SLOTS = 4
TICK = 0.02
PARTS = (0.25, 0.5, 0.75, 1.0, 1.5)
SERVED, COSTLIER, PATIENCE = 0.7, 5.0, 600.0
BATCH = 5_000


class Step(NamedTuple):
    """One load step: ``offered`` and ``reached`` jobs per second, and the waits in seconds."""

    offered: float
    reached: float
    wait_p50: float
    wait_p95: float
    pending: int


class Cost(NamedTuple):
    """Processor milliseconds of all workers per no-op job, for one size of backlog."""

    what: str
    backlog: int
    characters: int
    milliseconds: float
    per_second: float


def load(
    place: Scratch,
    *,
    seconds: float = 2,
    workers: int = 2,
    nap: float = 0.05,
    backlogs: Sequence[int] = (1_000, 4_000),
    payloads: Sequence[int] = (20, 2_000),
    progress: Progress = silent,
) -> Result:
    """Ramp the load past the capacity of the workers, then measure no-op jobs.

    Each step of the ramp lasts ``seconds``, with jobs of ``nap`` seconds on ``workers`` with four slots. Then no-op
    jobs drain from each backlog, and with arguments of each size.
    """
    with Fleet(place, heartbeat=1, log_level="warning") as fleet:
        members = [fleet.worker("--slots", str(SLOTS), tasks=TASKS) for _ in range(workers)]
        fleet.wait_ready(members)
        able = workers * SLOTS / nap
        steps = []
        for number, part in enumerate(PARTS):
            progress(number / len(PARTS) / 2, f"{part:.0%} of what {workers} workers can do")
            steps.append(_step(fleet, part * able, seconds, nap))
        costs = []
        wanted = [(backlog, payloads[0]) for backlog in backlogs] + [(backlogs[0], size) for size in payloads[1:]]
        for number, (backlog, size) in enumerate(wanted):
            progress(0.5 + number / len(wanted) / 2, f"a backlog of {backlog:,} with {size:,} characters each")
            costs.append(_cost(fleet, members, backlog, size, min(backlogs)))
        fleet.stop()
    knee, cost = knee_of(steps), costs[0].milliseconds
    figure = f"load: {workers} workers follow up to {knee:,.0f} of {able:,.0f} jobs/s; {cost:.2f} ms a job"
    numbers: dict[str, object] = {"able": able, "knee": knee, "cost_ms": cost}
    return Result(figure, numbers, judge(steps, costs), tables={"steps": steps, "costs": costs})


def knee_of(steps: Sequence[Step]) -> float:
    """The highest offered load of which at least 90 % was served; 0 if there is none."""
    return max((step.offered for step in steps if step.reached >= 0.9 * step.offered), default=0.0)


def judge(steps: Sequence[Step], costs: Sequence[Cost]) -> list[Finding]:
    """The findings against the queue, in ratios."""
    half, most, first = steps[1], steps[-1], costs[0]
    able = most.offered / PARTS[-1]
    found = {
        f"{half.reached:.0f} of {half.offered:.0f} jobs/s were done at half of what the workers can do": (
            half.reached < SERVED * half.offered
        ),
        f"{most.reached:.0f} jobs/s are more than {able:.0f}, which the slots can do": most.reached > 1.2 * able,
        f"jobs waited {most.wait_p50:.3f} s under too much load, and longer under half": most.wait_p50 < half.wait_p50,
        **{
            f"{cost.what}: {cost.milliseconds:.2f} ms a job, {first.milliseconds:.2f} ms with {first.what}": (
                cost.characters == first.characters and cost.milliseconds > COSTLIER * first.milliseconds
            )
            for cost in costs[1:]
        },
    }
    return [Finding("load follows the slots", None, words) for words, broken in found.items() if broken]


def _step(fleet: Fleet, offered: float, seconds: float, nap: float) -> Step:
    """Queue at a fixed rate, whatever the workers do.

    Jobs that end within the time count; the rest is drained.
    """
    database = fleet.queue.database
    since, begun, queued = database.now(), time.monotonic(), 0
    while (elapsed := time.monotonic() - begun) < seconds:
        wanted = int(offered * elapsed) - queued
        if wanted > 0:
            fleet.queue.enqueue_many("lab.nap", [{"seconds": nap}] * wanted)
            queued += wanted
        time.sleep(TICK)
    until, left = database.now(), counts(database)[JobState.PENDING]
    wait_until(lambda: at_rest(database), PATIENCE, "the end of a step")
    reached = len(runs(database, Span(since, until))) * SECOND / (until - since)
    waits = [((run.started_at or run.claimed_at) - run.due_at) / SECOND for run in runs(database, Span(since))]
    cuts = quantiles(waits, n=20, method="inclusive") if len(waits) > 1 else [0.0] * 19
    return Step(queued / seconds, reached, cuts[9], cuts[18], left)


def _cost(fleet: Fleet, members: Sequence[Member], backlog: int, size: int, sample: int) -> Cost:
    """Drain a sample of a backlog that grew behind a paused queue, then the rest of it."""
    database = fleet.queue.database
    before = counts(database)[JobState.COMPLETED]
    with _gate(fleet):
        for first in range(0, backlog, BATCH):
            calls = [{"n": n, "text": "x" * size} for n in range(first, min(first + BATCH, backlog))]
            fleet.queue.enqueue_many(noop, calls)
    used, begun = _processor(members), time.monotonic()
    wait_until(lambda: counts(database)[JobState.COMPLETED] >= before + sample, PATIENCE, "the sample's end")
    taken, done = time.monotonic() - begun, counts(database)[JobState.COMPLETED] - before
    milliseconds = 1000 * (_processor(members) - used) / done
    wait_until(lambda: at_rest(database), PATIENCE, "the backlog's end")
    return Cost(f"{backlog:,} pending, {size:,} characters", backlog, size, milliseconds, done / taken)


@contextmanager
def _gate(fleet: Fleet) -> Iterator[None]:
    operator = fleet.queue.operator("lab")
    operator.pause("default")
    yield
    operator.resume("default")


def _processor(members: Sequence[Member]) -> float:
    """The processor seconds that the workers have used."""
    return float(sum(sum(psutil.Process(member.pid).cpu_times()[:2]) for member in members))
