"""Maintenance: small idempotent duties that any worker may do, one at a time by a lease row."""

import threading
import time
from collections.abc import Callable
from itertools import groupby

from pqkit.backup.schedule import Schedule
from pqkit.db import Database
from pqkit.errors import DatabaseUnavailable
from pqkit.log import get_logger
from pqkit.offspring import in_words
from pqkit.outcome import summarize
from pqkit.queue import told
from pqkit.queue.awaited import Dependents
from pqkit.queue.named import forget_old
from pqkit.queue.operate import PAST
from pqkit.queue.redrive import advance
from pqkit.queue.sample import Sampler
from pqkit.queue.ticks import Ticker
from pqkit.queue.upkeep import DUTY_SECONDS, NOTHING, Rescued, Upkeep
from pqkit.retention import Retention
from pqkit.rhythm import until_next
from pqkit.settings import Settings

TICK, IDLE_TICK = 0.2, 0.5
WORDS = {
    **PAST,
    "cancel": "canceled, or asked to",
    "pause": "paused",
    "resume": "resumed",
    "create_queue": "created a queue",
    "delete_queue": "deleted a queue",
    "restore": "restored a backup",
    "add_user": "added a user",
    "remove_user": "removed a user",
    "set_role": "changed a user's role",
    "set_password": "changed a user's password",
    "add_token": "added a token",
    "revoke_token": "revoked a token",
    "record_events": "began or ended the recording of events",
    "set_queue": "changed a queue's settings",
    "enqueue": "queued",
    "redrive": "began a redrive",
    "stop_redrive": "stopped a redrive",
    "undo_redrive": "undid a redrive",
    "scale_workers": "scaled the workers",
    "stop_process": "stopped a process",
    "restart_process": "restarted a process",
    "prune": "pruned ended jobs",
    "clean_files": "cleaned files up",
    "undo": "put back as they had ended",
    "add_schedule": "added a schedule",
    "edit_schedule": "changed a schedule",
    "delete_schedule": "deleted a schedule",
    "pause_schedule": "paused a schedule",
    "resume_schedule": "resumed a schedule",
    "run_schedule": "ran a schedule's job now",
    "backfill_schedule": "backfilled a schedule",
}
EVERY_SECOND = 1.0
RENEWED_EVERY = 0.4 * DUTY_SECONDS
EVERY_TEN_SECONDS = 10.0
EVERY_MINUTE = 60.0
EVERY_HOUR = 3_600.0
RECORDS_KEPT = 365 * 86_400 * 1_000_000
PAUSE = 5.0


