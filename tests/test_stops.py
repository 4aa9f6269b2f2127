"""However a stop arrives, it charges no attempt, leaves nothing running beside the next run, and is never forgotten."""

import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psutil
import pytest

from pqkit import Context, JobState, Queue, task
from pqkit.domain.outcomes import Claim
from pqkit.domain.tasks import Task
from pqkit.lab.harness.fleet import freeze
from pqkit.process.linux import TOGETHER, StopCount
from pqkit.queries import job as detail
from pqkit.queries import workers
from pqkit.worker.child_main import Inside
from tests import forking_handlers, handlers
from tests.fleet import Fleet, Process
from tests.support import PATIENCE, lives, wait_until
from tests.verbs import sql

UNCHARGED = [(0, 0)]
CHARGES = "SELECT retries, crashes FROM ready"


def told(queue: Queue, worker: Process) -> None:
    worker.signal(signal.SIGTERM)
    wait_until(lambda: any(life.stopping for life in workers(queue.database)), what="the stop on record")


def test_signals_that_come_together_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    stops = StopCount()
    for _ in range(3):
        stops.tell()
    assert stops.told == 1
    now[0] += TOGETHER
    stops.tell(may_insist=False)
    assert stops.told == 1
    stops.tell()
    assert stops.told == 2


# Those that are marked to be about SQLite are about processes: no database takes part.


