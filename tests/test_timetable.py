"""When slots are: through changes of the clock, from any start, and what becomes of those that were missed."""

from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest

from pqkit.domain.durations import SECOND
from pqkit.domain.schedule_times import LATE, BadSchedule, Missed, Timetable, moment_in, plan

HOUR = 3_600 * SECOND
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * SECOND)


def shown(table: Timetable, start: str, count: int) -> list[str]:
    return [f"{moment_in(table.zone, slot):%d %H:%M %z}" for slot in islice(table.after(at(start)), count)]


def test_a_time_that_is_left_out_comes_right_after_the_gap_and_a_doubled_one_once() -> None:
    table = Timetable(cron="30 2 * * *", zone="Europe/Berlin")
    assert shown(table, "2026-03-27T12:00", 3) == ["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"]
    assert shown(table, "2026-10-24T12:00", 2) == ["25 02:30 +0200", "26 02:30 +0100"]
    assert shown(table, "2026-10-25T01:10", 1) == ["26 02:30 +0100"]  # begun within the second two o'clock


def test_slots_with_a_star_follow_the_clock_that_goes_on() -> None:
    table = Timetable(cron="0 * * * *", zone="Europe/Berlin")
    assert shown(table, "2026-10-24T23:30", 3) == ["25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", ["30 2 * * *", "*/20 1-3 * * *", "0 * * * *", "30 5 2 * * *"])
def test_slots_are_the_same_from_wherever_they_are_asked(zone: str, cron: str) -> None:
    table = Timetable(cron=cron, zone=zone)
    for month in ("03-01", "10-01"):
        start = at(f"2026-{month}")
        slots = list(table.between(start, start + 40 * 24 * HOUR))
        assert slots == sorted(set(slots))
        for before, slot in pairwise(slots):
            assert {next(table.after(moment)) for moment in (before, (before + slot) // 2, slot - 1)} == {slot}


def test_an_interval_counts_from_its_anchor() -> None:
    table = Timetable(every=5, anchor=3 * SECOND)
    assert list(islice(table.after(3 * SECOND), 2)) == [8 * SECOND, 13 * SECOND]
    assert next(table.after(-100 * SECOND)) == -97 * SECOND
    assert list(Timetable(at=7).after(6)) == [7]
    assert list(Timetable(at=7).after(7)) == []


@pytest.mark.parametrize(
    "table",
    [
        Timetable(),
        Timetable(every=0.5),
        Timetable(every=1, at=1),
        Timetable(cron="* * *"),
        Timetable(cron="0 0 31 2 *"),
        Timetable(cron="* * * * *", zone="Mars/Base"),
        Timetable(cron="* * * * *", zone="../etc/passwd"),
    ],
)
def test_what_makes_no_sense_is_one_line(table: Timetable) -> None:
    with pytest.raises(BadSchedule) as refused:
        table.check()
    assert "\n" not in str(refused.value)


EVERY = Timetable(every=10)


@pytest.mark.parametrize(
    ("missed", "late", "run", "missing"),
    [
        (Missed.LATEST, LATE * 9, [50], [10, 20, 30, 40]),
        (Missed.SKIP, 0, [50], [10, 20, 30, 40]),
        (Missed.SKIP, LATE + SECOND, [], [10, 20, 30, 40, 50]),
        (Missed.ALL, LATE * 9, [30, 40, 50], [10, 20]),
    ],
)
def test_missed_slots_are_run_or_passed_over_as_the_policy_says(
    missed: Missed, late: int, run: list[int], missing: list[int]
) -> None:
    table = EVERY if late < 10 * SECOND else Timetable(every=3600, anchor=0)
    step = 10 * SECOND if table is EVERY else HOUR
    what = plan(table, missed, 3, step, 5 * step + late)
    assert what.run == [slot // 10 * step for slot in run]
    assert what.missed == [slot // 10 * step for slot in missing]
    assert what.next_at == 6 * step


def test_a_long_time_away_is_caught_up_in_parts() -> None:
    what = plan(EVERY, Missed.LATEST, 1, 10 * SECOND, 50_000 * SECOND)
    assert (what.run, len(what.missed), what.next_at) == ([], 1_000, 10_010 * SECOND)
