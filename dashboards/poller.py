"""The poller: one thread queries the database, and every session reads the last snapshot."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from pqkit import queries
from pqkit.backup.backup_folder import Kept, newest
from pqkit.domain.durations import SECOND
from pqkit.log import get_logger
from pqkit.queries import Span
from pqkit.queue import Queue, get_queue
from pqkit.settings import settings
from pqkit.supervise import NoSupervisor, Process, Supervisor

from .queue_snapshot import Pace, Snapshot

EVERY = 1.0
REST, LONGEST_REST = 9, 15.0
"""The poller rests for ``REST`` times the duration of a poll, since a huge queue takes long to read.

It rests at most ``LONGEST_REST`` seconds: a poll may be slow because the machine stood still.
"""
SELDOM = 10
Listener = Callable[[Queue | None, Snapshot], None]


class Feed:
    """Polls every second and calls the listeners; their further queries are part of the poll."""

    def __init__(self, open_queue: Callable[[], Queue]) -> None:
        self.latest = Snapshot()
        self.listeners: list[Listener] = []
        self._open = open_queue
        self._queue: Queue | None = None
        self._failed: set[Listener] = set()
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
        """The queue, reopened if its file was replaced. Raises PqkitError while it is unavailable."""
        with self._opening:
            if self._queue is not None and self._queue.database.replaced():
                self._queue.close()  # open connections would still read the deleted file
                self._queue = None
            self._queue = self._queue or self._open()
            return self._queue

    def look(self) -> None:
        """Poll once; an error becomes part of the snapshot, beside the last good data."""
        last, began = self.latest, time.perf_counter()
        try:
            queue: Queue | None = self.queue()
            found = replace(self._ask(self.queue(), last), took=last.took)
        except Exception as error:  # noqa: BLE001 - the pages must report any error and try again
            queue, found = None, self._without(last, str(error) or type(error).__name__)
        self._tell(queue, found)
        self.latest = found if queue is None else replace(found, took=time.perf_counter() - began)

    def _without(self, last: Snapshot, reason: str) -> Snapshot:
        if last.away is None:
            get_logger("feed").error("the database cannot be read", error=reason)
        since = last.away_since or time.time_ns() // 1000
        return replace(last, version=last.version + 1, away=reason, away_since=since)

    def _tell(self, queue: Queue | None, found: Snapshot) -> None:
        """Call each listener separately: an error there says nothing about the database."""
        for listener in self.listeners:
            try:
                listener(queue, found)
            except Exception as error:  # noqa: BLE001 - as above
                if listener not in self._failed:
                    get_logger("feed").error("the pages cannot be renewed", error=str(error) or type(error).__name__)
                self._failed.add(listener)
            else:
                self._failed.discard(listener)

    def _ask(self, queue: Queue, last: Snapshot) -> Snapshot:
        database, version = queue.database, last.version + 1
        standing = queries.standing(database) or queries.count_now(database)
        seldom = version % SELDOM == 1
        workers = tuple(queries.workers(database))
        others = {worker.id for worker in workers} != {worker.id for worker in last.workers}
        pending = [queue.name for queue in standing.queues if queue.pending]
        return Snapshot(
            version=version,
            at=database.now(),
            counts=standing.counts,
            queues=tuple(standing.queues),
            workers=workers,
            unserved=tuple(queries.unserved(database, ahead_in=pending)) if seldom or others else last.unserved,
            pace=pace(queue),
            outlook=queries.outlook(database),
            health=queries.health(database) if seldom else last.health,
            processes=processes() if seldom else last.processes,
            backup=last_backup() if seldom else last.backup,
            obstacle=queries.obstacle(database),
        )

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            began = time.monotonic()
            self.look()
            took = time.monotonic() - began
            pause = max(EVERY - took, min(REST * took, LONGEST_REST))


def pace(queue: Queue) -> Pace:
    """The rates of the last minute."""
    span = Span.last(60, 60 / 6, queue.database.now())
    bins = queries.flow(queue.database, span)
    seconds = span.step / SECOND
    ended = [sum(getattr(each, name) for each in bins) * seconds for name in ("failed", "timed_out", "crashed")]
    known = [(level.at, level.pending) for level in queries.levels(queue.database, span) if level.pending is not None]
    before, since = (known[0][1], (span.until - known[0][0]) / SECOND) if len(known) > 1 else (None, 60.0)
    return Pace(
        sum(each.completed for each in bins) * seconds,
        sum(ended),
        sum(each.enqueued for each in bins) * seconds,
        before,
        since,
    )


def processes() -> tuple[Process, ...]:
    """The processes of `pqkit up` in this folder; none if it does not run."""
    try:
        return tuple(process for process in Supervisor.connect().processes() if process.state != "stopped")
    except NoSupervisor:
        return ()


def last_backup() -> Kept | None:
    """The newest backup in the backup folder; None if this process cannot read the folder."""
    folder = settings().backups
    try:
        return newest(folder) if folder is not None else None
    except OSError:
        return None


@cache
def shared() -> Feed:
    """The one feed of this process, on the queue of the settings. It never creates a database."""
    return Feed(lambda: get_queue(create=False)).start()
