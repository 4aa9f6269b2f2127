"""The audit is clean on what the queue does, and names the right rule for what a broken queue would do."""

from collections.abc import Callable
from typing import Any

import pytest

from pqkit import Queue
from pqkit.audit import RULES
from pqkit.outcome import Fail, Retry, Snooze, Stopped
from pqkit.queries.history import audit
from pqkit.queue import Leases
from tests.conftest import a_worker
from tests.verbs import SECOND, claim, claim_one, complete, fail, sql, wait_out

pytestmark = pytest.mark.usefixtures("add")


@pytest.fixture
def eventful(queue: Queue, add: Any, worker: Leases) -> Queue:
    """A queue with some of everything that may honestly happen."""
    queue.enqueue_many(add, [{"a": n} for n in range(12)])
    queue.enqueue(add, {"a": 1}, delay=60)
    errors = [ValueError("x"), Fail("no"), Snooze(1), Stopped(), Retry(after=0), None, None, None]
    for error in errors:
        claimed = claim_one(worker)
        complete(worker, queue, claimed) if error is None else fail(worker, queue, claimed, error)
    claim(worker, 2)
    sql(queue, f"UPDATE worker SET boot_id = 'gone' WHERE id = {worker.id}")
    queue.upkeep().rescue(None)
    other = a_worker(queue, "w2")
    complete(other, queue, claim_one(other))
    operator = queue.operator("ada")
    operator.cancel([12])
    operator.resubmit([2, 6])
    operator.pause("default")
    operator.resume("default")
    claim(other, 1)
    return queue


def rules(queue: Queue) -> set[str]:
    return {finding.rule for finding in audit(queue.database).findings}


def test_an_honest_history_is_clean_and_certified(eventful: Queue) -> None:
    certificate = audit(eventful.database)
    assert certificate.clean, certificate.findings
    assert (certificate.jobs, certificate.first_job, certificate.last_job) == (13, 1, 13)
    assert certificate.runs == sql(eventful, "SELECT count(*) FROM attempt")[0][0]
    assert sum(certificate.states.values()) == 13
    assert audit(eventful.database).checksum == certificate.checksum
    sql(eventful, "UPDATE attempt SET ended_at = ended_at + 1 WHERE job_id = 7")
    assert audit(eventful.database).checksum != certificate.checksum


def test_a_span_is_judged_alone(eventful: Queue) -> None:
    now = eventful.database.now()
    sql(eventful, f"UPDATE job SET created_at = {now - 100 * SECOND} WHERE id <= 3")
    assert audit(eventful.database, since=now - 50 * SECOND).jobs == 10
    assert audit(eventful.database, until=now - 50 * SECOND).jobs == 3


