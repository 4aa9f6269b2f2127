"""A worker's heartbeat: sends reports, passes cancels on, detects that leases may be lost."""

import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from pqkit.db import Database
from pqkit.domain.outcomes import Claim, summarize
from pqkit.domain.payload import clean_text
from pqkit.errors import DatabaseUnavailable
from pqkit.leasing.worker_leases import Report
from pqkit.log import get_logger
from pqkit.process.wakeup_alignment import until_next
from pqkit.queue import Leases
from pqkit.worker.attempt import MAX_LINE
from pqkit.worker.executor import Run

MAX_REPORTS = 1_000
SAFE_PART = 0.8
LOUD_EVERY = 60
PATIENCE = 2.0
"""Seconds beyond a second grace for a forced handler to end."""


class Ill(StrEnum):
    """The reasons for which a worker must restart under a new identity."""

    DISOWNED = "its registry row was ended by somebody else"
    SILENT = "no heartbeat got through, and its lease may end soon"
    MOVED = "its database file was moved, removed or restored"
    STUCK = "a handler went on past its deadline or cancellation"


class Heart(threading.Thread):
    """Sends a heartbeat every ``every`` seconds, in its own thread.

    ``on_ill`` is called when this worker must end its life. Leases count from the *sending* of the last successful
    heartbeat, on the monotonic clock.
    """

    def __init__(
        self,
        leases: Leases,
        database: Database,
        runs: Callable[[], list[Run]],
        on_ill: Callable[[Ill], None],
        *,
        every: float,
        lease: float,
        grace: float,
    ) -> None:
        super().__init__(name="heart", daemon=True)
        self.stopping = False
        self._leases, self._database, self._runs, self._on_ill = leases, database, runs, on_ill
        self._every, self._safe_for, self._grace = every, lease * SAFE_PART, grace
        self._reports: deque[Report] = deque()
        self._done = threading.Event()
        self._last_good = time.monotonic()
        self._beats = 0
        self._log = get_logger("worker")

    def report(self, claim: Claim, fraction: float | None, text: str) -> None:
        """Keep a log line or progress note for the next heartbeat: at most 1,000, then drop."""
        if len(self._reports) < MAX_REPORTS:
            self._reports.append(Report(claim, self._database.now(), fraction, clean_text(text, MAX_LINE)))

    def take_reports(self) -> list[Report]:
        """Return the reports since the last take, for the next transaction."""
        taken = []
        while self._reports:
            taken.append(self._reports.popleft())
        return taken

    def give_back(self, reports: list[Report]) -> None:
        """Put back reports that could not be written yet."""
        self._reports.extendleft(reversed(reports))

    def watch(self) -> None:
        """Abort the wait for a hanging database before the lease can end.

        It aborts at the second check, so that a process that was itself paused can first send a heartbeat.
        """
        pause, was_overdue = self._safe_for, False
        while not self._done.wait(pause):
            left = self._last_good + self._safe_for - time.monotonic()
            if was_overdue and left <= 0:
                self._on_ill(Ill.SILENT)
                self._database.give_up()
            was_overdue = left <= 0
            pause = self._every if was_overdue else left

    def run(self) -> None:
        threading.Thread(target=self.watch, name="watchdog", daemon=True).start()
        try:
            while not self._done.wait(until_next(self._every)):
                self._beat()
                self._look_after(time.monotonic())
        except BaseException as error:
            self._log.error("the heart failed", error=summarize(error))
            self._on_ill(Ill.SILENT)
            raise

    def stop(self) -> None:
        self._done.set()

    def announce(self) -> None:
        """Record that this worker was told to stop: its end is no evidence against a job."""
        self.stopping = True
        self._leases.beat(stopping=True, running=False)

    def _beat(self) -> None:
        sent, reports = time.monotonic(), self.take_reports()
        try:
            beat = self._leases.beat(reports, stopping=self.stopping, running=bool(self._runs()))
        except DatabaseUnavailable as error:
            self.give_back(reports)
            self._log.warning("heartbeat not sent", error=str(error))
            if self._database.replaced():
                self._on_ill(Ill.MOVED)
            elif sent - self._last_good > self._safe_for:
                self._on_ill(Ill.SILENT)
            return
        if self._database.replaced():
            self._on_ill(Ill.MOVED)
        if not beat.registered:
            self._on_ill(Ill.DISOWNED)
            return
        self._last_good = sent
        self._tell()
        for run in self._runs():
            if run.claim.job_id in beat.cancel:
                run.ask("cancel_asked", sent)

    def _tell(self) -> None:
        self._beats += 1
        say = self._log.info if self._beats % LOUD_EVERY == 1 else self._log.debug
        say("heartbeat sent", running=len(self._runs()), beats=self._beats)

    def _look_after(self, now: float) -> None:
        """Ask handlers past their deadline to stop; force those past their grace."""
        for run in self._runs():
            if run.deadline is not None and now > run.deadline:
                run.ask("timed_out", now)
            wished = run.timed_out or run.cancel_asked
            if wished and run.asked_at is not None and now - run.asked_at > self._grace:
                if run.force is None or run.blocks or now - run.asked_at > 2 * self._grace + PATIENCE:
                    self._on_ill(Ill.STUCK)
                else:
                    run.force()
