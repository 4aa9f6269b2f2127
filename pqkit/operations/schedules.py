"""Operators' verbs on schedules; each change is recorded."""

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple, TypedDict, Unpack

from pqkit.db import Transaction
from pqkit.domain.durations import SECOND
from pqkit.domain.names import check_name
from pqkit.domain.payload import encode_args
from pqkit.domain.retry_policy import check_moment
from pqkit.domain.schedule_times import AT_ONCE, BadSchedule, Missed, Overlap, Schedule
from pqkit.domain.tasks import Task
from pqkit.errors import NotFound, Refused
from pqkit.jobs.insert import Inserter
from pqkit.jobs.spec import make_order
from pqkit.operations.operator import Deed, Operator
from pqkit.operations.schedule_slots import insert_slot_job, skip, update
from pqkit.redaction.redact import SecretNeeded, public, redacted, restored
from pqkit.security import encryption
from pqkit.sql import compiled as sql

MOST_SLOTS = 100_000


class ScheduleOptions(TypedDict, total=False):
    """A schedule's options; the task's declaration fills the others.

    Exactly one of ``cron``, ``every`` (seconds) and ``at`` (microseconds UTC) sets the times; ``zone`` is for cron.
    """

    task: Task[..., Any] | str
    args: dict[str, Any]
    cron: str
    every: float
    at: int
    zone: str
    queue: str
    priority: int
    max_retries: int
    backoff: Sequence[float]
    timeout: float
    missed: Missed
    missed_cap: int
    overlap: Overlap


_WHEN = ("cron", "every", "at")


class Backfilled(NamedTuple):
    """A backfill's result: the queued jobs, oldest slot first, and how many slots had a job."""

    jobs: list[int]
    there: int


class Schedules:
    """One operator's verbs on schedules."""

    def __init__(self, operator: Operator) -> None:
        self._operator, self._database = operator, operator.database
        self._inserter = Inserter(operator.database)

    def add(self, name: str, *, reason: str | None = None, **options: Unpack[ScheduleOptions]) -> Schedule:
        """Add a schedule; its first slot is the first one after now.

        Raises BadSchedule, BadOrder, ArgumentError or PayloadError for invalid options, Refused for a name that is
        taken.
        """
        if "task" not in options:
            raise BadSchedule("a schedule needs a task")
        now = self._database.now()
        _restore(_EMPTY, options)
        new = _changed(_EMPTY._replace(name=check_name("schedule", name), created_at=now), options, now)
        with self._operator.writing("add_schedule") as tx:
            if not tx.run(sql.INSERT_SCHEDULE, *new):
                raise Refused(f"there is a schedule {name} already: edit or delete it")
            self._record(tx, now, Deed("add_schedule", reason, _on_record(options, new)), name)
        return new

    def edit(self, name: str, *, reason: str | None = None, **options: Unpack[ScheduleOptions]) -> Schedule:
        """Change these options; slots continue from now. Raises as ``add``, and NotFound.

        Hidden values are kept, but not for another task or beside another text: SecretNeeded.
        """
        with self._operator.writing("edit_schedule") as tx:
            now = self._database.now()
            old = _named(tx, name)
            _restore(old, options)
            new = _changed(old, options, now)
            update(tx, new)
            self._record(tx, now, Deed("edit_schedule", reason, _on_record(options, new)), name)
        return new

    def delete(self, name: str, *, reason: str | None = None) -> None:
        """Delete a schedule and its slots; its queued jobs stay."""
        with self._operator.writing("delete_schedule") as tx:
            _named(tx, name)
            tx.run(sql.DELETE_SCHEDULE, name)
            self._record(tx, self._database.now(), Deed("delete_schedule", reason), name)

    def pause(self, name: str, *, reason: str | None = None) -> None:
        """Queue no jobs for it until it is resumed."""
        with self._operator.writing("pause_schedule") as tx:
            now = self._database.now()
            named = _named(tx, name)
            update(tx, named._replace(paused_at=now, paused_by=self._operator.who, pause_reason=reason))
            self._record(tx, now, Deed("pause_schedule", reason), name)

    def resume(self, name: str, *, reason: str | None = None) -> None:
        """Resume with the first slot after now; the slots of the pause are recorded as skipped."""
        with self._operator.writing("resume_schedule") as tx:
            now = self._database.now()
            old = _named(tx, name)
            if old.paused_at is None:
                raise Refused(f"schedule {name} is not paused")
            _skip_pause(tx, old, now)
            following = next(old.timetable.after(now), None)
            update(tx, old._replace(paused_at=None, paused_by=None, pause_reason=None, next_at=following))
            self._record(tx, now, Deed("resume_schedule", reason), name)

    def run(self, name: str, *, reason: str | None = None) -> int:
        """Queue a job now, regardless of times, overlap and pause; return its id."""
        with self._operator.writing("run_schedule") as tx:
            now = self._database.now()
            job = self._fill(tx, _named(tx, name), now, now)
            self._record(tx, now, Deed("run_schedule", reason, {"job": job}), name)
        return job

    def backfill(self, name: str, start: int, end: int, *, reason: str | None = None) -> Backfilled:
        """Queue jobs for the slots from ``start`` up to ``end`` (µs UTC, exclusive) without one.

        Future slots are left to the schedule. If it is killed halfway, another call continues where it stopped.
        """
        check_moment("the start of a backfill", start)
        if not start < end:
            raise BadSchedule("a backfill ends after it begins: nothing is between these moments")
        with self._operator.writing("backfill_schedule") as tx:
            schedule = _named(tx, name)
        end = min(end, self._database.now())
        slots = list(islice(schedule.timetable.between(start, end), MOST_SLOTS + 1))
        if len(slots) > MOST_SLOTS:
            raise BadSchedule(f"these are more than {MOST_SLOTS:,} slots: backfill a shorter time")
        done = Backfilled([], 0)
        for first in range(0, len(slots), AT_ONCE):
            done = self._backfill(schedule, slots[first : first + AT_ONCE], done, reason)
        return done

    def _backfill(self, schedule: Schedule, slots: list[int], done: Backfilled, reason: str | None) -> Backfilled:
        with self._operator.writing("backfill_schedule") as tx:
            now = self._database.now()
            known = tx.rows(sql.SLOTS_BETWEEN, schedule.name, slots[0], slots[-1])
            queued = {at for at, job in known if job is not None}
            wanted = [slot for slot in slots if slot not in queued]
            jobs = [self._fill(tx, schedule, slot, now) for slot in wanted]
            self._record(tx, now, Deed("backfill_schedule", reason, {"jobs": len(jobs)}), schedule.name)
        return Backfilled(done.jobs + jobs, done.there + len(queued))

    def _fill(self, tx: Transaction, schedule: Schedule, slot: int, now: int) -> int:
        """Queue the job of a slot that has none."""
        tx.run(sql.INSERT_SLOT, schedule.name, slot, slot, 1, None, None, now)
        job = insert_slot_job(self._inserter, tx, schedule, slot)
        if not tx.run(sql.SET_SLOT, job, None, schedule.name, slot):
            raise Refused("another has queued this slot at the same moment: try again")
        return job

    def _record(self, tx: Transaction, now: int, deed: Deed, name: str) -> None:
        self._operator.record(tx, now, deed._replace(detail={"schedule": name, **deed.detail}))


