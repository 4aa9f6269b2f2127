"""A worker that lost its lease writes nothing, however it lost it."""

from collections.abc import Callable
from typing import Any

import pytest

from pqkit import JobState, Queue
from pqkit.domain.outcomes import Claim, Stopped, completed, ended_by
from pqkit.errors import LeaseLost
from pqkit.leasing.finish import finish_in
from pqkit.leasing.worker_leases import Report
from pqkit.queue import Finished, Leases
from tests.conftest import a_worker
from tests.verbs import claim, claim_one, complete, end, fail, sql

pytestmark = pytest.mark.usefixtures("add")


def lose_the_lease(queue: Queue, worker: Leases) -> None:
    """The worker is judged dead, as after a long freeze."""
    sql(queue, f"UPDATE worker SET boot_id = 'another boot' WHERE id = {worker.id}")
    (rescued,) = queue.upkeep().rescue(None)
    assert rescued.requeued


@pytest.mark.parametrize("late", [complete, fail], ids=["finish", "fail"])
def test_a_zombie_finishes_nothing_and_its_refusal_is_recorded(
    queue: Queue, add: Any, worker: Leases, late: Callable[..., bool]
) -> None:
    job = queue.enqueue(add, {"a": 1})
    stale = claim_one(worker)
    lose_the_lease(queue, worker)
    assert not late(worker, queue, stale)
    assert job.state is JobState.PENDING
    assert sql(queue, "SELECT job_id, attempt FROM refusal") == [(job.id, 1)]
    assert not worker.beat().registered, "it learns that it is to begin anew"


def test_a_zombie_cannot_finish_the_attempt_that_replaced_its_own(queue: Queue, add: Any, worker: Leases) -> None:
    job = queue.enqueue(add, {"a": 1})
    stale = claim_one(worker)
    lose_the_lease(queue, worker)
    other = a_worker(queue, "w2")
    fresh = claim_one(other)
    assert fresh.attempt == stale.attempt + 1, "the token only grows"
    assert not complete(worker, queue, stale, "stale")
    assert complete(other, queue, fresh, "fresh")
    assert not complete(worker, queue, stale, "stale")
    assert job.result(0) == "fresh"


def test_an_old_attempt_of_the_same_worker_is_refused_too(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue(add, {"a": 1})
    old = claim_one(worker)
    end(worker, queue, old, ended_by(old, Stopped()))
    new = claim_one(worker)
    assert not complete(worker, queue, old)
    assert complete(worker, queue, new)


def test_one_refused_finish_does_not_hold_up_the_others_of_its_batch(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue_many(add, [{"a": n} for n in range(3)])
    claims = claim(worker, 3)
    stale = claims[1]._replace(attempt=7)
    now = queue.database.now()
    batch = [Finished(c, ended_by(c, ValueError("x")), now, now) for c in (claims[0], stale, claims[2])]
    turn = worker.exchange(batch, 0, alone=False)
    assert [f.claim for f in turn.refused] == [stale]
    assert sql(queue, "SELECT count(*) FROM delayed") == [(2,)]
    assert sql(queue, "SELECT job_id FROM lease") == [(claims[1].job_id,)]


def test_leases_of_different_attempts_end_together_in_any_order(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue_many(add, [{"a": n} for n in range(5)])
    sql(queue, "UPDATE ready SET attempt = 10 - job_id")
    claims = claim(worker, 5)
    now = queue.database.now()
    batch = [Finished(claims[at], completed(None), now, now) for at in (4, 0, 3, 1)]
    assert worker.exchange(batch, 0, alone=False).refused == []
    assert sql(queue, "SELECT job_id FROM lease") == [(claims[2].job_id,)]


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lease_lost_among_jobs_that_follow_each_other_is_noticed(
    queue: Queue, add: Any, worker: Leases, lost: int
) -> None:
    """Their leases end as one range, and the range may hold no less than all of them."""
    queue.enqueue_many(add, [{"a": n} for n in range(3)])
    claims = claim(worker, 3)
    sql(queue, f"UPDATE lease SET worker_id = 1 WHERE job_id = {claims[lost].job_id}")
    now = queue.database.now()
    turn = worker.exchange([Finished(c, completed(None), now, now) for c in claims], 0, alone=False)
    assert [f.claim for f in turn.refused] == [claims[lost]]
    assert sql(queue, "SELECT count(*) FROM closed") == [(2,)]
    assert sql(queue, "SELECT job_id FROM lease") == [(claims[lost].job_id,)]


def test_reports_of_a_lost_attempt_are_not_kept(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue(add, {"a": 1})
    held = claim_one(worker)
    reports = [Report(held, 1, None, "a line"), Report(held, 1, 0.5, "half")]
    worker.beat(reports)
    assert sql(queue, "SELECT line FROM job_log") == [("a line",)]
    assert sql(queue, "SELECT fraction, note FROM progress") == [(0.5, "half")]
    lost = held._replace(attempt=9)
    worker.beat([report._replace(claim=lost) for report in reports])
    assert sql(queue, "SELECT count(*) FROM job_log") == [(1,)]


def test_effects_in_the_jobs_session_stand_or_fall_with_its_finish(queue: Queue, add: Any, worker: Leases) -> None:
    sql(queue, "CREATE TABLE effect (job INTEGER)")
    queue.enqueue(add, {"a": 1})
    held = claim_one(worker)
    _finish_with_effect(queue, held)
    assert sql(queue, "SELECT count(*) FROM effect") == [(1,)]
    with pytest.raises(LeaseLost):
        _finish_with_effect(queue, held)
    assert sql(queue, "SELECT count(*) FROM effect") == [(1,)], "the second run left nothing"


def _finish_with_effect(queue: Queue, held: Claim) -> None:
    now = queue.database.now()
    from pqkit.domain.outcomes import completed

    with queue.session() as session:
        session.connection().exec_driver_sql("INSERT INTO effect VALUES (1)")
        finish_in(queue.database, session, Finished(held, completed(None), now, now))
        session.commit()


def test_a_beat_between_the_look_and_the_rescue_saves_the_worker(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queue.enqueue(add, {"a": 1})
    claim_one(worker)

    def looks_dead(*_: object) -> str:
        worker.beat()  # the race: it beats after it was looked at
        return "no heartbeat"

    monkeypatch.setattr("pqkit.maintenance.rescuer.death", looks_dead)
    assert queue.upkeep().rescue(30) == []
    assert job.state is JobState.PROCESSING