DAMAGE = {
    "a place row lost": ("none lost", "DELETE FROM ready"),
    "two places": ("none lost", "INSERT INTO ready SELECT 'default', 0, job_id, 1, 0, 0, 0, NULL, 0, NULL FROM lease"),
    "an ended attempt that keeps its lease": (
        "one lease at a time",
        "INSERT INTO attempt SELECT job_id, attempt, worker_id, claimed_at, 0, claimed_at, 'x', '', NULL FROM lease",
    ),
    "a claim during another's run": (
        "one lease at a time",
        "UPDATE attempt SET ended_at = ended_at + 60000000 WHERE job_id = 8 AND attempt = 1",
    ),
    "two accepted completions": (
        "finished once",
        "UPDATE attempt SET outcome = 'completed' WHERE job_id = 8",
    ),
    "a finish from a worker that had been ended": (
        "fence held",
        "UPDATE worker SET ended_at = ended_at - 600000000, started_at = 0",
    ),
    "an attempt not counted": ("history whole", "UPDATE closed SET attempt = 0 WHERE job_id = 7"),
    "an attempt missing": ("history whole", "DELETE FROM attempt WHERE job_id = 7"),
    "given up too early": ("budgets kept", "UPDATE closed SET state = 'unprocessable' WHERE job_id = 12"),
    "charged for nothing": ("budgets kept", "UPDATE closed SET retries = 2 WHERE job_id = 7"),
    "crashes charged for nothing": ("budgets kept", "UPDATE ready SET crashes = 3"),
    "a job left with a dead worker": (
        "none stuck",
        "UPDATE lease SET worker_id = 1, claimed_at = claimed_at - 600000000",
    ),
    "a due job never staged": (
        "none stuck",
        "UPDATE delayed SET due_at = due_at - 600000000 WHERE state = 'scheduled'",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_history_that_no_honest_queue_would_have_is_found_and_named(eventful: Queue, name: str) -> None:
    rule, damage = DAMAGE[name]
    sql(eventful, damage)
    assert rule in rules(eventful)
    smallest = audit(eventful.database).smallest()
    assert smallest
    assert smallest.words
    assert any("queued" in words for _, words in smallest.timeline)


def test_a_retry_before_its_time_is_found(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue(add, {"a": 1}, backoff=[600])
    fail(worker, queue, claim_one(worker))
    wait_out(queue, 601)  # a staging whose clock runs ahead
    complete(worker, queue, claim_one(worker))
    assert rules(queue) == {"retries not early"}


def test_a_claim_from_a_paused_queue_is_found(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(add, {"a": 1})
    queue.operator().pause("default")
    sql(queue, "UPDATE queue SET paused_at = NULL")  # the pause is ignored
    claimed = claim_one(worker)
    complete(worker, queue, claimed)
    moved = "claimed_at = claimed_at + 10000000, started_at = started_at + 10000000, ended_at = ended_at + 10000000"
    sql(queue, f"UPDATE attempt SET {moved}")
    honest = queue.database.now
    monkeypatch.setattr(queue.database, "now", lambda: honest() + 60 * SECOND)
    assert rules(queue) == {"pause kept"}


def test_a_claim_beside_too_many_of_its_key_is_found(queue: Queue, add: Any, worker: Leases) -> None:
    queue.operator().set_queue("default", key_concurrency=1)
    queue.enqueue_many(add, [{"a": 1}] * 2, limit_key="k")
    sql(queue, "UPDATE action SET at = at - 5000000")
    assert len(worker.exchange([], 2, alone=True).claims) == 1
    assert rules(queue) == set()
    sql(queue, "UPDATE queue SET limited = 0")  # the limit is forgotten
    assert len(worker.exchange([], 2, alone=False).claims) == 1
    assert rules(queue) == {"limits kept"}


def test_a_claim_beside_too_many_of_its_queue_is_found(queue: Queue, add: Any, worker: Leases) -> None:
    queue.operator().set_queue("default", concurrency=2)
    queue.enqueue_many(add, [{"a": 1}] * 4)
    sql(queue, "UPDATE action SET at = at - 5000000")
    assert len(worker.exchange([], 4, alone=True).claims) == 2
    assert rules(queue) == set()
    sql(queue, "UPDATE queue SET limited = 0")  # the limit is forgotten
    assert len(worker.exchange([], 1, alone=False).claims) == 1
    assert rules(queue) == {"limits kept"}
    queue.operator().set_queue("default", concurrency=None)  # and later taken away: it held when that job was claimed
    assert len(worker.exchange([], 1, alone=False).claims) == 1
    assert [found.job_id for found in audit(queue.database).findings] == [3]


def test_claims_that_come_faster_than_their_rate_are_found(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = queue.database.now()
    monkeypatch.setattr(queue.database, "now", lambda: start)
    queue.operator().set_queue("default", rate=1, rate_per=10, rate_burst=2)
    queue.enqueue_many(add, [{"a": 1}] * 9)
    for second, forgotten, claimed in ((5, 0, 2), (15, 0, 1), (16, 1, 1), (46, 0, 2)):
        monkeypatch.setattr(queue.database, "now", lambda at=start + second * SECOND: at)
        sql(queue, f"UPDATE queue SET limited = {1 - forgotten}")
        claims = worker.exchange([], 1 if forgotten else 4, alone=False).claims
        assert len(claims) == claimed, second
        for each in claims:
            complete(worker, queue, each)
    assert [found.job_id for found in audit(queue.database).findings] == [4]
    assert rules(queue) == {"limits kept"}


def test_every_rule_has_damage_that_it_finds() -> None:
    elsewhere = {"retries not early", "pause kept", "limits kept"}
    assert {rule for rule, _ in DAMAGE.values()} | elsewhere == set(RULES)


@pytest.mark.parametrize("count", [2_500])
def test_it_goes_through_more_than_one_batch(queue: Queue, add: Any, worker: Leases, count: int) -> None:
    queue.enqueue_many(add, [{"a": n} for n in range(count)])
    finish: Callable[..., bool] = complete
    finish(worker, queue, claim_one(worker))
    certificate = audit(queue.database)
    assert certificate.jobs == count
    assert certificate.clean
