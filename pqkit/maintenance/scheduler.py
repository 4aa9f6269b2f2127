"""Turns slots of schedules into jobs; with concurrent tickers, ``slot``'s key decides."""

from typing import NamedTuple

from pqkit.db import Database, Transaction
from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import summarize
from pqkit.domain.schedule_times import Overlap, Plan, Schedule, moment_in
from pqkit.errors import DatabaseUnavailable, PqkitError
from pqkit.jobs.insert import Inserter
from pqkit.operations.operator import Operator
from pqkit.operations.schedule_slots import insert_slot_job, skip, update
from pqkit.sql import compiled as sql

BATCH = 100
LOOK_BACK = 50
KEEP_SLOTS, KEEP_DAYS = 1_000, 7
DAY = 86_400 * SECOND
MISSED = "nobody ticked in time"


class Ticked(NamedTuple):
    """A tick's result for one schedule: the queued jobs, and the number of skipped slots."""

    schedule: str
    jobs: list[int]
    skipped: int


class Ticker:
    """The scheduler's verbs. Several processes may call them at once, or be killed anywhere."""

    def __init__(self, database: Database) -> None:
        self._database, self._inserter = database, Inserter(database)

    def next_tick(self) -> int | None:
        """When the next slot of any schedule is due, in microseconds UTC."""
        at: int | None = self._database.row(sql.NEXT_TICK)[0]
        return at

    def tick(self, now: int | None = None) -> list[Ticked]:
        """Queue a job for each due slot; a schedule with many slots continues at the next tick."""
        now = self._database.now() if now is None else now
        with self._database.read() as tx:
            due = [Schedule._make(row) for row in tx.rows(sql.SCHEDULES_DUE, now, BATCH)]
        return [self._tick_or_pause(schedule, now) for schedule in due]

    def _tick_or_pause(self, schedule: Schedule, now: int) -> Ticked:
        """Tick a schedule; pause it if its row is invalid or its time zone or key is missing.

        A failing schedule must not block the others.
        """
        try:
            return self._tick(schedule, now)
        except DatabaseUnavailable:
            raise
        except (PqkitError, ValueError, TypeError, OverflowError) as error:
            self._set_aside(schedule, str(error) if isinstance(error, PqkitError) else summarize(error), now)
            return Ticked(schedule.name, [], 0)

    def _tick(self, schedule: Schedule, now: int) -> Ticked:
        what = schedule.plan(now)
        done = Ticked(schedule.name, [], 0)
        for slot in what.run:
            if schedule.overlap == Overlap.CANCEL_PREVIOUS:
                self._cancel_previous(schedule, slot)
            with self._database.write() as tx:
                done = self._decide(tx, schedule, slot, done)
                if slot == what.run[-1]:
                    return done._replace(skipped=done.skipped + self._move(tx, schedule, what, now))
        with self._database.write() as tx:
            return done._replace(skipped=self._move(tx, schedule, what, now))

    def _decide(self, tx: Transaction, schedule: Schedule, slot: int, done: Ticked) -> Ticked:
        """Queue a slot's job, or skip the slot, unless another process has already decided."""
        if tx.row(sql.TICKABLE, schedule.name, schedule.version) is None:
            return done  # changed, paused or deleted since it was read
        if not tx.run(sql.INSERT_SLOT, schedule.name, slot, slot, 1, None, None, self._database.now()):
            return done
        left = tx.rows(sql.UNFINISHED_SLOTS, schedule.name, slot, LOOK_BACK)
        obstacle = _overlapping(schedule, left)
        # Unless overlap is allowed, the next job waits until the last one has ended.
        after = () if schedule.overlap == Overlap.ALLOW else tuple(job for job, _ in left)
        job = None if obstacle else insert_slot_job(self._inserter, tx, schedule, slot, after)
        tx.run(sql.SET_SLOT, job, obstacle, schedule.name, slot)
        return done._replace(skipped=done.skipped + 1) if job is None else done._replace(jobs=[*done.jobs, job])

    def forget(self, now: int | None = None) -> int:
        """Forget slots older than a week, except for each schedule's last thousand."""
        week_ago = (self._database.now() if now is None else now) - KEEP_DAYS * DAY
        with self._database.write() as tx:
            oldest = {name: tx.row(sql.OLD_SLOT, name, KEEP_SLOTS) for (name,) in tx.rows(sql.SCHEDULE_NAMES)}
            return sum(tx.run(sql.FORGET_SLOTS, name, min(at[0], week_ago)) for name, at in oldest.items() if at)

    def _set_aside(self, schedule: Schedule, why: str, now: int) -> None:
        with self._database.write() as tx:
            if tx.row(sql.TICKABLE, schedule.name, schedule.version):
                update(tx, schedule._replace(paused_at=now, paused_by="pqkit", pause_reason=why))

    def _cancel_previous(self, schedule: Schedule, slot: int) -> None:
        with self._database.read() as tx:
            left = tx.rows(sql.UNFINISHED_SLOTS, schedule.name, slot, LOOK_BACK)
        if left:
            at = moment_in(schedule.zone, slot).isoformat()
            operator = Operator(self._database, f"schedule {schedule.name}")
            operator.cancel([job for job, _ in left], reason=f"the slot of {at} takes its place")

    def _move(self, tx: Transaction, schedule: Schedule, what: Plan, now: int) -> int:
        """Advance to the next slot and record the missed ones; return the number missed."""
        row = tx.row(sql.TICKABLE, schedule.name, schedule.version)
        if row is None or row[0] != schedule.next_at:
            return 0  # another process has advanced it
        tx.run(sql.MOVE_SCHEDULE, what.next_at, schedule.name)
        if not what.missed:
            return 0
        known = {at for at, _ in tx.rows(sql.SLOTS_BETWEEN, schedule.name, what.missed[0], what.missed[-1])}
        missed = [slot for slot in what.missed if slot not in known]
        if missed:
            skip(tx, schedule.name, missed, MISSED, now)
        return len(missed)


def _overlapping(schedule: Schedule, left: list[tuple[int, bool]]) -> str | None:
    """Explain why earlier jobs (``left``: id, is it running) leave no room for another."""
    if schedule.overlap not in {Overlap.SKIP, Overlap.QUEUE_ONE}:
        return None
    if schedule.overlap == Overlap.QUEUE_ONE:
        waiting = [job for job, runs in left if not runs]
        return f"job {waiting[0]} of an earlier slot still waits" if waiting else None
    return f"job {left[0][0]} of an earlier slot has not ended" if left else None