class Maintainer(threading.Thread):
    """Stages, rescues and finishes files while it holds the duty; looks for the duty while it does not."""

    def __init__(
        self,
        database: Database,
        worker_id: int,
        settings: Settings,
        *,
        set_aside: Callable[[list[int]], object] = lambda _jobs: None,
        acted: Callable[[int], object] = lambda _action: None,
    ) -> None:
        """``set_aside`` is told of jobs that killed their workers once too often, ``acted`` of the last action."""
        super().__init__(name="maintenance", daemon=True)
        self._database, self._upkeep, self._worker_id = database, Upkeep(database), worker_id
        self._set_aside, self._acted = set_aside, acted
        self._rescue_after = settings.rescue_after
        self._ticker, self._dependents = Ticker(database), Dependents(database)
        self._done = threading.Event()
        self._on_duty = False
        self._ticked: float | None = None
        self._silence_counts_from = 0.0
        self._told = 0
        self._agenda, self._pause = NOTHING, TICK
        self._log = get_logger("maintenance")
        self._sideline = _Sideline(database)
        self._timers = [
            _Timer(0, self._look),
            _Timer(0, self._tick_schedules),
            _Timer(0, self._release_dependents),
            _Timer(0, self._stage),
            _Timer(EVERY_SECOND, self._finish_files),
            _Timer(EVERY_SECOND, self._call_off),
            _Timer(settings.rescue_every, self._rescue),
            _Timer(EVERY_SECOND, self._redrive),
            _Timer(EVERY_SECOND, self._tell_actions),
            _Timer(EVERY_TEN_SECONDS, self._compact),
            _Timer(EVERY_HOUR, self._forget),
            _Timer(EVERY_SECOND, self._sideline.go_on),
        ]
        self._retention, self._backups = Retention(database, settings), Schedule(settings)
        self._duty, self._renewal = _Timer(EVERY_SECOND, self._take_duty), _Timer(RENEWED_EVERY, self._take_duty)

    def run(self) -> None:
        while not self._done.wait(until_next(self._pause)):
            self.tick(time.monotonic())
        self._give_up()

    def stop(self) -> None:
        self._done.set()

    def tick(self, now: float) -> None:
        """Do what is due at ``now`` (monotonic seconds); a database that is away is met again at the next tick."""
        if self._ticked is not None and now - self._ticked > PAUSE:
            # It was paused, and others perhaps with it, as in a container: they get the time to beat again.
            self._silence_counts_from = now + self._rescue_after
        self._ticked = now
        try:
            (self._renewal if self._on_duty else self._duty).run_if_due(now)
            if self._on_duty:
                for timer in self._timers:
                    timer.run_if_due(now)
                self._retention.step(now)
                self._backups.step(now)
        except DatabaseUnavailable as error:
            self._log.warning("maintenance waits for the database", error=str(error))
        except Exception as error:  # noqa: BLE001 - one duty that fails must not end the others
            self._log.error("a maintenance duty failed", error=summarize(error))

    def _look(self) -> None:
        """One question for what most duties would ask by themselves, for mostly there is nothing to do."""
        self._agenda = self._upkeep.agenda()
        soon = self._database.now() + round(IDLE_TICK * 1_000_000)
        moments = (self._agenda.next_due, self._agenda.next_tick)
        busy = self._agenda.dependents or any(moment is not None and moment < soon for moment in moments)
        self._pause = TICK if busy else IDLE_TICK

    def _take_duty(self) -> None:
        if self._on_duty and self._upkeep.renew_duty(self._worker_id):
            return
        had, self._on_duty = self._on_duty, self._upkeep.take_duty(self._worker_id)
        if self._on_duty and not had:
            self._told = self._upkeep.agenda().last_action
            self._log.info("took over maintenance")

    def _give_up(self) -> None:
        self._sideline.stop()
        self._backups.stop()
        try:
            if self._on_duty:
                self._upkeep.drop_duty(self._worker_id)
        except DatabaseUnavailable:
            return  # the duty ends by itself in a few seconds

    def _is_past(self, moment: int | None) -> bool:
        return moment is not None and moment <= self._database.now()

    def _stage(self) -> None:
        if self._is_past(self._agenda.next_due):
            self._log.debug("staged due jobs", jobs=self._upkeep.stage())

    def _tick_schedules(self) -> None:
        for name, jobs, skipped in self._ticker.tick() if self._is_past(self._agenda.next_tick) else ():
            if skipped:
                self._log.warning("passed over slots", schedule=name, slots=skipped, jobs=jobs[:20])
            elif jobs:
                self._log.info("queued by a schedule", schedule=name, jobs=jobs[:20])

    def _release_dependents(self) -> None:
        for job_id in self._dependents.go_on() if self._agenda.dependents else ():
            self._log.debug("nothing is left that it waited for", job=job_id)

    def _call_off(self) -> None:
        for job_id in self._dependents.call_off() if self._agenda.dependents else ():
            self._log.warning("called off, for a job that it waited for has failed", job=job_id)

    def _finish_files(self) -> None:
        for line in self._upkeep.finish_files().refused if self._agenda.files else ():
            self._log.error("cannot put a file in place, trying again", file=line)

    def _compact(self) -> None:
        for line in self._database.compact():
            self._log.info("wrote a table anew, for a stranger's transaction keeps its dead rows", removed=line)

    def _forget(self) -> None:
        self._upkeep.forget(self._database.now() - RECORDS_KEPT)
        forget_old(self._database)
        told.forget_old(self._database)
        self._ticker.forget()

    def _rescue(self) -> None:
        silence_counts = self._ticked is not None and self._ticked >= self._silence_counts_from
        self._tell(self._upkeep.rescue(self._rescue_after if silence_counts else None))

    def _redrive(self) -> None:
        for step in advance(self._database) if self._agenda.redrives else ():
            self._log.info("redrive goes on", **step._asdict())

    def _tell_actions(self) -> None:
        """Say in the log what operators did, wherever they did it; a bulk of one verb in one line."""
        actions = self._upkeep.actions_since(self._told) if self._agenda.last_action > self._told else ()
        for (verb, who, reason), group in groupby(actions, lambda a: (a.verb, a.who, a.reason)):
            done = list(group)
            self._told = done[-1].id
            jobs = [a.job_id for a in done if a.job_id is not None]
            what = {"jobs": jobs[:20], "count": len(jobs)} if jobs else {"what": done[0].detail}
            self._log.info(WORDS.get(verb, verb), who=who, reason=reason, **what)
        self._acted(self._agenda.last_action)

    def _tell(self, rescued: list[Rescued]) -> None:
        for worker, reason, requeued, quarantined, ended in rescued:
            self._log.warning(
                "checked and requeued stalled jobs",
                worker=worker,
                reason=reason,
                requeued=requeued[:20],
                count=len(requeued),
            )
            if quarantined:
                self._set_aside(quarantined)
                self._log.error("jobs set aside, they killed or outlived their workers", jobs=quarantined[:20])
            if ended:
                self._log.warning("ended what a dead worker left running", worker=worker, processes=in_words(ended))


class _Sideline(threading.Thread):
    """Duties that may take long, as to count a huge queue: in a thread of their own, so that nobody waits to be rescued
    meanwhile."""

    def __init__(self, database: Database) -> None:
        super().__init__(name="samples", daemon=True)
        self._sampler = Sampler(database)
        self._merge = _Timer(EVERY_MINUTE, Upkeep(database).merge_rollups)
        self._go, self._ended = threading.Event(), False
        self._log = get_logger("maintenance")

    def go_on(self) -> None:
        """Do what is due, unless it is still being done."""
        if self.ident is None:
            self.start()
        self._go.set()

    def stop(self) -> None:
        self._ended = True
        self._go.set()
        if self.ident is not None:
            self.join(PAUSE)

    def run(self) -> None:
        while self._go.wait() and not self._ended:
            self._go.clear()
            try:
                now = time.monotonic()
                self._merge.run_if_due(now)
                self._sampler.sample_if_due(now)
            except DatabaseUnavailable as error:
                self._log.debug("no sample", error=str(error))
            except Exception as error:  # noqa: BLE001 - charts are no reason to end
                self._log.error("a sample failed", error=summarize(error))


class _Timer:
    """A duty and when it is due next. A tick that comes a little early counts, or the next would be far too late."""

    def __init__(self, every: float, duty: Callable[[], object]) -> None:
        self._every, self._duty, self._next = every, duty, 0.0

    def run_if_due(self, now: float) -> None:
        if now >= self._next:
            self._next = now + self._every - TICK / 2
            self._duty()
