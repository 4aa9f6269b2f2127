"""Hooks: the user's functions, called after a job's end is on disk, at least once for every end."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from pqkit import JobState, Queue
from pqkit.db import connect
from pqkit.domain import hooks
from pqkit.domain.outcomes import MAX_CRASHES
from pqkit.leasing import pending_hooks
from pqkit.worker.hook_runner import Hooked
from tests.conftest import a_worker
from tests.rest import client_of
from tests.support import PATIENCE, wait_until
from tests.verbs import claim_one, sql

TASKS = """
import json
from pqkit import Fail, task
from pqkit.domain import hooks

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


# A worker that is killed when its first end is on disk, and before a hook is called.
DIES = """
import os, signal
from pathlib import Path
from pqkit.leasing import pending_hooks
from pqkit.worker.hook_runner import Hooked

def die(_hooked):
    Path("died").touch()
    os.kill(os.getpid(), signal.SIGKILL)

if not Path("died").exists():
    Hooked.wake = die
"""
FORGETS = "pending_hooks.expect = lambda *_: None\n"


def worker_in(folder: Path, url: str) -> "subprocess.Popen[bytes]":
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pqkit", "worker", "--tasks", "hooked"],
            cwd=folder,
            env={**os.environ, "PQKIT_URL": url, "PQKIT_SLOTS": "1"},
            stdout=log,
            stderr=log,
        )


def told_of(folder: Path) -> list[int]:
    told = folder / "told"
    return [json.loads(line)[0] for line in told.read_text().splitlines()] if told.exists() else []


@pytest.mark.parametrize("forgets", [False, True], ids=["kept", "the control"])
def test_an_end_whose_worker_is_killed_before_the_hook_is_told_by_the_next(
    queue: Queue, url: str, tmp_path: Path, forgets: bool
) -> None:
    (tmp_path / "hooked.py").write_text(TASKS + DIES + (FORGETS if forgets else ""))
    first = queue.enqueue("work", {"how": "well"})
    assert worker_in(tmp_path, url).wait(PATIENCE) == -signal.SIGKILL
    assert first.state is JobState.COMPLETED
    (tmp_path / "hooked.py").write_text(TASKS)
    second = queue.enqueue("work", {"how": "well"})
    worker = worker_in(tmp_path, url)
    try:
        wait_until(lambda: second.id in told_of(tmp_path), what="the call of a hook")
        wait_until(lambda: sql(queue, "SELECT * FROM hook_call") == [], what="the end of the calls")
        wait_until(lambda: sql(queue, "SELECT 1 FROM worker WHERE ended_at IS NULL") == [(1,)], what="the burial")
        if not forgets:
            wait_until(lambda: first.id in told_of(tmp_path), what="the call of a hook")
        assert (first.id in told_of(tmp_path)) is not forgets
    finally:
        worker.terminate()
        worker.wait(PATIENCE)


