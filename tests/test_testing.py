"""What pqkit offers for tests of one's own, and the rehearsal of handlers that are killed at each step."""

import subprocess
import sys
from pathlib import Path

import pytest

from pqkit import Context, JobState, Retry, get_queue, task
from pqkit.errors import JobFailed
from pqkit.queries.audit_history import audit
from pqkit.testing import RehearsalQueue, rehearsal_queue
from pqkit.testing.check_process import evenly
from pqkit.testing.idempotency_check import HandlerFails, judge


@task("testing.double")
def double(n: int) -> int:
    return 2 * n


@task("testing.stumble", backoff=[10, 20])
def stumble(*, ctx: Context) -> int:
    ctx.log("here")
    if ctx.attempt < 3:
        raise ValueError("not yet")
    return ctx.attempt


@task("testing.chain")
async def chain(n: int) -> None:
    if n:
        chain.enqueue(n=n - 1)


@task("testing.for_ever")
def for_ever() -> None:
    raise Retry(after=1)


def test_jobs_run_when_the_test_says_and_the_clock_goes_on_by_itself(pqkit_queue: RehearsalQueue) -> None:
    begun = pqkit_queue.clock.now
    first = double.enqueue(2)
    get_queue().enqueue(stumble)
    get_queue().enqueue(double, {"n": 5}, delay=3600)
    assert first.state is JobState.PENDING
    ran = pqkit_queue.run_until_empty()
    assert [(one.task, one.attempt, one.outcome) for one in ran] == [
        ("testing.double", 1, "completed"),
        ("testing.stumble", 1, "failed"),
        ("testing.stumble", 2, "failed"),
        ("testing.stumble", 3, "completed"),
        ("testing.double", 1, "completed"),
    ]
    assert first.result(timeout=0) == ran[0].result == 4
    assert "ValueError: not yet" in str(ran[1].error)
    assert pqkit_queue.clock.now - begun == 3600 * 1_000_000
    assert audit(pqkit_queue.database).clean


def test_without_waiting_only_what_is_due_runs(pqkit_queue: RehearsalQueue) -> None:
    pqkit_queue.enqueue(double, {"n": 1}, delay=60)
    assert pqkit_queue.run_until_empty(wait=False) == []
    pqkit_queue.clock.advance(60)
    assert len(pqkit_queue.run_until_empty(wait=False)) == 1


def test_jobs_that_jobs_queue_run_too_and_a_queue_that_never_empties_is_named(pqkit_queue: RehearsalQueue) -> None:
    chain.enqueue(3)
    assert len(pqkit_queue.run_until_empty()) == 4
    pqkit_queue.enqueue(for_ever, max_retries=10_000)
    with pytest.raises(AssertionError, match=r"not empty after 50 runs: the last was of testing\.for_ever"):
        pqkit_queue.run_until_empty(most=50)


def test_what_was_queued_is_asserted(pqkit_queue: RehearsalQueue) -> None:
    with pytest.raises(AssertionError, match=r"expected at least one job of testing\.double"):
        pqkit_queue.assert_enqueued(double)
    double.enqueue(n=1)
    pqkit_queue.enqueue("mail", {"to": ["ada"], "text": "hello"}, queue="mails")
    pqkit_queue.assert_enqueued(double, {"n": 1}, count=1)
    (found,) = pqkit_queue.assert_enqueued("mail", {"to": ["ada"]}, queue="mails")
    assert found.queue == "mails"
    pqkit_queue.assert_enqueued("mail", {"to": ["bob"]}, count=0)
    pqkit_queue.run_until_empty()
    pqkit_queue.assert_enqueued(double, count=1)
    with pytest.raises(AssertionError, match=r"found 1; queued were:\n.*double .*n.*1"):
        pqkit_queue.assert_enqueued(double, {"n": 1}, count=2)


def test_each_test_has_a_queue_of_its_own_that_leaves_nothing(tmp_path: Path) -> None:
    with rehearsal_queue() as queue:
        folder = queue.database.place
        assert get_queue() is queue
        failed = queue.enqueue(for_ever, max_retries=0)
        queue.run_until_empty()
        with pytest.raises(JobFailed):
            failed.result(timeout=0)
    assert folder
    assert not folder.parent.exists()
    assert get_queue(f"sqlite:///{tmp_path}/other.db") is not queue


def test_pytest_finds_the_fixture_by_itself(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "from pqkit import task\n"
        "@task\n"
        "def add(a: int) -> int:\n"
        "    return a + 1\n"
        "def test_it(pqkit_queue):\n"
        "    job = add.enqueue(1)\n"
        "    pqkit_queue.run_until_empty()\n"
        "    assert job.result(timeout=0) == 2\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_own.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_points_are_spread_over_all_steps() -> None:
    assert evenly(3, 10) == [1, 2, 3]
    assert evenly(100, 4) == [1, 34, 67, 100]
    assert evenly(0, 4) == []


def test_a_handler_that_does_not_complete_is_not_judged() -> None:
    failed = {"the job": "unprocessable\n\nValueError: always"}
    with pytest.raises(HandlerFails, match="it is unprocessable: ValueError: always"):
        judge({"once": failed, "again": failed, "steps": 2, "cases": []})
