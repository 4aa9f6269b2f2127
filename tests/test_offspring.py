"""What handlers leave running ends with its worker's life, however that ends; nothing else does."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pqkit import JobState, Queue
from pqkit.lab.harness.fleet import freeze
from pqkit.process import orphans
from pqkit.queries import workers
from tests import handlers
from tests.fleet import Fleet, Process
from tests.support import lives, wait_until
from tests.verbs import SECOND, sql

Leak = Callable[..., psutil.Process]
ANOTHER_WORKER = """
import sys, time
from pqkit.process import orphans
orphans.mark(int(sys.argv[1]))
print("marked", flush=True)
time.sleep(600)
"""


def life_of(queue: Queue, worker: Process) -> int:
    return next(life.id for life in workers(queue.database) if life.pid == worker.process.pid)


@pytest.fixture
def leak(queue: Queue, tmp_path: Path) -> Iterator[Leak]:
    """Have a worker's handler leave a process, and return that process; it is ended with the test at the latest."""
    left: list[psutil.Process] = []

    def leave(how: str, task: str = "leak", seconds: float = 600) -> psutil.Process:
        path = tmp_path / f"leak{len(left)}"
        queue.enqueue(task, {"how": how, "path": str(path), "seconds": seconds})
        wait_until(lambda: path.exists() and path.read_text().endswith("\n"), what="the leak")
        left.append(psutil.Process(int(path.read_text())))
        return left[-1]

    yield leave
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a process that sleeps, perhaps with marks; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*command: str, **marks: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            command or ["sleep", "600"], env={**os.environ, **marks}, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("task", ["leak", "leak_isolated"])
@pytest.mark.parametrize("how", ["child", "session", "fork", "library"])
def test_what_a_handler_has_started_is_gone_when_the_jobs_of_its_killed_worker_are_free(
    queue: Queue, fleet: Fleet, leak: Leak, how: str, task: str
) -> None:
    worker = fleet.start()
    left = leak(how, task)
    worker.kill()
    assert lives(left.pid), "it outlives its worker"
    (rescued,) = queue.upkeep().rescue(None)
    assert not lives(left.pid)
    assert len(rescued.requeued) == 1
    assert left.pid in {ended.pid for ended in rescued.ended}


def test_the_next_worker_to_start_ends_it_and_says_so(queue: Queue, fleet: Fleet, leak: Leak) -> None:
    first = fleet.start("w1")
    left = leak("session")
    first.kill()
    second = fleet.start("w2", grace="0.3")
    wait_until(lambda: "ended what a dead worker left running" in second.log, what="the burial")
    assert not lives(left.pid)
    assert f"{left.pid} sleep 600" in second.log
    assert second.stop() == 0, "and what the job's next run has started ends with it"


