"""Schedules: what operators say of them, and what becomes of their slots."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pqkit import NotFound, Queue, queries, task
from pqkit.domain.schedule_times import LATE, BadSchedule, Missed, Overlap
from pqkit.domain.states import JobState
from pqkit.domain.tasks import ArgumentError
from pqkit.errors import Refused
from pqkit.lab import Scratch
from pqkit.lab.experiments.schedule_ticks import schedules as experiment
from pqkit.maintenance.dependency_releaser import Dependents
from pqkit.maintenance.scheduler import Ticker
from pqkit.queries.why import why
from pqkit.queue import Leases, get_queue
from pqkit.security import encryption
from pqkit.settings import settings
from tests.support import wait_until
from tests.verbs import SECOND, claim, complete, sql

Tick = Callable[[float], list[int]]


@pytest.fixture
def tick(queue: Queue, stopped_clocks: None) -> Tick:
    """Tick so many seconds after the test's moment; the jobs that were queued."""
    now, ticker = queue.database.now(), Ticker(queue.database)
    return lambda seconds: [job for ticked in ticker.tick(now + round(seconds * SECOND)) for job in ticked.jobs]


def told(queue: Queue) -> list[tuple[int | None, int, str | None]]:
    """The job of each slot, how many slots that stands for, and why there is no job; the latest first."""
    return [(view.job_id, view.slots, view.reason) for view in queries.slots(queue.database, "s")]


def test_a_slot_gets_one_job_that_is_told_its_time(queue: Queue, tick: Tick) -> None:
    queue.schedules().add("s", task="report", args={"at": "{slot}"}, every=5, queue="night", priority=3)
    assert tick(4) == []
    (job,) = tick(5)
    assert tick(5) == []
    ((text, name, priority),) = sql(queue, "SELECT args, queue, priority FROM job")
    slot = queries.slots(queue.database, "s")[0]
    assert (name, priority, slot.job_id, slot.state) == ("night", 3, job, JobState.PENDING)
    assert json.loads(text)["at"].endswith("+00:00")
    assert queries.schedule(queue.database, "s").next_at == slot.at + 5 * SECOND


def test_missed_slots_are_shown_with_the_reason(queue: Queue, tick: Tick) -> None:
    queue.schedules().add("s", task="report", every=10)
    (job,) = tick(60)
    assert told(queue) == [(job, 1, None), (None, 5, "nobody ticked in time")]
    queue.schedules().edit("s", missed=Missed.SKIP, every=3_600)
    assert tick(3_600 + LATE / SECOND + 1) == []


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (Overlap.ALLOW, (3, None)),
        (Overlap.SKIP, (1, "job 1 of an earlier slot has not ended")),
        (Overlap.QUEUE_ONE, (2, "job 2 of an earlier slot still waits")),
    ],
)
def test_a_slot_while_an_earlier_job_runs(
    queue: Queue, worker: Leases, tick: Tick, overlap: Overlap, expected: tuple[int, str | None]
) -> None:
    jobs, reason = expected
    queue.schedules().add("s", task="add", args={"a": 1}, every=10, overlap=overlap)
    (first,) = tick(10)
    (running,) = claim(worker)
    assert running.job_id == first
    assert len(tick(20) + tick(30)) == jobs - 1
    assert told(queue)[0][2] == reason
    assert len(claim(worker, 8)) == (2 if overlap is Overlap.ALLOW else 0)
    complete(worker, queue, running)
    assert len(Dependents(queue.database).go_on()) == (overlap is Overlap.QUEUE_ONE)
    queue.operator().cancel([2, 3])
    assert len(tick(40)) == 1


def test_a_slot_may_take_the_place_of_the_job_before(queue: Queue, worker: Leases, tick: Tick) -> None:
    queue.schedules().add("s", task="add", args={"a": 1}, every=10, overlap=Overlap.CANCEL_PREVIOUS)
    (running,) = tick(10)
    claim(worker)
    (waiting,) = tick(20)
    (last,) = tick(30)
    assert why(queue.database, last) == f"it waits for job {running}, which is processing"
    assert sql(queue, "SELECT cancel_requested_at IS NOT NULL FROM lease") in ([(1,)], [(True,)])
    assert (queue.state(waiting), queue.state(last)) == (JobState.CANCELED, JobState.SCHEDULED)
    assert {act.who for act in queries.job(queue.database, running).actions} == {"schedule s"}


def test_a_pause_passes_over_its_slots(queue: Queue, tick: Tick, monkeypatch: pytest.MonkeyPatch) -> None:
    now, verbs = queue.database.now(), queue.schedules("ada")
    verbs.add("s", task="report", every=10)
    verbs.pause("s", reason="noisy")
    assert tick(20) == []
    monkeypatch.setattr(queue.database, "now", lambda: now + 35 * SECOND)
    verbs.resume("s")
    assert told(queue) == [(None, 3, "paused by ada: noisy")]
    assert len(tick(40)) == 1
    with pytest.raises(Refused, match="not paused"):
        verbs.resume("s")


@pytest.mark.parametrize("planted", ["every = 0.0", "every = 1e-9", "every = 1e300", "missed = 'zz'", "zone = '../x'"])
def test_a_row_that_makes_no_sense_is_set_aside_and_holds_up_no_other(queue: Queue, tick: Tick, planted: str) -> None:
    verbs = queue.schedules()
    verbs.add("bad", task="report", every=10)
    verbs.add("good", task="report", every=10, overlap=Overlap.ALLOW)
    sql(queue, f"UPDATE schedule SET {planted} WHERE name = 'bad'")
    assert len(tick(20)) == 1
    assert tick(40)
    assert sql(queue, "SELECT name, paused_by FROM schedule ORDER BY name") == [("bad", "pqkit"), ("good", None)]


