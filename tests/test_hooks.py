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
