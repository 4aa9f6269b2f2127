"""The audit is clean on what the queue does, and names the right rule for what a broken queue would do."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pqkit import Queue
from pqkit.audit import limit_rules
from pqkit.audit.rules import RULES, TRAIL
from pqkit.domain.outcomes import Fail, Retry, Snooze, Stopped, completed
from pqkit.domain.states import JobState
from pqkit.leasing.finish import settle
from pqkit.queries.audit_history import audit
from pqkit.queue import Finished, Leases
from tests.conftest import a_worker
from tests.support import PATIENCE, wait_until
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
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {worker.id}")
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
    "an attempt of a worker that never was": (
        "history whole",
        "UPDATE attempt SET worker_id = 999 WHERE job_id = 7",
    ),
    "lives of workers taken away": ("history whole", "DELETE FROM worker_task; DELETE FROM lease; DELETE FROM worker"),
    "an attempt that took less than no time": (
        "history whole",
        "UPDATE attempt SET ended_at = claimed_at - 60000000 WHERE job_id = 7",
    ),
    "given up too early": ("budgets kept", "UPDATE closed SET state = 'unprocessable' WHERE job_id = 12"),
    "charged for nothing": ("budgets kept", "UPDATE closed SET retries = 2 WHERE job_id = 7"),
    "crashes charged for nothing": ("budgets kept", "UPDATE ready SET crashes = 3"),
    "a job left with a dead worker": (
        "none stuck",
        "UPDATE lease SET worker_id = 1, claimed_at = claimed_at - 600000000",
    ),
    "a cancel without its action": ("ended on record", "DELETE FROM action WHERE job_id = 12"),
    "a resubmit without its action": ("ended on record", "DELETE FROM action WHERE job_id = 2"),
    "two unfinished jobs of one key": (
        "keys unique",
        "UPDATE job SET unique_key = 'k' WHERE id IN (11, 13)",
    ),
    "a due job that an idle worker passes over": (
        "none passed over",
        """UPDATE ready SET since = since - 600000000, suspect = 0;
        UPDATE worker SET started_at = started_at - 600000000, ended_at = NULL; DELETE FROM lease;
        UPDATE attempt SET ended_at = ended_at - 600000000""",
    ),
    "an action taken from the middle": ("trail whole", "DELETE FROM action WHERE verb = 'resubmit' AND job_id = 6"),
    "an action taken from the end": ("trail whole", "DELETE FROM action WHERE verb = 'resume'"),
    "an action changed": ("trail whole", "UPDATE action SET who = 'eve' WHERE verb = 'pause'"),
    "an action in another's name": (
        "trail whole",
        "UPDATE action SET detail = '{}' WHERE verb = 'cancel'",
    ),
    "a due job never staged": (
        "none stuck",
        "UPDATE delayed SET due_at = due_at - 600000000 WHERE state = 'scheduled'",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_history_that_no_honest_queue_would_have_is_found_and_named(eventful: Queue, name: str) -> None:
    rule, damage = DAMAGE[name]
    for statement in damage.split(";"):
        sql(eventful, statement)
    assert rule in rules(eventful)
    smallest = audit(eventful.database).smallest()
    assert smallest
    assert smallest.words
    assert smallest.rule == TRAIL or any("queued" in words for _, words in smallest.timeline)


# One column changed by hand, and changed back.
CHANGED = {
    "closed.finished_at of a run": ("UPDATE closed SET finished_at = finished_at {} 1 WHERE job_id = 7", "+", "-"),
    "closed.finished_at of a cancel": ("UPDATE closed SET finished_at = finished_at {} 1 WHERE job_id = 12", "-", "+"),
    "closed.error": ("UPDATE closed SET error = {} WHERE job_id = 7", "'x'", "NULL"),
    "closed.result": ("UPDATE closed SET result = {} WHERE job_id = 12", "'1'", "NULL"),
    "delayed.due_at of a retry": ("UPDATE delayed SET due_at = due_at {} 1 WHERE job_id = 1", "-", "+"),
    "delayed.due_at of a snoozed job": ("UPDATE delayed SET due_at = due_at {} 1 WHERE job_id = 3", "+", "-"),
    "delayed.retries": ("UPDATE delayed SET retries = {} WHERE job_id = 1", "0", "1"),
    "attempt.next_at": ("UPDATE attempt SET next_at = next_at {} 1 WHERE job_id = 3", "+", "-"),
    "attempt.started_at": ("UPDATE attempt SET started_at = started_at {} 60000000 WHERE job_id = 7", "+", "-"),
    "attempt.claimed_at": ("UPDATE attempt SET claimed_at = claimed_at {} 60000000 WHERE job_id = 7", "-", "+"),
    "attempt.ended_at": ("UPDATE attempt SET ended_at = ended_at {} 1 WHERE job_id = 7", "+", "-"),
    "ready.queue": ("UPDATE ready SET queue = {} WHERE job_id = 11", "'x'", "'default'"),
    "ready.priority": ("UPDATE ready SET priority = {} WHERE job_id = 11", "5", "0"),
    "job.queue": ("UPDATE job SET queue = {} WHERE id = 11", "'x'", "'default'"),
    "job.created_at": ("UPDATE job SET created_at = created_at {} 60000000 WHERE id = 7", "+", "-"),
}
# What has no second row that could deny it.
UNPROVEN = {
    "job.args": ("UPDATE job SET args = {} WHERE id = 7", "'{\"a\":99}'", "'{\"a\":6}'"),
    "job.task": ("UPDATE job SET task = {} WHERE id = 7", "'evil'", "'add'"),
    "job.timeout": ("UPDATE job SET timeout = {} WHERE id = 7", "5", "NULL"),
    "job.backoff": ("UPDATE job SET backoff = {} WHERE id = 7", "'[9]'", "NULL"),
    "closed.result": ("UPDATE closed SET result = {} WHERE job_id = 7", "'1'", "NULL"),
    "delayed.due_at of a job that never ran": (
        "UPDATE delayed SET due_at = due_at {} 1 WHERE job_id = 13",
        "+",
        "-",
    ),
    "attempt.error": ("UPDATE attempt SET error = {} WHERE job_id = 7", "'x'", "NULL"),
}


def test_a_column_that_was_changed_alone_is_found_where_another_denies_it(eventful: Queue) -> None:
    found = {}
    for name, (statement, to, back) in CHANGED.items():
        sql(eventful, statement.format(to))
        found[name] = rules(eventful)
        sql(eventful, statement.format(back))
    assert {name for name, broken in found.items() if "record agrees" not in broken} == {"delayed.retries"}
    assert "budgets kept" in found["delayed.retries"]
    assert rules(eventful) == set()


def test_a_column_that_no_other_denies_changes_the_checksum_of_the_contents(eventful: Queue) -> None:
    before, found = audit(eventful.database).contents, {}
    for name, (statement, to, back) in UNPROVEN.items():
        sql(eventful, statement.format(to))
        changed = audit(eventful.database)
        found[name] = changed.clean and changed.contents != before
        sql(eventful, statement.format(back))
    assert all(found.values()), found
    assert audit(eventful.database).contents == before


def test_a_job_that_waits_without_its_unique_key_is_found(queue: Queue, add: Any) -> None:
    queue.enqueue(add, {"a": 1}, unique_key="k")
    assert rules(queue) == set()
    sql(queue, "DELETE FROM unique_hold")
    assert rules(queue) == {"keys unique"}


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
    sql(queue, "UPDATE closed SET finished_at = finished_at + 10000000")
    honest = queue.database.now
    monkeypatch.setattr(queue.database, "now", lambda: honest() + 60 * SECOND)
    assert rules(queue) == {"pause kept"}


def test_a_claim_beside_too_many_of_its_key_is_found(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit_rules, "SETTLING", 0)
    queue.operator().set_queue("default", key_concurrency=1)
    queue.enqueue_many(add, [{"a": 1}] * 2, limit_key="k")
    assert len(worker.exchange([], 2, alone=True).claims) == 1
    assert rules(queue) == set()
    sql(queue, "UPDATE queue SET limited = 0")  # the limit is forgotten
    assert len(worker.exchange([], 2, alone=False).claims) == 1
    assert rules(queue) == {"limits kept"}


def test_a_claim_beside_too_many_of_its_queue_is_found(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit_rules, "SETTLING", 0)
    queue.operator().set_queue("default", concurrency=2)
    queue.enqueue_many(add, [{"a": 1}] * 4)
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
    elsewhere = {"retries not early", "pause kept", "limits kept", "record agrees"}
    assert {rule for rule, _ in DAMAGE.values()} | elsewhere == {*RULES, TRAIL}


@pytest.mark.parametrize("count", [2_500])
def test_it_goes_through_more_than_one_batch(queue: Queue, add: Any, worker: Leases, count: int) -> None:
    queue.enqueue_many(add, [{"a": n} for n in range(count)])
    finish: Callable[..., bool] = complete
    finish(worker, queue, claim_one(worker))
    certificate = audit(queue.database)
    assert certificate.jobs == count
    assert certificate.clean


class Clocks:
    """A machine whose wall clock people set; the clock of leases goes on."""

    def __init__(self, queue: Queue, patch: pytest.MonkeyPatch) -> None:
        self.boot, self.elapsed, self.ahead = "boot", 1_000 * SECOND, 3 * 10**15
        patch.setattr(queue.database, "now", lambda: self.elapsed + self.ahead)
        patch.setattr(queue.database, "lease_clock", lambda: (self.boot, self.elapsed))

    def set(self, seconds: int) -> None:
        self.ahead += seconds * SECOND
        self.elapsed += 10 * SECOND

    def reboot(self, seconds: int) -> None:
        """A new start, from which on the wall clock is wrong by so many seconds more."""
        self.ahead += self.elapsed + seconds * SECOND
        self.boot, self.elapsed = f"{self.boot} anew", 5 * SECOND


@pytest.mark.sqlite
def test_a_wall_clock_that_is_set_forth_and_back_accuses_nobody(
    queue: Queue, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = Clocks(queue, monkeypatch)
    worker, other = a_worker(queue, "w1"), a_worker(queue, "w2")
    queue.enqueue_many(add, [{"a": n} for n in range(6)], backoff=[600])
    queue.operator("ada").cancel([6])
    clocks.set(3600)
    worker.beat()
    complete(worker, queue, claim_one(worker))  # ended an hour from now
    fail(worker, queue, claim_one(worker))
    lost = claim_one(worker)
    queue.operator("ada").pause("other")
    clocks.set(-3600)
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {worker.id}")
    assert queue.upkeep().rescue(None)
    complete(other, queue, claim_one(other))
    clocks.set(7200)
    other.beat()
    queue.upkeep().stage()
    clocks.set(-7200)
    complete(other, queue, claim_one(other))
    complete(other, queue, claim_one(other))
    assert audit(queue.database).findings == []
    assert sql(queue, "SELECT count(*) FROM attempt WHERE ended_at < claimed_at") == [(0,)]
    # The fence is still looked after: that a dead worker's finish was accepted is found beside the steps as well.
    clocks.elapsed += 60 * SECOND
    late = f"outcome = 'completed', ended_at = {clocks.ahead + clocks.elapsed}"
    sql(queue, f"UPDATE attempt SET {late} WHERE job_id = {lost.job_id} AND attempt = 1")
    assert "fence held" in rules(queue)


@pytest.mark.sqlite
@pytest.mark.parametrize("before", [20, 5_000])
def test_a_wall_clock_that_a_reboot_sets_back_accuses_nobody(
    queue: Queue, add: Any, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """As on a machine without a battery: what was done before is an hour ahead of what is done after."""
    clocks = Clocks(queue, monkeypatch)
    worker = a_worker(queue, "w1")
    queue.enqueue_many(add, [{"a": n} for n in range(4)], backoff=[600])
    clocks.elapsed += before * SECOND
    worker.beat()
    complete(worker, queue, claim_one(worker))
    fail(worker, queue, claim_one(worker))
    lost = claim_one(worker)
    clocks.reboot(-3_600)
    other = a_worker(queue, "w2")
    assert queue.upkeep().rescue(None)
    complete(other, queue, claim_one(other))
    clocks.elapsed += 8_000 * SECOND
    other.beat()
    queue.upkeep().stage()
    complete(other, queue, claim_one(other))
    complete(other, queue, claim_one(other))
    assert audit(queue.database).findings == []
    clocks.elapsed += 60 * SECOND
    late = f"outcome = 'completed', ended_at = {clocks.ahead + clocks.elapsed}"
    queue.enqueue(add, {"a": 5})
    sql(queue, f"UPDATE attempt SET {late} WHERE job_id = {lost.job_id} AND attempt = 1")
    assert "fence held" in rules(queue), "the fence is still looked after"


@pytest.mark.postgresql
def test_a_finish_that_a_burial_waits_for_is_not_late(
    queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen commit: the burial finds the lease, and waits for it while the finish is accepted."""
    queue.enqueue_many("add", [{"a": 1}] * 2)
    kept, other = claim(worker, 2)
    honest, ahead = queue.database.now, [0]
    monkeypatch.setattr(queue.database, "now", lambda: honest() + ahead[0])
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {worker.id}")
    with queue.database.write() as tx:
        burial = threading.Thread(target=lambda: queue.upkeep().rescue(None))
        settle(tx, [Finished(kept, completed(None), kept.claimed_at, honest() + 10 * SECOND)])
        burial.start()
        wait_until(lambda: sql(queue, WAITS) != [(0,)], what="the burial to wait")
        ahead[0] = 10 * SECOND  # that long the commit was frozen
    burial.join(PATIENCE)
    assert queue.state(kept.job_id) is JobState.COMPLETED
    assert queue.state(other.job_id) is JobState.PENDING
    assert rules(queue) == set()


WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def test_what_the_fence_refused_is_in_the_certificate(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue(add, {"a": 1})
    claimed = claim_one(worker)
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {worker.id}")
    queue.upkeep().rescue(None)
    assert not complete(worker, queue, claimed)
    certificate = audit(queue.database)
    assert certificate.clean
    assert [(one.job_id, one.attempt, one.outcome) for one in certificate.refused] == [(1, 1, "completed")]


def test_what_an_older_pqkit_does_beside_is_sealed_with_the_next_action(queue: Queue) -> None:
    detail = """'{"queue": "x", "until": 1}'"""
    queue.operator("ada").pause("other")
    sql(queue, f"INSERT INTO action (at, who, verb, detail) VALUES (1, 'old', 'pause', {detail})")
    assert rules(queue) == set()
    queue.operator("ada").resume("other")
    assert rules(queue) == set()
    sql(queue, "DELETE FROM action WHERE who = 'old'")
    assert rules(queue) == {TRAIL}


def test_operators_that_act_at_once_leave_one_chain(queue: Queue, add: Any) -> None:
    queue.enqueue_many(add, [{"a": n} for n in range(40)])
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(queue.operator(f"o{n}").cancel, range(1 + n, 41, 8)) for n in range(8)]
        assert sum(len(each.result(PATIENCE).changed) for each in done) == 40
    assert rules(queue) == set()
