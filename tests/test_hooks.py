"""Hooks: the user's functions, called by the worker after a job's end is on disk."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pqkit import JobState, Queue, hooks
from pqkit.outcome import MAX_CRASHES
from pqkit.worker.hooked import Hooked
from tests.conftest import a_worker
from tests.rest import client_of
from tests.support import PATIENCE, wait_until
from tests.verbs import claim_one

TASKS = """
import json
from pqkit import Fail, hooks, task

@task(max_retries=1, backoff=[0.01])
def work(how):
    if how == "fail":
        raise Fail("no use")
    if how == "raise":
        raise ValueError("no")

@hooks.on_completed
def broken(end):
    raise RuntimeError("a broken hook")

@hooks.on_completed
@hooks.on_retrying
@hooks.on_failed
@hooks.on_unprocessable
def tell(end):
    with open("told", "a") as told:
        told.write(json.dumps(end) + "\\n")
"""


@pytest.fixture(autouse=True)
def hooks_as_they_were() -> Iterator[None]:
    yield
    hooks.registry.clear()


def test_a_worker_tells_how_jobs_ended(queue: Queue, url: str, tmp_path: Path) -> None:
    (tmp_path / "hooked.py").write_text(TASKS)
    queue.enqueue_many("work", [{"how": how} for how in ("well", "fail")])
    queue.enqueue("work", {"how": "raise"}, max_retries=1, backoff=[0.01])
    told = tmp_path / "told"
    with (tmp_path / "log").open("w") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "pqkit", "worker", "--tasks", "hooked"],
            cwd=tmp_path,
            env={**os.environ, "PQKIT_URL": url},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: told.exists() and told.read_text().count("\n") == 4, what="four calls of a hook")
    finally:
        worker.terminate()
        worker.wait(PATIENCE)
    found = {(job, state, error) for job, _, _, _, state, error, _ in map(json.loads, told.read_text().splitlines())}
    assert found == {
        (1, "completed", None),
        (2, "failed", "Fail: no use"),
        (3, "retrying", "ValueError: no"),
        (3, "unprocessable", "ValueError: no"),
    }
    assert "a broken hook" in (tmp_path / "log").read_text()


def test_a_job_that_killed_its_workers_is_told_by_whoever_sets_it_aside(queue: Queue) -> None:
    told: list[hooks.Ended] = []
    hooks.on_unprocessable(told.append)
    queue.enqueue("add", queue="sums")
    for _ in range(MAX_CRASHES):
        claim_one(a_worker(queue))
        (rescued,) = queue.upkeep().rescue(-1)
    hooked = Hooked(queue.database)
    hooked.set_aside(rescued.quarantined)
    hooked.stop(PATIENCE)
    (end,) = told
    assert (end.job_id, end.task, end.queue, end.state) == (1, "add", "sums", JobState.UNPROCESSABLE)
    assert end.error
    assert end.error.startswith("crashed")


@pytest.mark.sqlite
def test_without_hooks_no_thread_is_made(queue: Queue) -> None:
    before = threading.active_count()
    hooked = Hooked(queue.database)
    hooked.ended([])
    hooked.set_aside([1])
    hooked.stop(0)
    assert threading.active_count() == before


def test_the_ends_that_operators_write_are_told_at_least_once(queue: Queue) -> None:
    told: list[tuple[int, str]] = []
    for on in (hooks.on_canceled, hooks.on_failed, hooks.on_completed):
        on(lambda end: told.append((end.job_id, str(end.state))))
    jobs, operator = queue.enqueue_many("add", [{}] * 5), queue.operator("anna")
    held = claim_one(a_worker(queue))
    first = Hooked(queue.database)
    catch_up(queue, first)
    operator.cancel([jobs[1], held.job_id])
    operator.mark_failed([jobs[2]])
    operator.set_priority([jobs[3]], 5)
    new = operator.replace(jobs[4], {"a": 1})
    first.stop(PATIENCE)  # it dies before it has looked, and another process has the duty now
    second = Hooked(queue.database)
    catch_up(queue, second)
    catch_up(queue, second)
    operator.cancel([new])
    catch_up(queue, second)
    second.stop(PATIENCE)
    assert told == [(jobs[1], "canceled"), (jobs[2], "failed"), (jobs[4], "canceled"), (new, "canceled")]


def catch_up(queue: Queue, hooked: Hooked) -> None:
    """A look of maintenance, and all that it has to tell."""
    wait_until(hooked._ends.empty)
    hooked.catch_up(queue.upkeep().agenda().last_action)


def test_the_interface_tells_how_the_jobs_of_rest_workers_ended(queue: Queue) -> None:
    told: list[hooks.Ended] = []
    hooks.on_completed(told.append)
    hooks.on_failed(told.append)
    jobs = queue.enqueue_many("add", [{}] * 2)
    with client_of(queue) as client:
        mine = client.post("/workers", json={"name": "elsewhere", "slots": 2, "tasks": ["add"]}).json()["worker"]
        first, second = client.post(f"/workers/{mine}/claim", json={"count": 2}).json()["jobs"]
        client.post(f"/leases/{first['lease']}/finish", json={"result": 1}).raise_for_status()
        client.post(f"/leases/{second['lease']}/fail", json={"error": "no", "retry": False}).raise_for_status()
        wait_until(lambda: len(told) == 2)
    assert [(end.job_id, end.state) for end in told] == [(jobs[0], "completed"), (jobs[1], "failed")]
