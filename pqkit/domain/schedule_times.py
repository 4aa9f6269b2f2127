"""A schedule's slots: pure arithmetic over microseconds since 1970 UTC.

Cron is read as Debian's cron reads it (cron(8)). Where hour and minute are fixed, a time that daylight saving skips
runs right after the gap, and a time that occurs twice runs the first time. Where either field begins with a star, or
seconds are given, slots follow elapsed time: nothing is moved.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pqkit.domain.durations import SECOND
from pqkit.domain.retry_policy import check_moment
from pqkit.errors import PqkitError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATE = 60 * SECOND
AT_ONCE = 1_000
SLOT = '"{slot}"'
MAX_EVERY = 366 * 86_400.0


class BadSchedule(PqkitError, ValueError):
    """An invalid schedule; the message says what is needed."""


class Missed(StrEnum):
    """The policy for slots that no worker ticked in time."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class Overlap(StrEnum):
    """The policy for a slot while the job of an earlier slot is unfinished."""

    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    ALLOW = "allow"
    CANCEL_PREVIOUS = "cancel_previous"


class Timetable(NamedTuple):
    """A timetable: exactly one of ``cron``, ``every`` and ``at``.

    ``cron`` has five fields, or six with seconds first, and is read in ``zone``; ``every`` is in seconds (1 or more),
    counted from ``anchor``.
    """

    cron: str | None = None
    every: float | None = None
    at: int | None = None
    zone: str = "UTC"
    anchor: int = 0

    def check(self) -> None:
        """Raise BadSchedule unless it defines slots."""
        if sum(part is not None for part in (self.cron, self.every, self.at)) != 1:
            raise BadSchedule("a schedule has either cron, every or at")
        self._check_every()
        zone_of(self.zone)
        if self.at is not None:
            check_moment("at", self.at)
        if self.cron is not None and next(self.after(0), None) is None:
            raise BadSchedule(f"cron {self.cron!r} never comes")

    def _check_every(self) -> None:
        if self.every is not None and not 1 <= self.every <= MAX_EVERY:
            raise BadSchedule(f"every must be 1 second to a year, not {self.every:g} seconds")

    def after(self, moment: int) -> Iterator[int]:
        """Yield every slot after that moment, in order."""
        if self.at is not None:
            return iter([self.at] if self.at > moment else [])
        if self.every is not None:
            self._check_every()
            step = round(self.every * SECOND)
            return count(self.anchor + ((moment - self.anchor) // step + 1) * step, step)
        return self._cron(moment)

    def between(self, start: int, end: int) -> Iterator[int]:
        """Yield the slots from ``start`` up to, but not including, ``end``."""
        for slot in self.after(start - 1):
            if slot >= end:
                return
            yield slot

    def _cron(self, moment: int) -> Iterator[int]:
        from cronsim import CronSim, CronSimError  # noqa: PLC0415 - a worker without cron schedules does not load it

        try:
            found = CronSim(self.cron or "", moment_in(self.zone, moment))
        except CronSimError as error:
            raise BadSchedule(f"cron {self.cron!r} cannot be read: {str(error).lower()}") from None
        last = moment
        for time in found:
            # Started inside an hour that occurs twice, cron repeats that hour's first time.
            slot = (time - EPOCH) // timedelta(microseconds=1)
            if slot > last:
                last = slot
                yield slot


def moment_in(zone: str, microseconds: int) -> datetime:
    return (EPOCH + timedelta(microseconds=microseconds)).astimezone(zone_of(zone))


def zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise BadSchedule(f"there is no time zone {name!r}: take a name such as Europe/Berlin or UTC") from None


class Schedule(NamedTuple):
    """A schedule as it is stored.

    ``args`` is JSON in which the text ``{slot}`` stands for the slot's time; ``next_at`` is the slot to tick next, None
    if there is none; ``version`` counts the changes.
    """

    name: str
    task: str
    args: str
    queue: str
    priority: int
    max_retries: int | None
    backoff: str | None
    timeout: float | None
    cron: str | None
    every: float | None
    at: int | None
    zone: str
    anchor: int
    missed: Missed
    missed_cap: int
    overlap: Overlap
    next_at: int | None
    version: int
    created_at: int
    paused_at: int | None
    paused_by: str | None
    pause_reason: str | None

    @property
    def timetable(self) -> Timetable:
        return Timetable(self.cron, self.every, self.at, self.zone, self.anchor)

    def plan(self, now: int) -> "Plan":
        """Plan the slots that are due."""
        return plan(self.timetable, Missed(self.missed), self.missed_cap, self.next_at or now, now)

    def args_at(self, slot: int) -> str:
        """The arguments of a slot's job."""
        return self.args.replace(SLOT, json.dumps(moment_in(self.zone, slot).isoformat()))


class Plan(NamedTuple):
    """A plan for due slots: those to run, those missed, and the next slot (None: no more)."""

    run: list[int]
    missed: list[int]
    next_at: int | None


def plan(table: Timetable, missed: Missed, cap: int, next_at: int, now: int) -> Plan:
    """Plan the slots from ``next_at`` to ``now``, about 1,000 and the last few at a time.

    The last due slot is on time unless it is a minute late; the others were missed. ``cap`` bounds ``Missed.ALL``.
    """
    kept = cap if missed is Missed.ALL else 1
    due, after = _due(table, next_at, now, AT_ONCE + kept)
    if len(due) == AT_ONCE + kept:  # more slots may be due after these
        return Plan([], due[:AT_ONCE], due[AT_ONCE])
    run, left = due[-kept:], due[:-kept]
    if missed is Missed.SKIP and run and now - run[-1] > LATE:
        run, left = [], due
    return Plan(run, left, after)


def _due(table: Timetable, next_at: int, now: int, most: int) -> tuple[list[int], int | None]:
    due: list[int] = []
    for slot in table.after(next_at - 1):
        if slot > now or len(due) == most:
            return due, slot
        due.append(slot)
    return due, None
