"""Real worker processes, real signals."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pqkit import Job, JobFailed, JobState, Queue, get_queue
from pqkit.lab.harness.fleet import freeze
from pqkit.queries import job as detail
from pqkit.queries import misplaced, workers
from tests import handlers
from tests.fleet import Fleet, Process, fleet_of
from tests.support import PATIENCE, lives, wait_until
from tests.verbs import sql


def state_of(job: Job, state: JobState) -> None:
    wait_until(lambda: job.state is state, what=f"job {job.id} {state}")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Queue, Process]]:
    """A queue and its one worker, for tests that look at nothing but their own jobs."""
    folder = tmp_path_factory.mktemp("served")
    url = f"sqlite:///{folder}/queue.db"
    queue = get_queue(url)
    with fleet_of(queue, url, folder) as fleet:
        yield queue, fleet.start()
    queue.close()


def test_it_runs_sync_async_and_isolated_tasks_and_keeps_what_they_report(served: tuple[Queue, Process]) -> None:
    queue, worker = served
    jobs = [queue.enqueue(handlers.double, {"n": 2}), queue.enqueue(handlers.async_double, {"n": 3})]
    isolated = queue.enqueue(handlers.isolated, {"what": "report"})
    assert [job.result(PATIENCE) for job in jobs] == [4, 6]
    assert isolated.result(PATIENCE) not in {os.getpid(), worker.process.pid}
    lines = wait_until(lambda: detail(queue.database, isolated.id).lines, what="the line, which may come with a beat")
    assert [line.line for line in lines] == ["asked to report"]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("fail", JobState.FAILED),
        ("cancel", JobState.CANCELED),
        ("snooze", JobState.SCHEDULED),
        ("exit", JobState.UNPROCESSABLE),
    ],
)
def test_a_handler_says_how_its_job_ends(served: tuple[Queue, Process], word: str, state: JobState) -> None:
    queue, _ = served
    state_of(queue.enqueue(handlers.leave, {"word": word}), state)


def test_a_failing_job_is_retried_until_it_succeeds(served: tuple[Queue, Process], tmp_path: Path) -> None:
    queue, worker = served
    job = queue.enqueue(handlers.flaky, {"path": str(tmp_path / "runs")})
    assert job.result(PATIENCE) == "at last"
    assert len((tmp_path / "runs").read_text()) == 3
    assert "attempt 1/4 failed: retrying in 0.05 s" in worker.log


def test_thousands_of_short_jobs_run_once_each(queue: Queue, fleet: Fleet) -> None:
    fleet.start("w1")
    fleet.start("w2")
    ids = queue.enqueue_many(handlers.double, [{"n": n} for n in range(3_000)])
    wait_until(lambda: sql(queue, "SELECT count(*) FROM closed") == [(3_000,)], what="all done")
    once_each = "SELECT count(*), count(DISTINCT job_id) FROM attempt WHERE outcome = 'completed'"
    assert sql(queue, once_each) == [(3_000, 3_000)]
    assert Job(ids[77], queue).result(0) == 154
    assert misplaced(queue.database) == []


def test_slow_jobs_are_not_hoarded(queue: Queue, fleet: Fleet, tmp_path: Path) -> None:
    fleet.start("w1", "--slots", "1")
    started = [str(tmp_path / f"started{n}") for n in range(2)]
    for name in started:
        queue.enqueue(handlers.until_file, {"path": str(tmp_path / "go"), "started": name})
    wait_until(lambda: Path(started[0]).exists(), what="the first job")
    fleet.start("w2", "--slots", "1")
    wait_until(lambda: Path(started[1]).exists(), what="the second job on the second worker")
    (tmp_path / "go").touch()


def test_a_killed_workers_job_runs_again_within_seconds(queue: Queue, fleet: Fleet, tmp_path: Path) -> None:
    first, second = fleet.start("w1", "--slots", "1"), fleet.start("w2", "--slots", "1")
    blocked = [
        queue.enqueue(handlers.until_file, {"path": str(tmp_path / "go"), "started": str(tmp_path / f"s{n}")})
        for n in range(2)
    ]
    wait_until(lambda: (tmp_path / "s0").exists() and (tmp_path / "s1").exists(), what="both busy")
    first.kill()
    third = fleet.start("w3")
    wait_until(lambda: "checked and requeued stalled jobs" in third.log + second.log, what="the rescue")
    (tmp_path / "go").touch()
    assert [job.result(PATIENCE) for job in blocked] == ["saw it", "saw it"]
    outcomes = [row[0] for row in sql(queue, "SELECT outcome FROM attempt")]
    assert sorted(outcomes) == ["completed", "completed", "crashed"]


def test_a_frozen_worker_is_replaced_and_finishes_nothing_when_it_thaws(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    quick: dict[str, Any] = {"rescue_after": "2", "rescue_every": "0.5", "heartbeat": "0.3"}
    frozen = fleet.start("w1", **quick)
    job = queue.enqueue(handlers.until_file, {"path": str(tmp_path / "go"), "started": str(tmp_path / "s")})
    wait_until((tmp_path / "s").exists, what="the handler")
    freeze(frozen.process.pid, queue)
    other = fleet.start("w2", **quick)
    wait_until(lambda: "no heartbeat for" in other.log, what="the rescue")
    (tmp_path / "go").touch()
    assert job.result(PATIENCE) == "saw it"
    frozen.signal(signal.SIGCONT)
    wait_until(lambda: "begins anew" in frozen.log, what="the zombie's insight")
    wait_until(lambda: fleet.registered("w1"), what="its new life")
    identities = {w.id for w in workers(queue.database, living=False) if w.name == "w1"}
    assert len(identities) > 1
    assert sql(queue, "SELECT count(*) FROM attempt WHERE outcome = 'completed'") == [(1,)]


def test_sigterm_charges_no_attempt(queue: Queue, fleet: Fleet, tmp_path: Path) -> None:
    worker = fleet.start("w1", grace=str(PATIENCE))
    job = queue.enqueue(handlers.until_told, {"path": str(tmp_path / "s")})
    wait_until((tmp_path / "s").exists, what="the handler")
    assert worker.stop() == 0
    assert job.state is JobState.PENDING
    assert sql(queue, "SELECT attempt, retries, crashes FROM ready") == [(1, 0, 0)]
    assert sql(queue, "SELECT outcome FROM attempt") == [("released",)]
    assert workers(queue.database) == []


def test_a_deaf_handler_is_given_up_after_the_grace_or_at_the_second_sigterm(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    deaf = {"path": str(tmp_path / "never"), "started": str(tmp_path / "s")}
    job = queue.enqueue(handlers.until_file, deaf)
    worker = fleet.start("w1", grace="0.5")
    wait_until((tmp_path / "s").exists, what="the handler")
    assert worker.stop() == 0
    assert job.state is JobState.PENDING
    (tmp_path / "s").unlink()
    worker = fleet.start("w2", grace="600")
    wait_until((tmp_path / "s").exists, what="the handler again")
    worker.signal(signal.SIGTERM)
    wait_until(lambda: any(w.stopping for w in workers(queue.database)), what="the first stop")
    wait_until(lambda: worker.ended or worker.signal(signal.SIGTERM), what="the end")
    assert worker.process.returncode == 0
    assert job.state is JobState.PENDING
    assert sql(queue, "SELECT attempt, retries, crashes FROM ready") == [(2, 0, 0)]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("until_told", {"path": "s"}),
        ("async_until_told", {"started": "s"}),
        ("isolated", {"what": "hang", "path": "s"}),
    ],
)
def test_a_running_job_is_canceled_when_its_handler_has_stopped(
    queue: Queue, fleet: Fleet, tmp_path: Path, name: str, args: dict[str, str]
) -> None:
    ends_by_itself = name == "until_told"
    fleet.start("w1", grace=str(PATIENCE if ends_by_itself else 0.3), heartbeat="0.2")
    job = queue.enqueue(name, args)
    wait_until((tmp_path / "s").exists, what="the handler")
    assert job.cancel()
    state_of(job, JobState.CANCELED)


def test_a_handler_that_ends_well_after_a_cancel_is_completed(queue: Queue, fleet: Fleet, tmp_path: Path) -> None:
    fleet.start("w1", heartbeat="0.2", grace="60")
    job = queue.enqueue(handlers.until_file, {"path": str(tmp_path / "go"), "started": str(tmp_path / "s")})
    wait_until((tmp_path / "s").exists, what="the handler")
    job.cancel()
    (tmp_path / "go").touch()
    assert job.result(PATIENCE) == "saw it"


def test_a_deaf_thread_past_its_deadline_ends_with_its_worker_and_the_others_finish_first(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start("w1", grace="0.5", heartbeat="0.2")
    deaf = queue.enqueue(
        handlers.until_file,
        {"path": str(tmp_path / "never"), "started": str(tmp_path / "s")},
        timeout=0.5,
        max_retries=0,
    )
    with pytest.raises(JobFailed, match="ran past its timeout"):
        deaf.result(PATIENCE)
    wait_until(lambda: worker.log.count("worker ready") > 1, what="the worker's next life")
    assert queue.enqueue(handlers.double, {"n": 1}).result(PATIENCE) == 2


@pytest.mark.parametrize("name", ["async_slow", "isolated_slow"])
def test_a_timeout_ends_the_attempt(served: tuple[Queue, Process], name: str) -> None:
    queue, _ = served
    with pytest.raises(JobFailed, match="ran past its timeout"):
        queue.enqueue(name).result(PATIENCE)


@pytest.mark.parametrize(("what", "words"), [("exit", "exit code 7"), ("crash", "SIGSEGV")])
def test_a_child_that_dies_is_charged_as_a_crash_and_its_worker_lives(
    served: tuple[Queue, Process], what: str, words: str
) -> None:
    queue, worker = served
    job = queue.enqueue(handlers.isolated, {"what": what})
    with pytest.raises(JobFailed, match=words):
        job.result(PATIENCE)
    assert [run.outcome for run in detail(queue.database, job.id).attempts] == ["crashed"] * 3
    assert not worker.ended


def test_children_die_with_their_worker(queue: Queue, fleet: Fleet, tmp_path: Path) -> None:
    worker = fleet.start()
    queue.enqueue(handlers.isolated, {"what": "hang", "path": str(tmp_path / "s")})
    wait_until((tmp_path / "s").exists, what="the handler")
    children = psutil.Process(worker.process.pid).children(recursive=True)
    assert children
    worker.kill()
    wait_until(lambda: not any(lives(child.pid) for child in children), what="their end")


def test_an_effect_in_the_jobs_session_is_there_exactly_when_the_job_is_completed(
    served: tuple[Queue, Process],
) -> None:
    queue, _ = served
    sql(queue, "CREATE TABLE effect (job INTEGER)")
    done = queue.enqueue(handlers.effect, {"table": "effect"})
    undone = queue.enqueue(handlers.effect, {"table": "effect", "then": "fail"})
    assert done.result(PATIENCE) == "done"
    with pytest.raises(JobFailed, match="after the effect"):
        undone.result(PATIENCE)
    assert sql(queue, "SELECT job FROM effect") == [(done.id,)]


def test_a_staged_file_replaces_its_target_exactly_when_the_job_is_completed(
    served: tuple[Queue, Process], tmp_path: Path
) -> None:
    queue, _ = served
    good, bad = tmp_path / "good", tmp_path / "bad"
    queue.enqueue(handlers.staged, {"path": str(good), "text": "new"}).result(PATIENCE)
    assert good.read_text() == "new"
    with pytest.raises(JobFailed):
        queue.enqueue(handlers.staged, {"path": str(bad), "text": "new", "then": "fail"}).result(PATIENCE)
    assert not bad.exists()
    assert list(tmp_path.glob(".*.staged")) == []


def test_a_worker_gives_back_a_lease_that_it_does_not_know_of(queue: Queue, fleet: Fleet) -> None:
    """As after a crash of the server that has lost the commit of a finish."""
    fleet.start("w1", "--queue", "served", heartbeat="0.5", rescue_after="1.5")
    (known,) = workers(queue.database)
    job = queue.enqueue(handlers.double, {"n": 4}, queue="other")
    twin = queue.leases("w1", 1, ["double"], ["other"])
    twin.id = known.id
    assert [claimed.job_id for claimed in twin.exchange([], 1, alone=True).claims] == [job.id]
    state_of(job, JobState.PENDING)
    assert sql(queue, "SELECT attempt, retries, crashes FROM ready") == [(1, 0, 0)]
    assert [worker.id for worker in workers(queue.database)] == [known.id]


def test_a_worker_waits_for_its_database_instead_of_dying(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_text("a file where the folder should be")
    url = f"sqlite:///{place}/queue.db"
    worker = Process(url, tmp_path, "w1")
    try:
        wait_until(lambda: "waiting for the database" in worker.log, what="its patience")
        place.unlink()
        wait_until(lambda: "worker ready" in worker.log, what="its start")
        assert get_queue(url).enqueue(handlers.double, {"n": 4}).result(PATIENCE) == 8
    finally:
        worker.kill()


@pytest.mark.parametrize(
    ("tasks", "words"), [("no.such.module", "cannot import the tasks in no.such.module"), ("json", "no tasks")]
)
def test_a_worker_without_tasks_says_so_in_one_line(queue: Queue, fleet: Fleet, tasks: str, words: str) -> None:
    worker = fleet.start(ready=False, tasks=tasks)
    assert worker.process.wait(PATIENCE) == 2
    assert words in worker.log
    assert "Traceback" not in worker.log
