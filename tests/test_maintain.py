"""Maintenance as its thread does it, tick by tick, with the time passed in."""

import time
from typing import Any

import pytest

from pqkit import JobState, Queue
from pqkit.domain.states import MOVES
from pqkit.errors import DatabaseUnavailable
from pqkit.maintenance.runner import WORDS, Maintainer
from pqkit.queue import Leases
from pqkit.settings import load
from tests.conftest import a_worker
from tests.verbs import SECOND, claim_one, set_lease_clock, sql

pytestmark = pytest.mark.usefixtures("add")


@pytest.fixture
def maintainer(queue: Queue, worker: Leases) -> Maintainer:
    return Maintainer(queue.database, worker.id, load())


def test_a_tick_stages_what_is_due(queue: Queue, add: Any, maintainer: Maintainer) -> None:
    due, later = queue.enqueue(add, {"a": 1}, delay=0.001), queue.enqueue(add, {"a": 1}, delay=60)
    while queue.database.now() < sql(queue, "SELECT min(due_at) FROM delayed")[0][0]:
        pass
    maintainer.tick(time.monotonic())
    assert (due.state, later.state) == (JobState.PENDING, JobState.SCHEDULED)


def test_a_dead_process_is_met_at_the_next_look(queue: Queue, add: Any, maintainer: Maintainer) -> None:
    job, other = queue.enqueue(add, {"a": 1}), a_worker(queue, "w2")
    claim_one(other)
    maintainer.tick(100)
    assert job.state is JobState.PROCESSING
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {other.id}")
    maintainer.tick(101)
    assert job.state is JobState.PENDING


def test_workers_that_were_paused_together_do_not_bury_each_other(
    queue: Queue, add: Any, maintainer: Maintainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a paused container: the clock goes on and nobody can beat."""
    job, other = queue.enqueue(add, {"a": 1}), a_worker(queue, "w2")
    claim_one(other)
    boot, begun = queue.database.lease_clock()

    def tick(seconds: int) -> JobState:
        set_lease_clock(monkeypatch, queue, boot, begun + seconds * SECOND)
        maintainer.tick(100 + seconds)
        return job.state

    assert [tick(seconds) for seconds in (1, 61, 65, 70)] == [JobState.PROCESSING] * 4
    other.beat()
    assert [tick(70 + seconds) for seconds in range(1, 30)] == [JobState.PROCESSING] * 29
    assert [tick(100), tick(101)] == [JobState.PROCESSING, JobState.PENDING], "whoever does not beat again is dead"


def test_who_is_not_on_duty_does_nothing(
    queue: Queue, add: Any, maintainer: Maintainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_lease_clock(monkeypatch, queue, *queue.database.lease_clock())
    queue.upkeep().take_duty(a_worker(queue, "w2").id)
    job = queue.enqueue(add, {"a": 1}, delay=0.001)
    while queue.database.now() < sql(queue, "SELECT min(due_at) FROM delayed")[0][0]:
        pass
    maintainer.tick(time.monotonic())
    assert job.state is JobState.SCHEDULED


def test_what_operators_do_is_in_the_log(
    queue: Queue, add: Any, maintainer: Maintainer, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = queue.enqueue_many(add, [{"a": n} for n in range(30)])
    maintainer.tick(100)
    operator = queue.operator("ada")
    operator.cancel(ids, reason="wrong\nday")
    operator.resubmit(ids[:1])
    operator.pause("default")
    maintainer.tick(101)
    maintainer.tick(102)
    said = capsys.readouterr().out
    assert said.count("canceled, or asked to") == said.count("resubmitted") == said.count("paused") == 1
    assert "count=30" in said
    assert "wrong\nday" not in said


def test_every_verb_on_record_has_its_words() -> None:
    by_operators = {move.verb for move in MOVES if move.who == "operator"}
    assert by_operators <= set(WORDS)


def test_a_duty_that_fails_does_not_end_the_others(
    queue: Queue, add: Any, worker: Leases, maintainer: Maintainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintainer.tick(100)
    monkeypatch.setattr(maintainer._upkeep, "stage", lambda: 1 / 0)
    queue.enqueue(add, {"a": 1}, delay=0.001)
    while queue.database.now() < sql(queue, "SELECT min(due_at) FROM delayed")[0][0]:
        pass
    maintainer.tick(101)
    monkeypatch.undo()
    maintainer.tick(102)
    assert sql(queue, "SELECT count(*) FROM ready") == [(1,)]


def test_a_database_that_is_away_is_met_again_at_the_next_tick(
    queue: Queue, add: Any, maintainer: Maintainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(queue.database, "read", away)
        maintainer.tick(100)
    job = queue.enqueue(add, {"a": 1}, delay=0.001)
    while queue.database.now() < sql(queue, "SELECT min(due_at) FROM delayed")[0][0]:
        pass
    maintainer.tick(102)
    assert job.state is JobState.PENDING


def test_a_tick_that_comes_a_little_early_counts(queue: Queue, add: Any, maintainer: Maintainer) -> None:
    job, other = queue.enqueue(add, {"a": 1}), a_worker(queue, "w2")
    claim_one(other)
    maintainer.tick(100.01)
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {other.id}")
    maintainer.tick(101)
    assert job.state is JobState.PENDING


def test_the_duty_is_renewed_in_time_and_given_up_when_another_has_it(
    queue: Queue, worker: Leases, maintainer: Maintainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (boot, now), other = queue.database.lease_clock(), a_worker(queue, "w2")

    def tick(seconds: float) -> bool:
        set_lease_clock(monkeypatch, queue, boot, now + round(seconds * SECOND))
        maintainer.tick(100 + seconds)
        return queue.upkeep().take_duty(other.id)

    assert not any(tick(seconds / 2) for seconds in range(40))
    set_lease_clock(monkeypatch, queue, boot, now + 30 * SECOND)
    assert queue.upkeep().take_duty(other.id), "it was not renewed for ten seconds"
    maintainer.tick(130)
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {worker.id}")
    assert queue.upkeep().rescue(None), "who has lost the duty rescues nobody"