def test_nothing_else_is_ended_with_a_dead_worker(
    queue: Queue, fleet: Fleet, leak: Leak, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    worker = fleet.start()
    life = life_of(queue, worker)
    left, kept = leak("child"), leak("unmarked")
    strangers = [
        start(),
        start(PQKIT_WORKER=f"{life}1"),
        start(PQKIT_WORKERS=str(life)),
        start(sys.executable, "-c", ANOTHER_WORKER, str(life + 1), PQKIT_WORKER=str(life)),
    ]
    assert strangers[-1].stdout
    assert strangers[-1].stdout.readline() == "marked\n"
    worker.kill()
    (rescued,) = queue.upkeep().rescue(None)
    assert [ended.pid for ended in rescued.ended] == [left.pid]
    assert lives(kept.pid)
    assert [stranger.poll() for stranger in strangers] == [None] * 4


@pytest.mark.parametrize("foreign", ["user", "pid space"])
def test_processes_of_other_users_and_pid_spaces_are_left_alone(
    start: Callable[..., "subprocess.Popen[str]"], monkeypatch: pytest.MonkeyPatch, foreign: str
) -> None:
    life, other = str(secrets.randbits(63)), os.getuid() + 1
    process = start(PQKIT_WORKER=life)
    with monkeypatch.context() as patch:
        if foreign == "user":
            patch.setattr(os, "getuid", lambda: other)
        else:
            patch.setattr(orphans, "_pid_space", lambda pid: pid)
        assert orphans.end(life) == []
    assert process.poll() is None
    assert [ended.pid for ended in orphans.end(life)] == [process.pid]


def test_who_buries_a_worker_of_another_pid_space_ends_nothing(queue: Queue, fleet: Fleet, leak: Leak) -> None:
    worker = fleet.start()
    left = leak("child")
    worker.kill()
    sql(queue, f"UPDATE worker SET pid_space = 'elsewhere', machine_at = NULL, beat = beat - {31 * SECOND}")
    (rescued,) = queue.upkeep().rescue(30)
    assert rescued.ended == []
    assert lives(left.pid)


def test_a_frozen_worker_is_buried_without_its_process_which_begins_anew(
    queue: Queue, fleet: Fleet, leak: Leak
) -> None:
    worker = fleet.start(heartbeat="0.2")
    old, forked = life_of(queue, worker), leak("fork", seconds=0)
    wait_until(lambda: queue.state(1) is JobState.COMPLETED, what="the handler's end")
    freeze(worker.process.pid, queue)
    sql(queue, f"UPDATE worker SET machine_at = NULL, beat = beat - {31 * SECOND}")
    (rescued,) = queue.upkeep().rescue(30)
    assert [ended.pid for ended in rescued.ended] == [forked.pid]
    worker.signal(signal.SIGCONT)
    wait_until(lambda: fleet.registered("w1"), what="its new life")
    left = leak("child")
    sql(queue, f"UPDATE worker SET ended_at = NULL, machine_at = NULL, beat = beat - {31 * SECOND} WHERE id = {old}")
    queue.upkeep().rescue(30)  # or the worker itself, in its new life, was faster
    assert sql(queue, f"SELECT ended_at IS NULL FROM worker WHERE id = {old}") == [(0,)]
    assert lives(left.pid)
    assert worker.process.poll() is None
    assert life_of(queue, worker) != old


def test_a_worker_that_gives_a_handler_up_ends_what_that_runs_and_lets_it_start_no_more(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start(grace="0.3", heartbeat="0.2")
    pids = tmp_path / "pids"
    job = queue.enqueue(handlers.leak_for_ever, {"path": str(pids)})
    wait_until(lambda: pids.exists() and pids.read_text().endswith("\n"), what="the first that it runs")
    job.cancel()
    wait_until(lambda: job.state is JobState.CANCELED, what="the cancel")
    wait_until(lambda: worker.log.count("worker ready") > 1, what="the worker's next life")
    assert "ended what given-up handlers left running" in worker.log
    assert not any(lives(int(line)) for line in pids.read_text().split())


def test_a_graceful_stop_ends_what_is_given_up_and_leaves_what_a_completed_handler_started(
    queue: Queue, fleet: Fleet, leak: Leak
) -> None:
    worker = fleet.start(grace="0.3")
    kept = leak("session", seconds=0)
    wait_until(lambda: queue.state(1) is JobState.COMPLETED, what="the handler's end")
    assert worker.stop() == 0
    assert lives(kept.pid)
    worker = fleet.start("w2", grace="0.3")
    left = leak("session")
    assert worker.stop() == 0
    assert not lives(left.pid)


def test_what_a_child_process_leaves_in_a_session_of_its_own_ends_with_the_child(
    queue: Queue, fleet: Fleet, leak: Leak
) -> None:
    worker = fleet.start(heartbeat="0.2", grace="0.2")
    left = leak("session", "leak_isolated")
    queue.job(1).cancel()
    wait_until(lambda: queue.state(1) is JobState.CANCELED, what="the cancel")
    assert not lives(left.pid)
    assert worker.process.poll() is None
