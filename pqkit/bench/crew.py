"""Real worker processes on a queue of their own, and the gate before it: jobs gather while the queue is paused."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pqkit.bench.ground import Ground
from pqkit.bench.tasks import noop
from pqkit.lab import wait_until
from pqkit.lab.fleet import Fleet
from pqkit.queries import at_rest, counts
from pqkit.queue import Queue
from pqkit.states import JobState

TASKS = "pqkit.bench.tasks"
BATCH = 10_000
LOOK_EVERY = 0.005


class Crew:
    """A fleet of workers behind a gate. ``drain`` opens it and measures."""

    def __init__(self, fleet: Fleet, queue: Queue) -> None:
        self.fleet, self.queue = fleet, queue
        self._operator = queue.operator("bench")
        self._close()

    @contextmanager
    def working(self, count: int, *options: str) -> Iterator[None]:
        """Have so many workers with these options, all of them ready."""
        members = [self.fleet.worker(*options, tasks=TASKS) for _ in range(count)]
        self.fleet.wait_ready(members)
        try:
            yield
        finally:
            self.fleet.stop()
            self.fleet.members.clear()

    def fill(self, jobs: int, size: int = 0) -> None:
        """Have so many pending jobs, the new ones with a text of so many characters."""
        missing = jobs - counts(self.queue.database)[JobState.PENDING]
        for first in range(0, missing, BATCH):
            many = range(first, min(first + BATCH, missing))
            self.queue.enqueue_many(noop, [{"n": n, "text": "x" * size} if size else {"n": n} for n in many])

    def drain(self, seconds: float) -> float:
        """Jobs per second that are completed from the opening of the gate until all are, or the time is over."""
        before = self._completed()
        self._operator.resume("default")
        begun = time.perf_counter()
        while not (rest := at_rest(self.queue.database)) and time.perf_counter() - begun < seconds:
            time.sleep(LOOK_EVERY)
        taken, done = time.perf_counter() - begun, self._completed() - before
        self._close()
        if not rest:
            wait_until(lambda: not counts(self.queue.database)[JobState.PROCESSING], what="the end of what was claimed")
        return done / taken

    def _completed(self) -> int:
        return counts(self.queue.database)[JobState.COMPLETED]

    def _close(self) -> None:
        self._operator.pause("default")


@contextmanager
def crew(ground: Ground) -> Iterator[Crew]:
    """A crew on a new queue."""
    place = ground.place()
    with Fleet(place, durability=ground.durability) as fleet, ground.queue(place) as queue:
        yield Crew(fleet, queue)
