"""Schedulers are killed while they tick through clock changes: each slot gets one job.

The simulated days lie around the start and the end of daylight saving time.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import NamedTuple

from pqkit import queries
from pqkit.domain.durations import SECOND
from pqkit.domain.schedule_times import Missed, Overlap, Timetable, moment_in
from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness.fleet import Fleet, Member
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.operations.schedules import ScheduleOptions
from pqkit.queue import Queue, Schedules

HOUR = 3_600 * SECOND
STEP = 10 * 60 * SECOND
SKEW = 90 * SECOND
BEHIND = 6 * HOUR
TASK = "lab.slot"
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
# The clock changes of these zones in 2026; Lord Howe's is half an hour.
CHANGES = ("03-08T07:00", "03-29T01:00", "04-04T15:00", "10-03T15:30", "10-25T01:00", "11-01T06:00")
CRONS = ("30 2 * * *", "15 * * * *", "*/30 1-3 * * *", "0,30 1-3 * * *", "5 */2 * * *")
DAILY = CRONS[0]
SLOTS_A_DAY = 171


class Window(NamedTuple):
    """The hours around one clock change, and its schedules by name."""

    start: int
    end: int
    tables: dict[str, Timetable]


def schedules(
    place: Scratch,
    ticks: int = 10_000,
    schedulers: int = 5,
    kills: int = 60,
    *,
    changes: int = len(CHANGES),
    seed: int = 1,
    progress: Progress = silent,
) -> Result:
    """Tick at least ``ticks`` slots of schedules in three zones, and kill schedulers.

    ``schedulers`` run at once, and ``kills`` of them are killed one by one.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    half = (ceil(ticks / changes / SLOTS_A_DAY / 2 * 24) + 1) * HOUR  # one more: clock changes also skip slots
    windows = [_window(number, moment, half) for number, moment in enumerate(CHANGES[:changes])]
    clock = place.folder / "clock"
    _set(clock, 0)
    with Fleet(place, durability="normal") as fleet:
        members = [_scheduler(fleet, clock, chance) for _ in range(schedulers)]
        killed = 0
        for number, window in enumerate(windows):
            _enter(fleet.queue, window)
            due = _kill_times(window, kills * (number + 1) // len(windows) - killed, chance)
            for now in range(window.start, window.end + STEP, STEP):
                _set(clock, now)
                while due and due[-1] <= now:
                    due.pop()
                    killed += 1
                    _replace(fleet, clock, members, chance)
                _await(fleet.queue, now - BEHIND)
            _set(clock, window.end + SKEW)
            _await(fleet.queue, window.end)
            _leave(fleet.queue, window)
            progress((number + 1) / len(windows), f"{killed} schedulers killed")
        fleet.kill()
        return _result(fleet.queue, windows, killed)


def _window(number: int, moment: str, half: int) -> Window:
    change = round(datetime.fromisoformat(f"2026-{moment}").replace(tzinfo=UTC).timestamp() * SECOND)
    tables = {f"{number} {zone} {cron}": Timetable(cron=cron, zone=zone) for zone in ZONES for cron in CRONS}
    tables[f"{number} every hour"] = Timetable(every=3_600, anchor=change - half)
    return Window(change - half, change + half, tables)


def _enter(queue: Queue, window: Window) -> None:
    """Add the schedules as if the time were the start of the window."""
    queue.database.now = lambda: window.start  # type: ignore[method-assign]
    verbs = Schedules(queue.operator("lab"))
    for name, table in window.tables.items():
        when: ScheduleOptions = {"cron": table.cron, "zone": table.zone} if table.cron else {"every": 3_600}
        job: ScheduleOptions = {"task": TASK, "args": {"schedule": name, "slot": "{slot}"}}
        policy: ScheduleOptions = {"missed": Missed.ALL, "missed_cap": 999, "overlap": Overlap.ALLOW}
        verbs.add(name, **(when | job | policy))


def _leave(queue: Queue, window: Window) -> None:
    """Delete the window's schedules; otherwise their slots up to the next window would be due."""
    verbs = Schedules(queue.operator("lab"))
    for name in window.tables:
        verbs.delete(name)


def _scheduler(fleet: Fleet, clock: Path, chance: random.Random) -> Member:
    return fleet.start(
        f"s{fleet.born}", "pqkit.lab.harness.scheduler_process", str(clock), str(chance.randint(-SKEW, SKEW))
    )


def _replace(fleet: Fleet, clock: Path, members: list[Member], chance: random.Random) -> None:
    victim = chance.randrange(len(members))
    members[victim].kill()
    members[victim] = _scheduler(fleet, clock, chance)


def _kill_times(window: Window, count: int, chance: random.Random) -> list[int]:
    return sorted((chance.randint(window.start, window.end) for _ in range(count)), reverse=True)


def _set(clock: Path, now: int) -> None:
    """Move the clock atomically: a reader sees the old or the new moment."""
    new = clock.with_suffix(".new")
    new.write_text(str(now))
    new.rename(clock)


def _await(queue: Queue, moment: int) -> None:
    """Wait until every schedule has passed that moment."""
    wait_until(
        lambda: all(one.next_at is None or one.next_at > moment for one in queries.schedules(queue.database)),
        what="the ticks",
    )


def _result(queue: Queue, windows: list[Window], killed: int) -> Result:
    jobs = Counter(_job(args) for args in queries.arguments_of(queue.database, TASK))
    expected = {slot for window in windows for slot in _slots(window)}
    inside = {slot for window in windows for slot in jobs if _is_inside(slot, window)}
    twice = sorted(slot for slot, count in jobs.items() if count > 1)
    lacking, odd = sorted(expected - inside), sorted(inside - expected)
    findings = [Finding("one job per slot", None, f"{name}: {at} has {jobs[name, at]} jobs") for name, at in twice]
    findings += [Finding("one job per slot", None, f"{name}: {at} has no job") for name, at in lacking]
    findings += [Finding("no other slots", None, f"{name}: {at} is no slot") for name, at in odd]
    findings += [Finding("once a day", None, words) for window in windows for words in _not_daily(window)]
    figure = (
        f"schedules: {len(expected):,} slots in {len(ZONES)} zones, {len(windows)} changes of the clock, {killed} "
        f"schedulers killed: {len(lacking)} without a job, {len(twice)} with two"
    )
    numbers: dict[str, object] = {"slots": len(expected), "kills": killed, "lacking": len(lacking), "twice": len(twice)}
    return Result(figure, numbers, findings)


def _job(args: str) -> tuple[str, int]:
    said = json.loads(args)
    return said["schedule"], round(datetime.fromisoformat(said["slot"]).timestamp() * SECOND)


def _slots(window: Window) -> Iterator[tuple[str, int]]:
    for name, table in window.tables.items():
        yield from ((name, slot) for slot in table.between(window.start + 1, window.end + 1))


def _is_inside(slot: tuple[str, int], window: Window) -> bool:
    return slot[0] in window.tables and window.start < slot[1] <= window.end


def _not_daily(window: Window) -> Iterator[str]:
    """Check a daily job without cron's help: one job a day at a fixed time.

    That holds also where the clock change skips or repeats that time.
    """
    for name, table in window.tables.items():
        if table.cron == DAILY:
            days = [moment_in(table.zone, slot).date() for slot in table.between(window.start, window.end)]
            yield from (f"{name}: {b} follows {a}" for a, b in pairwise(days) if (b - a).days != 1)
