"""Maintenance duties: when each is due, its failures in a row, and what follows from them."""

import threading
from collections.abc import Callable, Sequence

from pqkit.db import Database
from pqkit.domain.outcomes import summarize
from pqkit.errors import DatabaseUnavailable
from pqkit.log import get_logger
from pqkit.maintenance.facade import Upkeep
from pqkit.maintenance.leader import DUTY_SECONDS

EARLY = 0.1
FAILURES = 3
REST, LONGEST_REST = 60.0, 3_600.0
VACANT = 2 * DUTY_SECONDS


class Duty:
    """One duty. A worker on which a ``vital`` duty keeps failing leaves maintenance to others."""

    def __init__(self, name: str, every: float, work: Callable[[], object], *, vital: bool = False) -> None:
        self.name, self.vital = name, vital
        self.on_record = False
        self.begin_anew()
        self.done = 0.0
        self._every, self._work, self._next = every, work, 0.0

    def begin_anew(self) -> None:
        """Reset the count of failures."""
        self.failed, self.failing_since = 0, 0.0

    def run_if_due(self, now: float) -> bool:
        """Run the duty if it is due; True if it ran.

        A run slightly before its time counts: otherwise the next would be far too late.
        """
        if now < self._next:
            return False
        self._next = now + self._every - EARLY
        self._work()
        self.done = now
        return True

    @property
    def hopeless(self) -> bool:
        """True after too many failures in a row for an accident."""
        return self.failed >= FAILURES


class Watched:
    """Runs duties independently: logs a failing one once, and records it while it fails."""

    def __init__(self, database: Database, worker_id: int) -> None:
        self._database, self._upkeep, self._worker_id = database, Upkeep(database), worker_id
        self._log = get_logger("maintenance")

    def run(self, duties: Sequence[Duty], now: float) -> None:
        """Run the due duties; if the database is unavailable, leave the rest for the next time."""
        for duty in duties:
            try:
                if duty.run_if_due(now):
                    self._succeeded(duty)
            except DatabaseUnavailable as error:
                self._failed(duty, error, now)
                return
            except Exception as error:  # noqa: BLE001 - a failing duty must not end the others
                self._failed(duty, error, now)

    def _succeeded(self, duty: Duty) -> None:
        if duty.failed:
            self._log.info("a maintenance duty works again", duty=duty.name)
        if duty.on_record:
            self._upkeep.forget_failure(self._worker_id, duty.name)
        duty.begin_anew()
        duty.on_record = False

    def _failed(self, duty: Duty, error: Exception, now: float) -> None:
        duty.failed += 1
        duty.failing_since = duty.failing_since or now
        words = summarize(error)
        if duty.failed == 1:
            away = isinstance(error, DatabaseUnavailable)
            said = "maintenance waits for the database" if away else "a maintenance duty failed"
            (self._log.warning if away else self._log.error)(said, duty=duty.name, error=words)
        if duty.hopeless and not duty.on_record:
            try:
                self._upkeep.note_failure(self._worker_id, duty.name, words)
                duty.on_record = True
            except Exception:  # noqa: BLE001, S110 - a worker that cannot write cannot report it either
                pass


class Rest:
    """Decides when a worker that gave maintenance up may take it again: later, or if none can."""

    def __init__(self) -> None:
        self._seconds, self._until = REST, 0.0
        self._vacant_since: float | None = None

    def begin(self, now: float) -> None:
        self._until, self._vacant_since = now + self._seconds, None
        self._seconds = min(2 * self._seconds, LONGEST_REST)

    def is_over(self, now: float) -> bool:
        return now >= self._until

    def allows(self, now: float, *, vacant: bool) -> bool:
        """True if this worker may take the duty; ``vacant``: no worker holds it.

        A healthy worker takes a vacant duty within a second. If it stays vacant for longer, all workers are as
        unhealthy as this one.
        """
        if self.is_over(now):
            return True
        self._vacant_since = (self._vacant_since or now) if vacant else None
        return self._vacant_since is not None and now - self._vacant_since >= VACANT


class Aside(threading.Thread):
    """A thread for slow duties, such as counting a huge queue, or duties that a disk may block.

    The rescue of jobs must not wait for them.
    """

    def __init__(self, name: str, watched: Watched, duties: Sequence[Duty], clock: Callable[[], float]) -> None:
        super().__init__(name=name, daemon=True)
        self._watched, self._duties, self._clock = watched, duties, clock
        self._go, self._ended = threading.Event(), False

    def go_on(self) -> None:
        """Start the due duties, unless they are still running."""
        if self.ident is None:
            self.start()
        self._go.set()

    def stop(self, patience: float) -> None:
        self._ended = True
        self._go.set()
        if self.ident is not None:
            self.join(patience)

    def run(self) -> None:
        while self._go.wait() and not self._ended:
            self._go.clear()
            self._watched.run(self._duties, self._clock())
