"""A queue's rate limit, kept by several workers: the exact rate, and never more."""

import time
from itertools import pairwise
from typing import NamedTuple

from pqkit.audit.limit_rules import SETTLING
from pqkit.domain.durations import SECOND
from pqkit.domain.queue_limits import QueueSettings
from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness.fleet import Fleet
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queries.audit_history import audit
from pqkit.queries.time_range import Span, runs

TASK = "lab.count"
WITHIN = 0.02
WORDS = {None: "a second's worth at once", 1: "one at once"}


class Measured(NamedTuple):
    """The starts after the first burst, their expected number, and the shortest gap in seconds."""

    words: str
    started: int
    wanted: int
    gap: float

    @property
    def off(self) -> float:
        return self.started / self.wanted - 1


def rates(
    place: Scratch,
    rate: int = 20,
    seconds: float = 60,
    workers: int = 4,
    *,
    fault: str = "",
    progress: Progress = silent,
) -> Result:
    """Let ``workers`` keep a rate (jobs a second) for ``seconds``.

    The rate is kept once with the default burst, and once with a burst of one job.
    """
    found: list[Measured] = []
    with Fleet(place, slots=4) as fleet:
        fleet.wait_ready([fleet.worker(fault=fault) for _ in range(workers)])
        for number, burst in enumerate(WORDS):
            progress(number / len(WORDS), WORDS[burst])
            found.append(_one(fleet, f"rate-{number}", QueueSettings(rate=rate, rate_burst=burst), seconds))
        fleet.stop()
        broken = audit(fleet.queue.database).findings
    findings = [
        Finding("rate kept", None, f"{one.words}: {one.started} jobs started, {one.wanted} should have")
        for one in found
        if abs(one.off) > WITHIN
    ]
    findings += [Finding("audit clean", each.job_id, f"{each.rule}: {each.words}") for each in broken]
    told = "; ".join(f"{one.words} {one.off:+.2%}, {one.gap * 1000:.0f} ms apart at least" for one in found)
    figure = f"rates: {rate} a second for {seconds:g} s on {workers} workers: {told}"
    numbers: dict[str, object] = {one.words: {**one._asdict(), "off": one.off} for one in found}
    return Result(figure, numbers, findings)


def _one(fleet: Fleet, name: str, settings: QueueSettings, seconds: float) -> Measured:
    """Queue jobs behind a pause, and count the starts from the first one on."""
    operator, database, rate = fleet.queue.operator("lab"), fleet.queue.database, settings.rate or 0
    operator.pause(name)
    operator.set_queue(name, rate=rate, rate_burst=settings.rate_burst)
    settled = database.now() + SETTLING
    fleet.queue.enqueue_many(TASK, [{"n": 1}] * round(rate * (seconds + 5)), queue=name)
    wait_until(lambda: database.now() > settled, what="a moment in which an audit looks away")
    resumed = database.now()
    operator.resume(name)
    wait_until(lambda: runs(database, Span(resumed, queues=[name])), what="the first start")
    time.sleep(seconds + 0.5)  # the measured time
    operator.pause(name)
    starts = sorted(run.claimed_at for run in runs(database, Span(resumed, queues=[name])))
    inside = [at for at in starts if at <= starts[0] + seconds * SECOND]
    gap = min((late - early for early, late in pairwise(starts[settings.burst - 1 :])), default=0) / SECOND
    return Measured(WORDS[settings.rate_burst], len(inside) - settings.burst, round(rate * seconds), gap)
