"""The worker's loop: exchange finished jobs for new claims, start them, wait for an event."""

import os
import time
from collections.abc import Sequence
from contextlib import suppress

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import Claim, Stopped, excuse, released
from pqkit.errors import DatabaseUnavailable
from pqkit.log import get_logger
from pqkit.maintenance.runner import Maintainer
from pqkit.process.linux import StopCount
from pqkit.process.wakeup_alignment import until_next
from pqkit.queue import Finished, Queue
from pqkit.settings import Settings
from pqkit.worker.attempt import drop_staged
from pqkit.worker.child_process import Child
from pqkit.worker.executor import Run
from pqkit.worker.file_publisher import put_files_in_place
from pqkit.worker.heartbeat import Heart, Ill
from pqkit.worker.hook_runner import Hooked
from pqkit.worker.job_logging import Teller
from pqkit.worker.orphaned_leases import Forgotten
from pqkit.worker.prefetch import Pace
from pqkit.worker.shutdown import Grace
from pqkit.worker.slots import Ended, Expect, Slots
from pqkit.worker.start_environment import surroundings

FLUSH = 0.01
# Lets a slot's thread wake up; otherwise this thread would keep Python's lock until its own next wait.
GIVE_WAY = 0.0001
IDLE = 1.0
QUEUED_AT_MOST = 1.0
RETRY_AFTER = 1.0