def test_a_handler_that_fails_because_its_worker_stops_is_not_charged(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start("w1", tasks="tests.forking_handlers", grace=str(PATIENCE))
    job = queue.enqueue(forking_handlers.fails_when_told, {"started": str(tmp_path / "s")})
    wait_until((tmp_path / "s").exists, what="the handler")
    assert worker.stop() == 0
    assert job.state is JobState.PENDING
    assert sql(queue, CHARGES) == UNCHARGED
    assert "interrupted" in (detail(queue.database, job.id).attempts[0].error or "")


@pytest.mark.sqlite
def test_a_handler_whose_program_is_told_with_the_worker_is_not_charged(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start("w1", tasks="tests.forking_handlers", grace=str(PATIENCE))
    job = queue.enqueue(forking_handlers.program, {"started": str(tmp_path / "s")})
    wait_until(lambda: (tmp_path / "s").exists() and (tmp_path / "s").read_text(), what="the handler")
    for pid in (worker.process.pid, int((tmp_path / "s").read_text())):
        os.kill(pid, signal.SIGTERM)
    assert worker.process.wait(PATIENCE) == 0
    assert job.state is JobState.PENDING
    assert sql(queue, CHARGES) == UNCHARGED


@pytest.mark.sqlite
def test_an_isolated_handler_has_its_grace_where_its_whole_group_is_told(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start("w1", tasks="tests.forking_handlers", grace=str(PATIENCE))
    job = queue.enqueue(forking_handlers.waits_isolated, {"path": str(tmp_path / "go"), "started": str(tmp_path / "s")})
    wait_until(lambda: (tmp_path / "s").exists() and (tmp_path / "s").read_text(), what="the handler")
    for process in [psutil.Process(worker.process.pid), *psutil.Process(worker.process.pid).children(recursive=True)]:
        process.send_signal(signal.SIGTERM)
    wait_until(lambda: any(life.stopping for life in workers(queue.database)), what="the stop on record")
    (tmp_path / "go").touch()
    assert worker.process.wait(PATIENCE) == 0
    assert job.state is JobState.COMPLETED


def test_a_stop_that_was_announced_and_cut_short_charges_no_job_and_suspects_none(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start("w1", grace="600")
    jobs = [
        queue.enqueue(handlers.until_file, {"path": str(tmp_path / "go"), "started": str(tmp_path / name)})
        for name in ("s0", "s1")
    ]
    wait_until(lambda: (tmp_path / "s0").exists() and (tmp_path / "s1").exists(), what="the handlers")
    told(queue, worker)
    worker.kill()
    (rescued,) = queue.upkeep().rescue(None)
    assert rescued.requeued == [job.id for job in jobs]
    assert "after it was told to stop" in rescued.reason
    assert sql(queue, "SELECT retries, crashes, suspect FROM ready") == [(0, 0, 0)] * 2


def test_a_deaf_thread_has_ended_before_its_job_runs_again(queue: Queue, fleet: Fleet, tmp_path: Path) -> None:
    """Attempt 1 leaves lines in a file; once a later one has begun to, no line of attempt 1 follows."""
    for name in ("w1", "w2"):
        fleet.start(name, tasks="tests.forking_handlers", heartbeat="0.2", grace="0.2")
    for ticking in (forking_handlers.ticks, forking_handlers.ticks_beside_the_loop):
        queue.enqueue(ticking, {"path": str(tmp_path / ticking.name)}, timeout=0.3, max_retries=2, backoff=[0.01])
    for path in (tmp_path / forking_handlers.ticks.name, tmp_path / forking_handlers.ticks_beside_the_loop.name):
        wait_until(lambda path=path: path.exists() and "3" in path.read_text(), what="the third run")  # type: ignore[misc]
        attempts = path.read_text().split()
        assert attempts == sorted(attempts), Counter(attempts)


def test_a_stopping_worker_that_finds_itself_disowned_ends_and_begins_no_other_life(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start("w1", grace="600", heartbeat="0.2", rescue_after="2")
    queue.enqueue(handlers.until_file, {"path": str(tmp_path / "go"), "started": str(tmp_path / "s")})
    wait_until((tmp_path / "s").exists, what="the handler")
    told(queue, worker)
    freeze(worker.process.pid, queue)
    wait_until(lambda: queue.upkeep().rescue(2), what="the rescue")
    worker.signal(signal.SIGCONT)
    assert worker.process.wait(PATIENCE) == 0
    assert worker.log.count("worker ready") == 1
    assert workers(queue.database) == []


@pytest.mark.sqlite
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_while_it_imports_its_tasks_ends_at_once(
    queue: Queue, fleet: Fleet, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "slow_tasks.py").write_text(
        "import pathlib, time\n"
        "pathlib.Path('importing').touch()\n"
        "while True:\n"
        "    try:\n"
        "        time.sleep(0.05)\n"
        "    except BaseException:\n"
        "        pass\n"
    )
    worker = fleet.start("w1", tasks="slow_tasks", ready=False)
    wait_until((tmp_path / "importing").exists, what="the import")
    worker.signal(number)
    assert worker.process.wait(PATIENCE) == 0
    assert workers(queue.database, living=False) == []


def test_a_stop_between_two_lives_of_a_worker_is_not_lost(queue: Queue, fleet: Fleet, tmp_path: Path) -> None:
    worker = fleet.start("w1", grace="0", heartbeat="0.2")
    queue.enqueue(
        handlers.until_file,
        {"path": str(tmp_path / "never"), "started": str(tmp_path / "s")},
        timeout=0.2,
        max_retries=0,
    )
    wait_until(lambda: "begins anew" in worker.log, what="the end of the first life")
    worker.signal(signal.SIGTERM)
    assert worker.process.wait(PATIENCE) == 0
    assert workers(queue.database) == []
    assert sql(queue, "SELECT count(*) FROM lease") == [(0,)]


@contextmanager
def _ignored() -> Iterator[None]:
    """What is started here ignores these signals, as what a shell starts in its background."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


@contextmanager
def _endless_input() -> Iterator[None]:
    """What is started here has an input that says nothing and does not end, as a terminal's."""
    before, (reads, writes) = os.dup(0), os.pipe()
    os.dup2(reads, 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        for each in (before, reads, writes):
            os.close(each)


@pytest.mark.sqlite
@pytest.mark.parametrize("started", ["in a terminal", "in the background"])
def test_programs_and_forks_of_handlers_have_the_signals_that_any_program_has_and_no_input(
    queue: Queue, fleet: Fleet, started: str
) -> None:
    with _endless_input(), _ignored() if started == "in the background" else nullcontext():
        fleet.start("w1", "--slots", "4", tasks="tests.forking_handlers")
        found = [queue.enqueue(task) for task in ("signals", "signals_isolated")]
        forks = [queue.enqueue(forking_handlers.ends_a_fork) for _ in range(12)]
        assert queue.enqueue(forking_handlers.reads_its_input).result(PATIENCE) == ""
    for seen in (job.result(PATIENCE) for job in found):
        assert seen == ["False", "False", "0", "SIG_DFL", str(signal.default_int_handler)[:25] and seen[4]]
        assert "default_int_handler" in seen[4]
    assert {job.result(PATIENCE) for job in forks} == {-signal.SIGTERM}, "as soon as it is there"


@pytest.mark.sqlite
def test_a_child_starts_as_its_worker_was_whatever_a_neighbour_has_changed(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("w1", "--slots", "1", tasks="tests.forking_handlers")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    queue.enqueue(forking_handlers.changes_surroundings, {"folder": str(elsewhere)}).result(PATIENCE)
    elsewhere.rmdir()
    folder, umask = queue.enqueue(forking_handlers.sees_surroundings).result(PATIENCE)
    assert folder == str(tmp_path)
    assert umask != oct(0o777)


@pytest.mark.sqlite
def test_a_worker_begins_anew_as_it_was_whatever_a_handler_has_changed(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    (tmp_path / "local_tasks.py").write_text("from tests.forking_handlers import *\nfrom tests.handlers import *\n")
    worker = fleet.start("w1", "--slots", "2", tasks="local_tasks", grace="0", heartbeat="0.2")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    queue.enqueue(forking_handlers.changes_surroundings, {"folder": str(elsewhere)}).result(PATIENCE)
    queue.enqueue(handlers.until_file, {"path": "/never", "started": str(tmp_path / "s")}, timeout=0.2, max_retries=0)
    wait_until(lambda: "begins anew" in worker.log, what="the end of the first life")
    folder, umask = queue.enqueue(forking_handlers.sees_surroundings).result(PATIENCE)
    assert folder == str(tmp_path)
    assert umask != oct(0o777)


@pytest.mark.sqlite
@pytest.mark.skipif(sys.platform != "linux", reason="it counts the open files in /proc")
@pytest.mark.parametrize(
    ("limit", "lowers", "raises"),
    [
        ("RLIMIT_NOFILE", forking_handlers.may_open_one_file_more, forking_handlers.may_open_files_again),
        ("RLIMIT_AS", forking_handlers.may_use_little_memory, forking_handlers.may_use_memory_again),
    ],
    ids=["no files", "no memory"],
)
def test_a_worker_without_room_for_a_child_charges_no_job_and_says_why(
    queue: Queue, fleet: Fleet, limit: str, lowers: Task[..., None], raises: Task[..., None]
) -> None:
    worker = fleet.start("w1", "--slots", "1", tasks="tests.forking_handlers")
    queue.enqueue(lowers).result(PATIENCE)
    job = queue.enqueue(forking_handlers.sees_surroundings, max_retries=0)
    wait_until(lambda: job.state is not JobState.PENDING and job.state is not JobState.PROCESSING, what="the run")
    assert job.state is JobState.SCHEDULED
    assert f"a handler has set {limit} to" in (detail(queue.database, job.id).attempts[0].error or "")
    assert sql(queue, "SELECT retries, crashes FROM delayed") == UNCHARGED
    queue.enqueue(raises).result(PATIENCE)
    queue.operator("ada").resubmit([job.id])
    assert job.result(PATIENCE)
    assert not worker.ended


@pytest.mark.sqlite
def test_a_wish_ends_the_start_of_a_child_at_once_and_disturbs_no_neighbour(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    (tmp_path / "slow_tasks.py").write_text(
        "import pathlib, sys, time\nfrom pqkit import task\nfrom tests.handlers import *\n"
        "if 'pqkit.worker.child_main' in sys.orig_argv:\n"
        "    pathlib.Path(f'starts-{len(list(pathlib.Path().glob(\"starts-*\")))}').touch()\n"
        "    time.sleep(600)\n"
        "@task(isolation='process', max_retries=0)\ndef apart() -> None:\n    pass\n"
    )
    worker = fleet.start("w1", "--slots", "2", tasks="slow_tasks", heartbeat="0.2", grace="5")
    beside = queue.enqueue(handlers.until_file, {"path": str(tmp_path / "go"), "started": str(tmp_path / "s")})
    wait_until((tmp_path / "s").exists, what="the neighbour")
    canceled = queue.enqueue("apart")
    wait_until((tmp_path / "starts-0").exists, what="the start")
    queue.operator("ada").cancel([canceled.id])
    wait_until(lambda: canceled.state.final, what="the end of the start")
    assert canceled.state is JobState.CANCELED
    (tmp_path / "go").touch()
    assert beside.result(PATIENCE) == "saw it"
    assert worker.log.count("worker ready") == 1
    stopped = queue.enqueue("apart")
    wait_until((tmp_path / "starts-1").exists, what="the second start")
    assert worker.stop() == 0
    assert stopped.state is JobState.PENDING
    assert sql(queue, CHARGES) == UNCHARGED


@pytest.mark.parametrize("wish", ["cancel_asked", "stop_asked"])
def test_a_wish_that_a_child_gets_before_its_run_has_begun_is_not_lost(queue: Queue, url: str, wish: str) -> None:
    @task
    def stops(*, ctx: Context) -> bool:
        return ctx.should_stop()

    claimed = Claim("default", 0, 1, 1, 0, 0, 0, 1, 0, 0, stops.name, "{}", 3, None, None, None)
    mine, theirs = socket.socketpair()
    with mine, theirs:
        inside = Inside(theirs, url)
        for message in ({"wish": "timed_out"}, {"claim": list(claimed)}, {"wish": wish}):
            mine.sendall(json.dumps(message).encode() + b"\n")
        mine.shutdown(socket.SHUT_WR)
        inside._listen()
        claim = inside._claims.get()
        assert claim is not None
        inside._serve_one(claim)
        (kind, *_, result, _error, _summary, _charge, _files) = json.loads(mine.makefile().readline())["outcome"]
    assert (kind, result) == ("completed", "true")


def test_a_child_that_cannot_start_charges_no_job_and_says_why(queue: Queue, fleet: Fleet, tmp_path: Path) -> None:
    module = tmp_path / "parting_tasks.py"
    module.write_text(
        "from pqkit import task\n@task(isolation='process', max_retries=0)\ndef apart() -> str:\n    return 'done'\n"
    )
    worker = fleet.start("w1", tasks="parting_tasks")
    whole = module.read_text()
    module.write_text("raise SystemExit('half a deploy')\n")
    job = queue.enqueue("apart")
    wait_until(lambda: job.state is JobState.SCHEDULED, what="the delay")
    assert "half a deploy" in (detail(queue.database, job.id).attempts[0].error or "")
    assert sql(queue, "SELECT retries, crashes FROM delayed") == UNCHARGED
    module.write_text(whole)
    queue.operator("ada").resubmit([job.id])
    assert job.result(PATIENCE) == "done"
    assert not worker.ended


@pytest.mark.sqlite
def test_the_time_that_a_child_takes_to_start_is_not_its_handlers(queue: Queue, fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "heavy_tasks.py").write_text(
        "import sys, time\nfrom pqkit import task\n"
        "if 'pqkit.worker.child_main' in sys.orig_argv:\n    time.sleep(4)\n"
        "@task(isolation='process')\ndef apart() -> str:\n    return 'done'\n"
    )
    worker = fleet.start("w1", tasks="heavy_tasks", heartbeat="0.1", grace="0.1")
    job = queue.enqueue("apart", timeout=3, max_retries=0)
    wait_until(lambda: job.state.final, what="the end")
    assert (job.state, len(detail(queue.database, job.id).attempts)) == (JobState.COMPLETED, 1)
    assert "begins anew" not in worker.log


@pytest.mark.sqlite
def test_an_isolated_handlers_end_is_seen_although_a_fork_of_it_holds_the_connection(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("w1", tasks="tests.forking_handlers")
    path = tmp_path / "fork"
    job = queue.enqueue(forking_handlers.dies_and_leaves_a_fork, {"path": str(path)})
    wait_until(lambda: job.state.final or len(detail(queue.database, job.id).attempts) > 0, what="the end of the run")
    assert not lives(int(path.read_text().split()[0]))
