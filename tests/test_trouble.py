"""The disk fills, files vanish, databases break: one clear line, nothing lost, and back to work when it is mended."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pqkit import JobState, Queue, get_queue
from pqkit.db import connect
from pqkit.errors import DatabaseUnavailable
from pqkit.queries.audit_history import audit
from pqkit.settings import Settings
from pqkit.worker import Worker
from tests import handlers
from tests.fleet import Fleet
from tests.support import PATIENCE, wait_until
from tests.test_database import HOLDER, script
from tests.verbs import sql

pytestmark = pytest.mark.sqlite


def test_a_worker_whose_disk_is_full_waits_and_loses_nothing(queue: Queue, fleet: Fleet) -> None:
    """The kernel refuses the worker every byte beyond what is there, as a full disk would; then there is room again."""
    worker = fleet.start()
    assert queue.enqueue(handlers.double, {"n": 1}).result(PATIENCE) == 2
    pid, unlimited = worker.process.pid, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    jobs = [queue.enqueue(handlers.double, {"n": n}) for n in range(20)]
    with pytest.raises(TimeoutError):
        jobs[0].result(timeout=2)
    assert not worker.ended
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    assert [job.result(PATIENCE) for job in jobs] == [2 * n for n in range(20)]
    assert not worker.ended
    assert audit(queue.database).clean


def test_a_worker_that_starts_while_nothing_can_be_written_waits_until_it_can(
    queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a read-only disk: the database opens, and refuses every write."""
    worker = Worker(queue, Settings(), [handlers.double.name], name="w1")
    connections: list[Any] = []

    def run() -> None:
        connections.append(queue.database.connection())
        connections[0].execute("PRAGMA query_only=ON")
        worker.run()

    thread = threading.Thread(target=run)
    thread.start()
    job = queue.enqueue(handlers.double, {"n": 1})
    try:
        wait_until(lambda: "waiting for the database" in capsys.readouterr().out, what="its patience")
        assert thread.is_alive()
        assert job.state is JobState.PENDING
        connections[0].execute("PRAGMA query_only=OFF")
        assert job.result(PATIENCE) == 2
    finally:
        worker.stop()
        thread.join(PATIENCE)


def test_a_worker_whose_database_was_moved_away_makes_no_empty_one_and_takes_one_that_comes(
    queue: Queue, url: str, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start(heartbeat="0.2")
    assert queue.enqueue(handlers.double, {"n": 1}).result(PATIENCE) == 2
    shutil.move(queue.database.path.parent, tmp_path / "elsewhere")
    wait_until(lambda: "there is none at" in worker.log, what="its insight")
    assert "moved, removed or restored" in worker.log
    queue.close()
    assert not queue.database.path.exists()
    assert get_queue(url).enqueue(handlers.double, {"n": 4}).result(PATIENCE) == 8
    kept = get_queue(f"sqlite:///{tmp_path}/elsewhere/queue.db")
    assert sql(kept, "SELECT count(*) FROM closed") == [(1,)]


def test_no_empty_database_is_made_where_one_was_moved_away(queue: Queue, tmp_path: Path) -> None:
    there = connect(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(DatabaseUnavailable, match="cannot open"), there.write():
        pass
    assert not (tmp_path / "none.db").exists()


def test_a_broken_database_is_named_and_check_finds_it(queue: Queue, url: str) -> None:
    queue.enqueue_many("t", [{"text": "x" * 500}] * 200)
    queue.close()
    path = queue.database.path
    with path.open("r+b") as file:
        file.seek(12_288)
        file.write(b"\xff" * 40_000)
    checked = subprocess.run(
        [sys.executable, "-m", "pqkit", "--url", url, "db", "check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode in {1, 2}
    assert "Traceback" not in checked.stderr
    assert "damaged" in checked.stdout or "malformed" in checked.stderr + checked.stdout


def test_the_doctor_names_a_process_that_was_stopped_while_it_held_the_write_lock(queue: Queue, url: str) -> None:
    with script(HOLDER, url) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGSTOP)
        said = subprocess.run(
            [sys.executable, "-m", "pqkit", "--url", url, "doctor"], capture_output=True, text=True, check=False
        )
    assert said.returncode == 1
    assert f"process {holder.pid}" in said.stdout