def _on_record(options: ScheduleOptions, new: Schedule) -> dict[str, Any]:
    """The given options, without secrets."""
    said: dict[str, Any] = {**options, "task": new.task} if "task" in options else {**options}
    return said | ({"args": json.loads(redacted(encryption.shown_json(new.args)))} if "args" in options else {})


def _restore(old: Schedule, options: ScheduleOptions) -> None:
    """Replace placeholders in the options by the schedule's hidden values."""
    task = options.get("task", old.task)
    moves = (task.name if isinstance(task, Task) else task) != old.task
    kept = {} if encryption.is_sealed(old.args) else json.loads(old.args)
    if "args" in options:
        options["args"] = restored(options["args"], {} if moves else kept)
    elif moves and (encryption.is_sealed(old.args) or public(kept) != kept):
        raise SecretNeeded("the task was changed, so the hidden values are not sent along: give all arguments anew")


_EMPTY = Schedule(
    *("", "", "{}", "", 0, None, None, None, None, None, None, "UTC", 0),
    *(Missed.LATEST, 100, Overlap.SKIP, None, 0, 0, None, None, None),
)


def _named(tx: Transaction, name: str) -> Schedule:
    row = tx.row(sql.SCHEDULE_NAMED, name)
    if row is None:
        raise NotFound(f"there is no schedule {name!r}")
    return Schedule._make(row)


def _changed(old: Schedule, options: ScheduleOptions, now: int) -> Schedule:
    """Apply and check these options; the next slot is the first after now."""
    said: dict[str, Any] = dict(options)
    change: dict[str, Any] = {part: said[part] for part in ("zone", "missed_cap") if part in said}
    if any(part in said for part in _WHEN):
        change |= {part: said.get(part) for part in _WHEN} | {"anchor": now - now % SECOND}
    change["missed"] = Missed(said.get("missed", old.missed)).value
    change["overlap"] = Overlap(said.get("overlap", old.overlap)).value
    new = _asked(old._replace(**change), said, now)
    new.timetable.check()
    if not 1 <= new.missed_cap < AT_ONCE:
        raise BadSchedule(f"at most {AT_ONCE - 1} missed slots are run, and at least 1, not {new.missed_cap}")
    following = next(new.timetable.after(now), None)
    if following is None:
        raise BadSchedule("that moment is over")
    return new._replace(next_at=following)


def _asked(schedule: Schedule, said: dict[str, Any], now: int) -> Schedule:
    """Apply the job options; unset ones come from the task, or stay as they were."""
    named = ("queue", "priority", "max_retries", "backoff", "timeout")
    order = make_order(said.get("task", schedule.task), now=now, **{part: said[part] for part in named if part in said})
    taken = named if "task" in said else [part for part in named if part in said]
    job: dict[str, Any] = {part: getattr(order, part) for part in taken}
    new = schedule._replace(task=order.task, **job)
    if "args" in said or "task" in said:
        args = said["args"] if "args" in said else json.loads(encryption.reveal(schedule.args))
        new = new._replace(args=encode_args(args))
        order.call(json.loads(new.args_at(now)))
    return (
        new._replace(args=encryption.close_json(new.args))
        if order.encrypted and not encryption.is_sealed(new.args)
        else new
    )


def _skip_pause(tx: Transaction, schedule: Schedule, now: int) -> None:
    """Record the skipped slots of a pause, at most the first thousand."""
    if schedule.next_at is not None:
        slots = list(islice(schedule.timetable.between(schedule.next_at, now + 1), AT_ONCE))
        why = f": {schedule.pause_reason}" if schedule.pause_reason else ""
        if slots:
            skip(tx, schedule.name, slots, f"paused by {schedule.paused_by}{why}", now)
