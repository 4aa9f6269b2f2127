"""The maintenance thread: runs small idempotent duties while it holds the lease row."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby

import psutil  # noqa: F401 - a rescue must not load a module when memory is used up

from pqkit.backup.scheduled_backups import Schedule
from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.errors import DatabaseUnavailable, WrongClock
from pqkit.jobs.idempotency import forget_old
from pqkit.leasing import pending_hooks
from pqkit.log import get_logger
from pqkit.maintenance.dependency_releaser import Dependents
from pqkit.maintenance.duties import Aside, Duty, Rest, Watched
from pqkit.maintenance.facade import NOTHING, Upkeep
from pqkit.maintenance.leader import DUTY_SECONDS
from pqkit.maintenance.rescuer import Rescued
from pqkit.maintenance.retention import Retention
from pqkit.maintenance.sampler import Sampler
from pqkit.maintenance.scheduler import Ticker
from pqkit.operations import event_recording
from pqkit.operations.operator import PAST
from pqkit.operations.redrives import advance
from pqkit.process.orphans import in_words
from pqkit.process.wakeup_alignment import until_next
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
    "prune_runs": "deleted runs of notebooks",
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
RECORDS_KEPT = 365 * 86_400 * SECOND
PAUSE = 5.0
CLOCK_SLACK = 2.0


class Maintainer(threading.Thread):
    """Does the duties while this worker holds the lease row; tries to take it otherwise."""

    def __init__(
        self,
        database: Database,
        worker_id: int,
        settings: Settings,
    ) -> None:
        super().__init__(name="maintenance", daemon=True)
        self._database, self._upkeep, self._worker_id = database, Upkeep(database), worker_id
        self._rescue_after = settings.rescue_after
        self._ticker, self._dependents = Ticker(database), Dependents(database)
        self._done = threading.Event()
        self._on_duty = False
        self._ticked: float | None = None
        self._silence_counts_from = 0.0
        self._told = 0
        self._agenda, self._pause = NOTHING, TICK
        self._log = get_logger("maintenance")
        self._watched, self._rest = Watched(database, worker_id), Rest()
        self._retention, self._backups = Retention(database, settings), Schedule(settings)
        self._asides = list(self._make_asides(database))
        self._duties = [
            Duty("clock", EVERY_SECOND, self._check_clock, vital=True),
            Duty("look", 0, self._look, vital=True),
            Duty("rescue", settings.rescue_every, self._rescue, vital=True),
            Duty("stage", 0, self._stage, vital=True),
            Duty("schedules", 0, self._tick_schedules),
            Duty("dependents", 0, self._release_dependents),
            Duty("call off", EVERY_SECOND, self._call_off),
            Duty("redrives", EVERY_SECOND, self._redrive),
            Duty("trail", EVERY_SECOND, self._tell_actions),
            Duty("compact", EVERY_TEN_SECONDS, self._compact),
            Duty("forget", EVERY_HOUR, self._forget),
            *(Duty(aside.name, 0, aside.go_on) for aside in self._asides),
        ]
        self._take = Duty("take over", EVERY_SECOND, self._take_duty)
        self._renewal = Duty("renewal", RENEWED_EVERY, self._take_duty)
        self._compelled = False

    def _make_asides(self, database: Database) -> Iterator[Aside]:
        sampler, upkeep = Sampler(database), self._upkeep
        together = (
            ("files", [Duty("files", EVERY_SECOND, self._finish_files)]),
            ("retention", [Duty("retention", 0, lambda: self._retention.step(time.monotonic()))]),
            ("backups", [Duty("backups", 0, lambda: self._backups.step(time.monotonic()))]),
            (
                "samples",
                [
                    Duty("roll-ups", EVERY_MINUTE, upkeep.merge_rollups),
                    Duty("samples", 0, lambda: sampler.sample_if_due(time.monotonic())),
                ],
            ),
        )
        for name, duties in together:
            yield Aside(name, self._watched, duties, time.monotonic)

    def run(self) -> None:
        while not self._done.wait(until_next(self._pause)):
            self.tick(time.monotonic())
        self._give_up()

    def stop(self) -> None:
        self._done.set()

    @property
    def on_duty(self) -> bool:
        """True if this worker does maintenance."""
        return self._on_duty

    def tick(self, now: float) -> None:
        """Do what is due at ``now`` (monotonic seconds); retry a lost database at the next tick."""
        if self._ticked is not None and now - self._ticked > PAUSE:
            # This process was paused, perhaps with others (as in a container): give them time to send heartbeats.
            self._silence_counts_from = now + self._rescue_after
        self._ticked = now
        self._watched.run([self._renewal if self._on_duty else self._take], now)
        if self._on_duty:
            self._watched.run(self._duties, now)
            self._resign_if_ill(now)

    def _resign_if_ill(self, now: float) -> None:
        """Give maintenance up if this worker keeps renewing the duty but fails at it.

        Otherwise no worker would rescue jobs.
        """
        ill = [
            duty for duty in self._duties if duty.vital and duty.hopeless and duty.failing_since < self._renewal.done
        ]
        if not ill or (self._compelled and not self._rest.is_over(now)):
            return
        self._on_duty = False
        self._rest.begin(now)
        self._log.error("gave maintenance up, for a duty fails here again and again", duty=ill[0].name)
        with suppress(Exception):  # the duty expires in a few seconds
            self._upkeep.resign(self._worker_id, [duty.name for duty in ill])
        for duty in self._duties:
            duty.begin_anew()

    def _check_clock(self) -> None:
        """Raise WrongClock if the wall clock differs from the others': staging would be mistimed."""
        off = self._upkeep.clock_off(self._worker_id)
        if abs(off) > CLOCK_SLACK:
            raise WrongClock(f"this process's clock is {off:+.0f} s beside that of the other workers")

    def _look(self) -> None:
        """Ask in one query what most duties would ask separately: mostly there is nothing to do."""
        self._agenda = self._upkeep.agenda()
        soon = self._database.now() + round(IDLE_TICK * SECOND)
        moments = (self._agenda.next_due, self._agenda.next_tick)
        busy = self._agenda.dependents or any(moment is not None and moment < soon for moment in moments)
        self._pause = TICK if busy else IDLE_TICK

    def _take_duty(self) -> None:
        if self._on_duty and self._upkeep.renew_duty(self._worker_id):
            return
        had, now = self._on_duty, self._ticked or 0.0
        resting = not self._rest.is_over(now)
        if resting and not self._rest.allows(now, vacant=self._upkeep.duty_is_free(self._worker_id)):
            self._on_duty = False
            return
        self._on_duty, self._compelled = self._upkeep.take_duty(self._worker_id), resting
        if self._on_duty and not had:
            self._told = self._upkeep.agenda().last_action
            self._log.info("took over maintenance")

    def _give_up(self) -> None:
        for aside in self._asides:
            aside.stop(PAUSE / len(self._asides))
        self._backups.stop()
        try:
            if self._on_duty:
                self._upkeep.drop_duty(self._worker_id)
        except DatabaseUnavailable:
            return  # the duty expires in a few seconds

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
        event_recording.forget_old(self._database)
        pending_hooks.forget_old(self._database)
        self._ticker.forget()

    def _rescue(self) -> None:
        silence_counts = self._ticked is not None and self._ticked >= self._silence_counts_from
        self._tell(self._upkeep.rescue(self._rescue_after if silence_counts else None))

    def _redrive(self) -> None:
        for step in advance(self._database) if self._agenda.redrives else ():
            self._log.info("redrive goes on", **step._asdict())

    def _tell_actions(self) -> None:
        """Log the operators' actions from everywhere; a bulk action takes one line."""
        actions = self._upkeep.actions_since(self._told) if self._agenda.last_action > self._told else ()
        for (verb, who, reason), group in groupby(actions, lambda a: (a.verb, a.who, a.reason)):
            done = list(group)
            self._told = done[-1].id
            jobs = [a.job_id for a in done if a.job_id is not None]
            what = {"jobs": jobs[:20], "count": len(jobs)} if jobs else {"what": done[0].detail}
            self._log.info(WORDS.get(verb, verb), who=who, reason=reason, **what)

    def _tell(self, rescued: list[Rescued]) -> None:
        for worker, reason, requeued, quarantined, ended, _ in rescued:
            self._log.warning(
                "checked and requeued stalled jobs",
                worker=worker,
                reason=reason,
                requeued=requeued[:20],
                count=len(requeued),
            )
            if quarantined:
                self._log.error("jobs set aside, they killed or outlived their workers", jobs=quarantined[:20])
            if ended:
                self._log.warning("ended what a dead worker left running", worker=worker, processes=in_words(ended))