class Worker:
    """One life of a worker, from registration to end."""

    def __init__(
        self, queue: Queue, settings: Settings, tasks: Sequence[str], *, name: str, queues: Sequence[str] = ()
    ) -> None:
        self._database: Database = queue.database
        self._settings = settings
        self._leases = queue.leases(name, settings.slots, tasks, queues)
        self._wake = self._database.wake()
        self._heart = Heart(
            self._leases,
            self._database,
            self.runs,
            self._fall_ill,
            every=settings.heartbeat,
            lease=settings.rescue_after,
            grace=settings.grace,
        )
        self._slots = _slots(settings)(
            settings.slots, self._database, self._wake, self._heart.report, self._spawn_child
        )
        self._hooked = Hooked(self._database, self._leases.id)
        self._maintainer = Maintainer(self._database, self._leases.id, settings)
        self._forgotten = Forgotten(self._leases, self._slots, self._database, settings.rescue_after)
        self._pace = Pace(settings.slots, prefetch=settings.prefetch)
        self.around = surroundings()
        self.stops = StopCount()
        self.left: list[Finished] = []
        self._grace = Grace(settings.grace, self.stops, self.runs, lambda: self._ill, self._wake)
        self._ill: Ill | None = None
        self._queued_since: float | None = None
        self._seen = 0
        self._log = get_logger("worker")
        self._tell = Teller(self._log)

    @property
    def id(self) -> int:
        """This life's id in the registry."""
        return self._leases.id

    @property
    def busy(self) -> bool:
        """True while a handler runs; after ``run`` has returned, true if a handler was given up."""
        return bool(self.runs())

    @property
    def name(self) -> str:
        return self._leases.name

    @property
    def told_to_stop(self) -> bool:
        return self.stops.told > 0

    def stop(self, *, may_insist: bool = True) -> None:
        """Begin the graceful stop; a second call ends the wait for running handlers.

        Safe in a signal handler.
        """
        self.stops.tell(may_insist=may_insist)
        self._wake.set()

    def watched_by(self, expect: Expect) -> None:
        """Call ``expect`` with each run before its handler begins."""
        self._slots.expect = expect

    def run(self) -> Ill | None:
        """Work until told to stop or ill; return the reason for a restart, or None.

        ``left`` then has the attempts that were given up: the successor of this process must write their outcomes.
        """
        if not self._register():
            return None
        self._heart.start()
        self._maintainer.start()
        self._hooked.start()
        self._log.info("worker ready", worker=self._leases.name, slots=self._slots.size, pid=os.getpid())
        while not self.told_to_stop and self._ill is None:
            self._turn()
            self._pause()
        self._end()
        return self._ill

    def _register(self) -> bool:
        """Register, and wait for a database that cannot be written yet; false if told to stop."""
        while not self.told_to_stop:
            try:
                self._leases.register()
            except DatabaseUnavailable as error:
                self._log.error("waiting for the database", error=str(error))
                self._wake.wait_for_set(RETRY_AFTER)
            else:
                return True
        return False

    def _turn(self) -> None:
        try:
            self._seen = self._database.data_version()
            self._exchange()
            self._release_hoarded()
            self._slots.mend()
            self._give_back(self._forgotten.found(), "this worker does not know of them")
        except DatabaseUnavailable as error:
            self._log.error("waiting for the database", error=str(error))
            if self._ill is None:
                self._wake.wait_for_set(RETRY_AFTER)

    def _exchange(self) -> None:
        """Finish jobs and claim new ones in one transaction; none if there is nothing to do."""
        ended = self._take()
        demand = self._pace.target() - self._slots.held
        if not ended and not (demand > 0 and self._leases.waiting()):
            return
        reports = self._heart.take_reports()
        try:
            turn = self._leases.exchange(ended.unwritten, demand, alone=self._slots.held == 0, reports=reports)
        except BaseException:
            self._slots.give_back(ended)
            self._heart.give_back(reports)
            raise
        if turn.claims:
            self._slots.start(turn.claims)  # before the log lines: callers wait for these jobs
            if not ended:
                time.sleep(GIVE_WAY)
            self._tell.claimed(turn.claims)
        self._settle(ended, turn.refused)

    def _pause(self) -> None:
        """Wait for a finished slot or a commit, at most 1 s; then let the slots gather a batch."""
        if not self._slots.any_ended:
            if self._slots.held >= self._pace.target():
                self._wake.wait_for_set(IDLE)
            else:
                with suppress(DatabaseUnavailable):  # the next turn reports it
                    self._wake.wait_for_commit(
                        self._leases.patience(until_next(IDLE)), self._database.data_version, self._seen
                    )
        end = time.monotonic() + FLUSH
        while self._slots.any_ended and not self._slots.starved and (left := end - time.monotonic()) > 0:
            self._wake.wait_for_set(left)

    def _settle(self, ended: Ended, refused: Sequence[Finished]) -> None:
        """After the commit: put files in place, adapt the pace, log, and wake the hooks."""
        self._leases.count(ended.written)
        kept = [*ended.unwritten, *ended.written]
        if refused:
            lost = {f.claim.job_id for f in refused}
            kept = [f for f in kept if f.claim.job_id not in lost]
        for finished in refused:
            drop_staged(finished.outcome.files)
        put_files_in_place(self._leases, kept)
        self._pace.saw([(f.ended_at - f.started_at) / SECOND for f in kept if f.started_at is not None])
        self._tell.ended(kept)
        self._tell.refused(refused)
        if kept:
            self._hooked.wake()

    def _release_hoarded(self) -> None:
        """Release claims that have waited behind slow jobs, so that other workers can take them."""
        now = time.monotonic()
        if self._slots.starved:
            self._queued_since = None
        elif self._queued_since is None:
            self._queued_since = now
        elif now - self._queued_since > QUEUED_AT_MOST:
            self._queued_since = None
            self._release(self._slots.take_queued(), "they waited behind slow jobs")

    def _release(self, claims: Sequence[Claim], why: str) -> None:
        if not claims:
            return
        now = self._database.now()
        self._give_back([Finished(claim, released(why), None, max(now, claim.claimed_at)) for claim in claims], why)

    def _give_back(self, finished: Sequence[Finished], why: str) -> None:
        if not finished:
            return
        try:
            self._leases.exchange(finished, 0, alone=False)
        except BaseException:
            self._slots.give_back(Ended(list(finished), []))
            raise
        self._log.info("released jobs, uncharged", jobs=len(finished), why=why)

    def _take(self) -> Ended:
        """Return the ended attempts. While the worker stops, failures not yet on record are excused.

        A signal to the whole process group may have ended processes that a handler has started.
        """
        ended = self._slots.take()
        if not self.told_to_stop:
            return ended
        return ended._replace(unwritten=[f._replace(outcome=excuse(f.outcome)) for f in ended.unwritten])

    def _end(self) -> None:
        """Stop claiming, tell handlers, wait out the grace, release the rest, leave the registry."""
        if self._ill is not Ill.SILENT:  # a database that does not answer is left alone
            with suppress(DatabaseUnavailable):
                self._wind_up()
        self._slots.close()
        self._database.close()
        self._log.info("worker ended", worker=self._leases.name, why=str(self._ill or "stopped"))

    def _wind_up(self) -> None:
        if self.told_to_stop:
            with suppress(DatabaseUnavailable):
                self._heart.announce()
        self._release(self._slots.take_queued(), "the worker stopped")
        for run in self.runs():
            run.ask("stop_asked", time.monotonic())
        self._grace.wait(self._flush)
        self._grace.force()
        self._flush()
        if self._ill is Ill.DISOWNED:
            return  # others may run its jobs already: end at once
        self._hooked.stop(self._settings.grace)
        for thread in (self._maintainer, self._heart):
            thread.stop()
            thread.join(timeout=5)
        self._flush()
        self.left = self._given_up()
        if not self.left:
            self._leases.end(self.end_words)

    @property
    def end_words(self) -> str:
        """The reason for which this life ended, for the registry."""
        return "stopped" if self.told_to_stop or self._ill is None else str(self._ill)

    def _given_up(self) -> list[Finished]:
        """Return the outcomes of attempts whose handlers ignored the stop.

        This worker keeps their leases until its process, and with it their handlers, has ended.
        """
        left = [Finished(run.claim, run.outcome_of(Stopped()), run.started_at, run.moment) for run in self.runs()]
        if left:
            self._leases.beat(stopping=True, running=False)  # sends the counters as well
            self._tell.ended(left)
        return left

    def _flush(self) -> None:
        ended = self._take()
        if ended:
            turn = self._leases.exchange(ended.unwritten, 0, alone=False, reports=self._heart.take_reports())
            self._settle(ended, turn.refused)

    def runs(self) -> list[Run]:
        return list(self._slots.running.values())

    def _fall_ill(self, ill: Ill) -> None:
        if self._ill is None:
            self._ill = ill
            self._log.error("this worker begins anew under another identity", why=str(ill))
            self._wake.set()

    def _spawn_child(self) -> Child:
        return Child(self._settings.tasks, self._settings.url, self.around)


def _slots(settings: Settings) -> type[Slots]:
    if not settings.traces:
        return Slots
    from pqkit.worker.traced_slots import TracedSlots  # noqa: PLC0415 - loaded only for tracing

    return TracedSlots
