"""Real worker processes on a queue of their own, and the gate before it: jobs gather while the queue is paused."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from pqkit.bench.scale import Ground
from pqkit.domain.states import JobState
from pqkit.errors import PqkitError
from pqkit.lab import wait_until
from pqkit.lab.harness.fleet import Fleet, Member
from pqkit.lab.harness.noop_tasks import noop
from pqkit.queries import at_rest, counts
from pqkit.queue import Queue

TASKS = "pqkit.lab.harness.noop_tasks,pqkit.lab.harness.workloads"
BATCH_BYTES = 10_000_000
LOOK_EVERY = 0.005


class WorkerDied(PqkitError):
    """A worker ended that was to be measured."""


class Drained(NamedTuple):
    """So many jobs in so many seconds."""

    jobs: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.jobs / self.seconds


class Crew:
    """A fleet of workers behind a gate. ``drain`` opens it and measures."""

    def __init__(self, fleet: Fleet, queue: Queue) -> None:
        self.fleet, self.queue = fleet, queue
        self._gate = queue.operator("bench")
        self._gate.pause("default")

    @contextmanager
    def working(self, count: int, *options: str, without: str = "") -> Iterator[Sequence[Member]]:
        """Have so many workers with these options, all of them ready; ``without`` takes something away for a control
        (``pqkit.lab.harness.faults``)."""
        tasks = f"{TASKS},pqkit.lab.harness.fault_plugin" if without else TASKS
        members = [self.fleet.worker(*options, fault=without, tasks=tasks) for _ in range(count)]
        self.fleet.wait_ready(members)
        try:
            yield members
        finally:
            self.fleet.stop()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let the workers claim; afterwards, what they have claimed has ended."""
        self._gate.resume("default")
        try:
            yield
        finally:
            self._gate.pause("default")
        wait_until(lambda: not counts(self.queue.database)[JobState.PROCESSING], what="the end of what was claimed")

    def drain(self, jobs: int, seconds: float, size: int = 0) -> Drained:
        """Have so many pending jobs, with texts of ``size`` characters; then let the workers complete them all, or as
        many as they can in that time, but at least one. WorkerDied when one of them does not live to the end."""
        self.fill(jobs, size)
        before = self._completed()
        with self.opened():
            begun = time.perf_counter()
            while not at_rest(self.queue.database) and not self._over(begun + seconds, before):
                time.sleep(LOOK_EVERY)
            taken, done = time.perf_counter() - begun, self._completed() - before
        return Drained(done, taken)

    def _over(self, end: float, before: int) -> bool:
        self._check()
        return time.perf_counter() >= end and self._completed() > before

    def _check(self) -> None:
        for member in self.fleet.bury():
            last = member.log_file.read_text().splitlines()[-1:]
            raise WorkerDied(f"worker {member.name} ended while it was measured: {' '.join(last)}")

    def fill(self, jobs: int, size: int = 0) -> None:
        """Add what is missing to so many pending jobs."""
        missing, step = jobs - counts(self.queue.database)[JobState.PENDING], BATCH_BYTES // (1_000 + size)
        text = {"text": "x" * size} if size else {}
        for first in range(0, missing, step):
            many = range(first, min(first + step, missing))
            self.queue.enqueue_many(noop, [{"n": n, **text} for n in many])

    def _completed(self) -> int:
        return counts(self.queue.database)[JobState.COMPLETED]


@contextmanager
def crew(ground: Ground, **settings: object) -> Iterator[Crew]:
    """A crew on a new queue, whose workers have these settings. The queue is gone afterwards."""
    with (
        ground.scratch() as place,
        Fleet(place, (), durability=ground.durability, **settings) as fleet,
        ground.queue(place) as queue,
    ):
        yield Crew(fleet, queue)
