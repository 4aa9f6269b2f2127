"""Real worker processes on their own queue, behind a gate: jobs gather while it is paused."""

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
    """A worker ended while it was measured."""


class Drained(NamedTuple):
    """A number of jobs, and the seconds that they took."""

    jobs: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.jobs / self.seconds


class Crew:
    """A fleet of workers behind a gate; ``drain`` opens the gate and measures."""

    def __init__(self, fleet: Fleet, queue: Queue) -> None:
        self.fleet, self.queue = fleet, queue
        self._gate = queue.operator("bench")
        self._gate.pause("default")

    @contextmanager
    def working(self, count: int, *options: str, without: str = "") -> Iterator[Sequence[Member]]:
        """Run ``count`` workers with these options, all of them ready.

        ``without`` takes something away for a control measurement (``pqkit.lab.harness.faults``).
        """
        tasks = f"{TASKS},pqkit.lab.harness.fault_plugin" if without else TASKS
        members = [self.fleet.worker(*options, fault=without, tasks=tasks) for _ in range(count)]
        self.fleet.wait_ready(members)
        try:
            yield members
        finally:
            self.fleet.stop()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let the workers claim; afterwards, wait for the end of all claimed jobs."""
        self._gate.resume("default")
        try:
            yield
        finally:
            self._gate.pause("default")
        wait_until(lambda: not counts(self.queue.database)[JobState.PROCESSING], what="the end of what was claimed")

    def drain(self, jobs: int, seconds: float, size: int = 0) -> Drained:
        """Measure how fast the workers complete ``jobs`` pending jobs with texts of ``size``.

        ``size`` is in characters. The measurement ends when all jobs are completed, or after ``seconds`` if at least
        one is. Raises WorkerDied if a worker ends before.
        """
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
        """Enqueue the jobs that are missing to ``jobs`` pending ones."""
        missing, step = jobs - counts(self.queue.database)[JobState.PENDING], BATCH_BYTES // (1_000 + size)
        text = {"text": "x" * size} if size else {}
        for first in range(0, missing, step):
            many = range(first, min(first + step, missing))
            self.queue.enqueue_many(noop, [{"n": n, **text} for n in many])

    def _completed(self) -> int:
        return counts(self.queue.database)[JobState.COMPLETED]


@contextmanager
def crew(ground: Ground, **settings: object) -> Iterator[Crew]:
    """Run a crew on a new queue, whose workers have these settings; then delete the queue."""
    with (
        ground.scratch() as place,
        Fleet(place, (), durability=ground.durability, **settings) as fleet,
        ground.queue(place) as queue,
    ):
        yield Crew(fleet, queue)
