"""Jobs that ended long ago leave, little by little and under seal, and an audit still accounts for every one."""

import time
from pathlib import Path
from typing import Any

import pytest

from pqkit import JobState, Queue
from pqkit.audit import archive as archives
from pqkit.audit.rules import ARCHIVES, MISSING, SEALS
from pqkit.audit.seals import as_text, from_text, overlap, spans, uncovered
from pqkit.maintenance.pruner import SMALLEST, Pruner, Which
from pqkit.maintenance.retention import Retention
from pqkit.queries.audit_history import audit
from pqkit.queue import Leases
from pqkit.settings import Settings
from tests.verbs import SECOND, claim, claim_one, complete, fail, sql

pytestmark = pytest.mark.usefixtures("add")
DAY = 86_400 * SECOND


def ended(queue: Queue, add: Any, worker: Leases, count: int) -> list[int]:
    ids = queue.enqueue_many(add, [{"a": n} for n in range(count)])
    for claimed in claim(worker, count):
        complete(worker, queue, claimed, {"sum": claimed.job_id})
    return ids


def age(queue: Queue, days: float) -> None:
    """Let whatever has ended have ended so many days ago."""
    past = round(days * DAY)
    sql(queue, f"UPDATE closed SET finished_at = finished_at - {past}")
    sql(queue, f"UPDATE job SET created_at = created_at - {past} WHERE id IN (SELECT job_id FROM closed)")
    moved = ", ".join(f"{name} = {name} - {past}" for name in ("claimed_at", "started_at", "ended_at"))
    sql(queue, f"UPDATE attempt SET {moved} WHERE job_id IN (SELECT job_id FROM closed)")


def step_until_done(retention: Retention) -> None:
    retention.step(time.monotonic())
    while retention._batches is not None:
        retention.step(time.monotonic())


def prune(queue: Queue, folder: Path | None = None, **which: Any) -> int:
    wanted = Which(JobState.COMPLETED, queue.database.now() + SECOND, **which)
    return sum(batch.jobs for batch in Pruner(queue.database, "ada", folder).prune(wanted))


def rules(queue: Queue, folder: Path | None = None) -> set[str]:
    return {found.rule for found in audit(queue.database, archives=folder).findings}


def test_what_ended_long_ago_leaves_by_itself_and_the_audit_accounts_for_it(
    queue: Queue, add: Any, worker: Leases
) -> None:
    done = ended(queue, add, worker, 5)
    queue.enqueue(add, {"a": 1}, max_retries=0)
    fail(worker, queue, claim_one(worker))
    waiting = queue.enqueue(add, {"a": 1}, delay=60)
    retention = Retention(queue.database, Settings())
    step_until_done(retention)
    assert audit(queue.database).jobs == 7, "nothing is old yet"
    age(queue, 8)
    retention = Retention(queue.database, Settings())
    step_until_done(retention)
    certificate = audit(queue.database)
    assert certificate.clean, certificate.findings
    assert (certificate.jobs, certificate.pruned, sum(certificate.states.values())) == (2, 5, 2)
    assert sql(queue, "SELECT jobs, runs, ids FROM seal") == [(5, 5, as_text(spans(done)))]
    age(queue, 83)
    step_until_done(Retention(queue.database, Settings()))
    assert [job for (job,) in sql(queue, "SELECT id FROM job")] == [waiting.id]
    assert audit(queue.database).clean


def test_what_is_kept_for_ever_stays(queue: Queue, add: Any, worker: Leases) -> None:
    ended(queue, add, worker, 3)
    age(queue, 5_000)
    step_until_done(Retention(queue.database, Settings(keep_completed="forever")))  # type: ignore[arg-type] # as from the environment
    assert audit(queue.database).jobs == 3


def test_a_look_that_finds_nothing_is_repeated_after_a_minute(queue: Queue, add: Any, worker: Leases) -> None:
    retention = Retention(queue.database, Settings())
    step_until_done(retention)
    ended(queue, add, worker, 1)
    age(queue, 8)
    begun = retention._next - 60
    retention.step(begun + 59)
    assert audit(queue.database).jobs == 1
    retention.step(begun + 61)
    assert audit(queue.database).jobs == 0


