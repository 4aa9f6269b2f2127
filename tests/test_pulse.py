"""A handler that holds Python's lock costs no lease while it may go on, and its worker when it may not."""

import signal
import time
from pathlib import Path

from pqkit import JobState, Queue
from pqkit.domain.outcomes import Claim
from pqkit.lab.harness.fleet import freeze
from pqkit.queries import workers
from pqkit.settings import Settings
from pqkit.worker.executor import Run
from pqkit.worker.heartbeat_helper import Pulse
from tests import blocking_handlers, evil, forking_handlers
from tests.fleet import Fleet
from tests.support import PATIENCE, wait_until
from tests.verbs import sql

QUICK = {
    "heartbeat": "0.2",
    "rescue_after": "1.5",
    "rescue_every": "0.3",
    "grace": "0.2",
    "tasks": "tests.blocking_handlers,tests.forking_handlers,tests.evil",
}


def test_the_neighbours_of_a_handler_that_holds_the_lock_for_longer_than_a_lease_run_once(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    holder = fleet.start("w1", **QUICK)
    neighbour = queue.enqueue(
        forking_handlers.waits_isolated, {"path": str(tmp_path / "go"), "started": str(tmp_path / "n")}
    )
    wait_until((tmp_path / "n").exists, what="the neighbour")
    job = queue.enqueue(
        blocking_handlers.holds_the_lock, {"started": str(tmp_path / "s"), "path": str(tmp_path / "go")}
    )
    wait_until((tmp_path / "s").exists, what="the handler")
    other = fleet.start("w2", **QUICK)
    wait_until(lambda: "a helper beats for the worker" in holder.log, what="the helper")
    before = sql(queue, "SELECT beat FROM worker WHERE name = 'w1'")[0][0]
    later = f"SELECT 1 FROM worker WHERE name = 'w1' AND beat > {before + 3_000_000}"
    wait_until(lambda: sql(queue, later), what="two more leases")
    (tmp_path / "go").touch()
    assert [job.result(PATIENCE), neighbour.result(PATIENCE)] == ["let go", "saw it"]
    assert sql(queue, "SELECT DISTINCT outcome FROM attempt") == [("completed",)]
    assert "requeued" not in other.log
    assert holder.log.count("worker ready") == 1


def test_a_worker_whose_lock_is_held_past_a_deadline_is_killed_before_its_job_is_free(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    holder = fleet.start("w1", **QUICK)
    job = queue.enqueue(blocking_handlers.holds_the_lock_too_long, {"started": str(tmp_path / "s")})
    wait_until((tmp_path / "s").exists, what="the handler")
    wait_until(lambda: holder.ended, what="the end of its worker")
    assert holder.process.returncode == -signal.SIGKILL
    assert "held Python's lock for too long" in holder.log
    queue.upkeep().rescue(None)
    assert job.state is JobState.PENDING
    assert sql(queue, "SELECT retries, crashes FROM ready") == [(0, 1)], "this is evidence"


def test_the_helper_knows_the_deadline_of_a_handler_that_takes_the_lock_at_once(queue: Queue, fleet: Fleet) -> None:
    settings = {**QUICK, "rescue_after": "9", "heartbeat": "3"}  # without the deadline it would beat for three minutes
    holder = fleet.start("w1", **settings)
    queue.enqueue(blocking_handlers.holds_the_lock_at_once)
    wait_until(lambda: holder.ended, what="the end of its worker")
    assert holder.process.returncode == -signal.SIGKILL


def test_a_deadline_of_a_run_that_has_ended_says_nothing_more() -> None:
    limited, free = (
        Run(Claim("default", 0, 1, 1, 0, 0, 0, 1, 0, 0, "add", "{}", 3, None, timeout, None), 0)
        for timeout in (0.1, None)
    )
    runs, pulse = [limited], Pulse(Settings(heartbeat=10.0))
    try:
        pulse.start(1, lambda: runs)
        wait_until(lambda: pulse.until < time.monotonic() + 60, what="the first word")
        runs[:] = [free]
        pulse.expect(free)
        assert pulse.until > time.monotonic() + 60
    finally:
        pulse.stop()


def test_nobody_beats_for_a_worker_that_was_stopped_by_a_signal(queue: Queue, fleet: Fleet) -> None:
    frozen = fleet.start("w1", **QUICK)
    freeze(frozen.process.pid, queue)
    other = fleet.start("w2", **QUICK)
    queue.enqueue(evil.ok).result(PATIENCE)
    wait_until(lambda: [life.name for life in workers(queue.database)] == ["w2"], what="the burial")
    assert "a helper beats" not in frozen.log
    assert not other.ended


def test_the_helper_ends_with_its_worker(queue: Queue, fleet: Fleet) -> None:
    import psutil

    worker = fleet.start("w1", **QUICK)
    (helper,) = psutil.Process(worker.process.pid).children()
    worker.kill()
    wait_until(lambda: not helper.is_running() or helper.status() == psutil.STATUS_ZOMBIE, what="its end")