def test_a_backfill_queues_what_has_no_job_and_nothing_twice(queue: Queue, tick: Tick) -> None:
    verbs = queue.schedules()
    verbs.add("s", task="report", every=10)
    tick(60)
    now = queue.database.now()
    queue.database.now = lambda: now + 65 * SECOND  # type: ignore[method-assign]
    assert [len(part) if isinstance(part, list) else part for part in verbs.backfill("s", now, now + 10**9)] == [5, 1]
    assert verbs.backfill("s", now, now + 10**9) == ([], 6)
    assert len({job for job, _, _ in told(queue)}) == 6


def test_a_schedule_runs_now_is_changed_and_forgotten(queue: Queue, tick: Tick) -> None:
    verbs = queue.schedules()
    verbs.add("s", task="report", at=queue.database.now() + 10 * SECOND, overlap=Overlap.ALLOW)
    assert queue.state(verbs.run("s")) is JobState.PENDING
    assert len(tick(10)) == 1
    assert queries.coming(queries.schedule(queue.database, "s")) == []
    assert tick(10**6) == []
    verbs.edit("s", cron="0 3 * * *", zone="Europe/Berlin", task="other")
    found = queries.schedule(queue.database, "s")
    assert (found.cron, found.at, found.task, len(queries.coming(found, 3))) == ("0 3 * * *", None, "other", 3)
    verbs.delete("s")
    assert sql(queue, "SELECT count(*) FROM slot") == [(0,)]
    assert sql(queue, "SELECT count(*) FROM job") == [(2,)]
    with pytest.raises(NotFound, match="no schedule 's'"):
        verbs.delete("s")
    verbs_on_record = {verb for (verb,) in sql(queue, "SELECT verb FROM action")}
    assert verbs_on_record == {"add_schedule", "run_schedule", "edit_schedule", "delete_schedule"}


def test_what_makes_no_sense_is_refused_and_changes_nothing(queue: Queue, add: Any) -> None:
    verbs = queue.schedules()
    verbs.add("s", task=add, args={"a": 1}, every=10)
    with pytest.raises(Refused, match="already"):
        verbs.add("s", task=add, args={"a": 1}, every=10)
    with pytest.raises(ArgumentError):
        verbs.add("t", task=add, args={"wrong": 1}, every=10)
    for wrong in ({"every": 0.1}, {"missed_cap": 0}, {"at": 1}, {"zone": "Nope"}):
        with pytest.raises(BadSchedule):
            verbs.edit("s", **wrong)
    assert [one.name for one in queries.schedules(queue.database)] == ["s"]
    assert queries.schedule(queue.database, "s").version == 0


def test_a_schedule_that_cannot_be_ticked_is_paused_and_holds_up_no_other(queue: Queue, tick: Tick) -> None:
    queue.schedules().add("s", task="report", cron="* * * * *")
    queue.schedules().add("t", task="report", every=1)
    sql(queue, "UPDATE schedule SET zone = 'Mars/Base' WHERE name = 's'")
    assert len(tick(120)) == 1
    assert "no time zone" in str(queries.schedule(queue.database, "s").pause_reason)


def test_arguments_that_are_encrypted_stay_so(
    queue: Queue, tick: Tick, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PQKIT_KEY_FILE", str(tmp_path / "keys"))
    encryption.new_key(tmp_path / "keys")
    settings.cache_clear()
    encryption.forget()

    @task(encrypted=True)
    def confidential(at: str) -> None: ...

    queue.schedules().add("s", task=confidential, args={"at": "{slot}"}, every=10)
    assert len(tick(10)) == 1
    for table in ("schedule", "job"):
        ((text,),) = sql(queue, f"SELECT args FROM {table}")
        assert encryption.is_sealed(text)
    assert "T" in json.loads(encryption.reveal(text))["at"]
    monkeypatch.undo()
    settings.cache_clear()
    encryption.forget()


def test_old_slots_are_forgotten_but_for_the_last_thousand(queue: Queue, tick: Tick) -> None:
    queue.schedules().add("s", task="report", every=1)
    now = queue.database.now()
    values = ", ".join(f"('s', {n}, {n}, 1, NULL, 'x', 0)" for n in range(1_200))
    sql(queue, f"INSERT INTO slot VALUES {values}")
    assert Ticker(queue.database).forget(now) == 199
    assert sql(queue, "SELECT min(at) FROM slot") == [(199,)]


def test_maintenance_ticks(queue: Queue, fleet: Any) -> None:
    queue.schedules().add("s", task="report", every=1)
    fleet.start("w1")
    wait_until(lambda: len(told(queue)) >= 2, what="two slots")


@pytest.mark.fault
def test_schedulers_that_are_killed_queue_each_slot_once(place: Scratch) -> None:
    result = experiment(place, ticks=60, schedulers=3, kills=4, changes=1)
    assert result.findings == []
    assert result.numbers["kills"] == 4


@pytest.mark.sqlite
@pytest.mark.fault
def test_without_the_unique_slot_the_experiment_finds_jobs_that_are_there_twice(place: Scratch) -> None:
    """The slots' key is the one thing that keeps schedulers apart."""
    queue = get_queue(place.url)
    sql(queue, "ALTER TABLE slot RENAME TO whole")
    sql(queue, "CREATE TABLE slot AS SELECT * FROM whole")
    result = experiment(place, ticks=60, schedulers=5, kills=0, changes=1)
    assert {found.rule for found in result.findings} == {"one job per slot"}
    assert result.numbers["twice"]
