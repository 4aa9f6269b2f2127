"""What the pages show: one thread asks the database, every session reads its last answer."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from pqkit import queries
from pqkit.queue import Queue, get_queue
from pqkit.states import JobState

EVERY = 1.0
UNSERVED_EVERY = 10
KEPT_SECONDS = 600
DEAD = queries.Filter(states=(JobState.FAILED, JobState.UNPROCESSABLE))
SHOWN_DEAD = 6


class Sample(NamedTuple):
    """One point of the live charts; ``at`` in microseconds UTC, rates per minute over the last minute."""

    at: int
    completed: float
    failed: float
    pending: int
    processing: int


@dataclass(frozen=True)
class Snapshot:
    """The last answer. ``version`` grows with each; ``away`` says why there is no newer data since ``away_since``."""

    version: int = 0
    at: int | None = None
    counts: dict[JobState, int] | None = None
    queues: tuple[queries.QueueView, ...] = ()
    workers: tuple[queries.WorkerView, ...] = ()
    dead: tuple[queries.JobView, ...] = ()
    unserved: tuple[queries.Unserved, ...] = ()
    samples: tuple[Sample, ...] = ()
    obstacle: queries.Obstacle | None = None
    away: str | None = None
    away_since: int | None = None


class Feed:
    """Asks every second, but rests nine times as long as an answer takes: a huge table costs a tenth of its time."""

    def __init__(self, open_queue: Callable[[], Queue]) -> None:
        self.latest = Snapshot()
        self._open = open_queue
        self._queue: Queue | None = None
        self._samples: deque[Sample] = deque(maxlen=int(KEPT_SECONDS / EVERY))
        self._opening = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> "Feed":
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def queue(self) -> Queue:
        """The queue, opened anew where its file is another one than before. Raises PqkitError while it is away."""
        with self._opening:
            if self._queue is not None and self._queue.database.replaced():
                self._queue.close()  # open connections would go on reading a file that is gone
                self._queue = None
            self._queue = self._queue or self._open()
            return self._queue

    def look(self) -> None:
        """Ask once; what goes wrong becomes part of the answer, beside the last good data."""
        last = self.latest
        try:
            self.latest = self._ask(last.version + 1)
        except Exception as error:  # noqa: BLE001 - whatever it is, the pages must say so and try again
            since = last.away_since or time.time_ns() // 1000
            reason = str(error) or type(error).__name__
            self.latest = replace(last, version=last.version + 1, away=reason, away_since=since)

    def _ask(self, version: int) -> Snapshot:
        database = self.queue().database
        now, counts, rates = database.now(), queries.counts(database), queries.rates(database, 60)
        self._samples.append(
            Sample(now, rates.finished, rates.failed, counts[JobState.PENDING], counts[JobState.PROCESSING])
        )
        return Snapshot(
            version=version,
            at=now,
            counts=counts,
            queues=tuple(queries.queues(database)),
            workers=tuple(queries.workers(database)),
            dead=tuple(queries.jobs(database, DEAD, limit=SHOWN_DEAD)),
            # Reads every pending job, so it is asked less often than the rest.
            unserved=self.latest.unserved if version % UNSERVED_EVERY else tuple(queries.unserved(database)),
            samples=tuple(self._samples),
            obstacle=queries.obstacle(database),
        )

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            began = time.monotonic()
            self.look()
            pause = max(EVERY, 9 * (time.monotonic() - began))


@cache
def shared() -> Feed:
    """The one feed of this process, on the queue that the settings name. It never creates a database."""
    return Feed(lambda: get_queue(create=False)).start()