def test_batches_become_smaller_where_they_take_long_and_greater_where_they_do_not(queue: Queue) -> None:
    pruner = Pruner(queue.database, "ada")
    for _ in range(10):
        pruner._learn(1.0)
    assert pruner._size == SMALLEST
    pruner._learn(0.001)
    assert pruner._size == 2 * SMALLEST


def test_each_queue_may_be_pruned_alone(queue: Queue, add: Any, worker: Leases) -> None:
    ended(queue, add, worker, 2)
    queue.enqueue(add, {"a": 1}, queue="other")
    complete(worker, queue, claim_one(worker))
    assert prune(queue, queues=["default"]) == 1, "all others"
    assert prune(queue, queues=["default"], but=False) == 2
    assert rules(queue) == set()


def test_a_queue_s_own_settings_go_before_the_general_ones(queue: Queue, add: Any, worker: Leases) -> None:
    ended(queue, add, worker, 2)
    for name in ("short", "long"):
        queue.enqueue(add, {"a": 1}, queue=name)
        complete(worker, queue, claim_one(worker))
    queue.operator("ada").set_queue("short", keep_completed=1)
    queue.operator("ada").set_queue("long", keep_completed=30)
    age(queue, 2)
    step_until_done(Retention(queue.database, Settings()))
    assert sql(queue, "SELECT queue FROM job ORDER BY id") == [("default",), ("default",), ("long",)]
    age(queue, 10)
    step_until_done(Retention(queue.database, Settings()))
    assert sql(queue, "SELECT queue FROM job") == [("long",)]
    age(queue, 19)
    step_until_done(Retention(queue.database, Settings()))
    assert audit(queue.database).pruned == 4
    assert rules(queue) == set()


def test_a_job_whose_record_breaks_a_promise_is_evidence_and_stays(queue: Queue, add: Any, worker: Leases) -> None:
    _, second, _ = ended(queue, add, worker, 3)
    sql(queue, f"DELETE FROM attempt WHERE job_id = {second}")
    batches = list(Pruner(queue.database, "ada").prune(Which(JobState.COMPLETED, queue.database.now() + SECOND)))
    assert batches == [(2, [second])]
    assert queue.state(second) is JobState.COMPLETED
    assert "history whole" in rules(queue)