# A process that has hooks, writes an end, and is killed before it comes to call.
WRITES = """
import os, signal, sys
from pqkit import get_queue
from pqkit.domain import hooks
from pqkit.leasing.remote_workers import Remotes, Wanted, handle_of
from pqkit.domain.outcomes import completed
from pqkit.worker.hook_runner import Hooked

for on in (hooks.on_completed, hooks.on_canceled, hooks.on_failed, hooks.on_unprocessable):
    on(print)
queue = get_queue(sys.argv[1])
Hooked._look = lambda _self: None
Hooked(queue.database, 7).start()
if sys.argv[2] == "rest":
    life = Remotes(queue.database).register("anna", "elsewhere", Wanted("w", 1, ["add"]))
    (claim,) = life.claim(1, [])
    life.conclude(handle_of(claim), lambda _claim, _asked: completed(None))
elif sys.argv[2] == "rescue":
    queue.upkeep().rescue(-1)
else:
    getattr(queue.operator("anna"), sys.argv[2])([1])
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("how", "state"),
    [("rest", "completed"), ("rescue", "unprocessable"), ("cancel", "canceled"), ("mark_failed", "failed")],
)
def test_an_end_whose_writer_is_killed_before_the_hook_is_told_by_another(
    queue: Queue, url: str, how: str, state: str
) -> None:
    queue.enqueue("add", {"a": 1})
    if how == "rescue":
        kill_workers(queue)
    written = subprocess.run([sys.executable, "-c", WRITES, url, how], check=False, capture_output=True)
    assert written.returncode == -signal.SIGKILL, written.stderr.decode()
    with telling(queue, tasks=["add"]) as told:
        wait_until(lambda: told != [], what="the call of a hook")
    assert [(end.job_id, end.state) for end in told] == [(1, state)]
    assert sql(queue, "SELECT * FROM hook_call") == []


def kill_workers(queue: Queue) -> None:
    """The job kills all workers that it may but one, and its last is still to be buried."""
    for left in reversed(range(MAX_CRASHES)):
        claim_one(a_worker(queue))
        if left:
            queue.upkeep().rescue(-1)


@contextmanager
def telling(queue: Queue, tasks: Sequence[str] = ()) -> Iterator[list[hooks.Ended]]:
    """What a process tells that has hooks for every end and knows these tasks."""
    told: list[hooks.Ended] = []
    for on in (hooks.on_completed, hooks.on_canceled, hooks.on_failed, hooks.on_unprocessable):
        on(told.append)
    hooked = Hooked(queue.database, a_worker(queue, "teller", tasks=tasks).id, tasks=tasks)
    hooked.start()
    try:
        yield told
    finally:
        hooked.stop(PATIENCE)


def test_ends_that_processes_without_hooks_write_are_told(queue: Queue, url: str) -> None:
    """By operators, and by whoever buries a worker."""
    with telling(queue, tasks=["add"]) as told:
        wait_until(lambda: sql(queue, "SELECT 1 FROM hook") != [], what="the word that there are hooks")
        elsewhere = Queue(connect(url))
        jobs, operator = elsewhere.enqueue_many("add", [{}] * 5, queue="sums"), elsewhere.operator("anna")
        kill_workers(elsewhere)
        (rescued, *_) = (found for found in elsewhere.upkeep().rescue(-1) if found.quarantined)
        operator.cancel([jobs[1]])
        operator.mark_failed([jobs[2]])
        operator.set_priority([jobs[3]], 5)
        new = operator.replace(jobs[4], {"a": 1})
        operator.cancel([new])
        elsewhere.close()
        wait_until(lambda: len(told) == 5, what="the calls")
    assert rescued.quarantined == [jobs[0]]
    found = {end.job_id: (end.task, end.queue, str(end.state)) for end in told}
    states = dict.fromkeys(jobs[:1], "unprocessable") | {jobs[1]: "canceled", jobs[2]: "failed"}
    assert found == {
        job: ("add", "sums", state) for job, state in (states | {jobs[4]: "canceled", new: "canceled"}).items()
    }
    (killed,) = (end for end in told if end.state is JobState.UNPROCESSABLE)
    assert killed.error
    assert killed.error.startswith("crashed")


def test_a_process_that_does_not_know_the_task_leaves_an_end_to_others_for_a_while(queue: Queue, url: str) -> None:
    elsewhere = Queue(connect(url))
    elsewhere.enqueue_many("add", [{}] * 2)
    with telling(queue) as told:
        wait_until(lambda: sql(queue, "SELECT 1 FROM hook") != [], what="the word that there are hooks")
        elsewhere.operator("anna").cancel([1, 2])
        long_ago = pending_hooks.STRANGE_AFTER + 1
        sql(queue, f"UPDATE hook_call SET ended_at = ended_at - {long_ago} WHERE job_id = 2")
        wait_until(lambda: told != [], what="the call of a hook")
    elsewhere.close()
    assert [end.job_id for end in told] == [2]
    assert sql(queue, "SELECT job_id FROM hook_call") == [(1,)]


def test_without_hooks_there_is_no_thread_and_nothing_on_record(queue: Queue) -> None:
    before = threading.active_count()
    hooked = Hooked(queue.database, 1)
    hooked.start()
    queue.enqueue("add", {"a": 1})
    queue.operator("anna").cancel([1])
    hooked.wake()
    hooked.stop(0)
    assert threading.active_count() == before
    assert sql(queue, "SELECT count(*) FROM hook_call") == [(0,)]


def test_what_nobody_was_there_to_tell_is_dropped_after_a_week(queue: Queue) -> None:
    pending_hooks.HookCalls(queue.database, 1).announce([JobState.CANCELED])
    queue.enqueue_many("add", [{}] * 2)
    queue.operator("anna").cancel([1, 2])
    sql(queue, f"UPDATE hook_call SET ended_at = ended_at - {pending_hooks.KEPT} WHERE job_id = 1")
    pending_hooks.forget_old(queue.database)
    assert sql(queue, "SELECT job_id FROM hook_call") == [(2,)]
    assert sql(queue, "SELECT state FROM hook") == [("canceled",)]


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
        wait_until(lambda: len(told) == 2, what="the calls")
    assert [(end.job_id, end.state) for end in told] == [(jobs[0], "completed"), (jobs[1], "failed")]