def test_a_job_that_is_resubmitted_after_the_look_stays_whole(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ended(queue, add, worker, 3)
    honest = Pruner._prune

    def late(pruner: Pruner, *rest: Any) -> Any:
        queue.operator("ada").resubmit(ids[:1])
        return honest(pruner, *rest)

    monkeypatch.setattr(Pruner, "_prune", late)
    assert prune(queue) == 0
    monkeypatch.undo()
    assert prune(queue) == 2
    complete(worker, queue, claim_one(worker))
    assert prune(queue) == 1
    assert rules(queue) == set()


def test_an_archive_holds_all_that_was_known_and_is_judged_again(
    queue: Queue, add: Any, worker: Leases, tmp_path: Path
) -> None:
    ids = ended(queue, add, worker, 4)
    queue.operator("ada").resubmit(ids[:1], reason="again")
    complete(worker, queue, claim_one(worker), {"sum": 0})
    before = audit(queue.database)
    assert prune(queue, tmp_path / "a") == 4
    ended(queue, add, worker, 2)
    assert prune(queue, tmp_path / "a") == 2
    certificate = audit(queue.database, archives=tmp_path / "a")
    assert certificate.clean, certificate.findings
    assert (certificate.jobs, certificate.pruned, certificate.archived) == (0, 6, 6)
    assert sql(queue, "SELECT facts FROM seal ORDER BY id")[0] == (before.checksum,), "it is what an audit saw"
    (file,) = (tmp_path / "a").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    part = archives.Part(*sql(queue, "SELECT file, start, size, digest FROM seal ORDER BY id")[0])
    records = archives.read(tmp_path / "a", part)
    assert records[0]["job"]["args"] == {"a": 0}
    assert records[0]["closed"]["result"] == {"sum": 0}
    assert [run["outcome"] for run in records[0]["attempts"]] == ["completed", "completed"]
    assert records[0]["actions"][0]["reason"] == "again"


DAMAGE = {
    "a seal changed": (SEALS, "UPDATE seal SET jobs = 3 WHERE id = 1"),
    "a seal taken out": (SEALS, "DELETE FROM seal WHERE id = 1"),
    "a pruned job that is back": (
        SEALS,
        "INSERT INTO job (id, queue, task, args, priority, max_retries, created_at) SELECT 1, 'q', 't', '{}', 0, 3, 1",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_seals_that_do_not_hold_are_found(queue: Queue, add: Any, worker: Leases, name: str) -> None:
    rule, damage = DAMAGE[name]
    for _ in range(2):
        ended(queue, add, worker, 2)
        prune(queue)
    assert rules(queue) == set()
    sql(queue, damage)
    assert rule in rules(queue)


@pytest.mark.sqlite
@pytest.mark.parametrize("damage", ["DELETE FROM seal WHERE id = 2", "DELETE FROM job WHERE id = 5"])
def test_a_job_that_is_gone_without_a_seal_is_missing(queue: Queue, add: Any, worker: Leases, damage: str) -> None:
    """On PostgreSQL ids are skipped by transactions that were rolled back, so there nobody can say."""
    for _ in range(2):
        ended(queue, add, worker, 2)
        prune(queue)
    queue.enqueue_many(add, [{"a": 1}] * 3)
    queue.operator("ada").cancel([6])
    queue.operator("ada").delete([6])
    assert rules(queue) == set(), "what a person deleted is on record"
    sql(queue, damage)
    assert rules(queue) == {MISSING}


@pytest.mark.parametrize("harm", ["changed", "cut", "gone"])
def test_an_archive_that_is_not_what_was_sealed_is_found(
    queue: Queue, add: Any, worker: Leases, tmp_path: Path, harm: str
) -> None:
    ended(queue, add, worker, 3)
    prune(queue, tmp_path / "a")
    (file,) = (tmp_path / "a").iterdir()
    held = file.read_bytes()
    match harm:
        case "changed":
            file.write_bytes(held[:40] + bytes([held[40] ^ 1]) + held[41:])
        case "cut":
            file.write_bytes(held[:-10])
        case "gone":
            file.unlink()
    assert rules(queue) == set(), "without the archive its seal counts"
    assert rules(queue, tmp_path / "a") == {ARCHIVES}


def test_spans_of_ids_are_written_read_and_compared() -> None:
    found = spans([1, 2, 3, 7, 9, 10])
    assert as_text(found) == "1-3,7,9-10"
    assert from_text("1-3,7,9-10") == found == [(1, 3), (7, 7), (9, 10)]
    assert uncovered(12, found) == [(4, 6), (8, 8), (11, 12)]
    assert overlap(found) is None
    assert overlap([*found, (10, 11)]) == 10


def test_a_lost_job_that_another_record_names_is_missing_on_every_database(queue: Queue) -> None:
    """As after a crash that took the job and kept what was written of it elsewhere."""
    for verb in ("kept", "lost"):
        job = queue.enqueue(verb)
        queue.operator("ada").cancel([job.id])
    sql(queue, f"DELETE FROM job WHERE id = {job.id}")
    (found,) = audit(queue.database).findings
    assert found.rule == MISSING
    assert found.job_id == job.id


@pytest.mark.sqlite
def test_a_lost_job_is_missing_even_where_its_id_is_to_be_given_again(queue: Queue) -> None:
    job = queue.enqueue("lost")
    queue.operator("ada").cancel([job.id])
    sql(queue, f"DELETE FROM job WHERE id = {job.id}")
    sql(queue, "DELETE FROM sqlite_sequence WHERE name = 'job'")
    assert rules(queue) == {MISSING}
